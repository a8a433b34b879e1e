import { APIS, ApiVersions } from '../../protocol/messages/index.ts';
import { type Scenario, scenario } from '../scenario.ts';
import type { Json } from '../transcript.ts';
import { replies, UNTIL_CLOSED } from './conversation.ts';
import { errorsOf, framed, header, probe, Reactions } from './reactions.ts';

/** socket.request.max.bytes */
const MAX_REQUEST_BYTES = 104_857_600;

/** Keys that no client may use: of controllers, or gone. Those that a listener of a broker serves with security, transactions or shares are not here. */
const NOT_FOR_CLIENTS = [-32_768, -2, -1, 4, 5, 6, 7, 52, 53, 54, 56, 58, 59, 62, 63, 67, 70, 73, 82, 95, 999, 32_767];

export const frameScenarios: readonly Scenario[] = [
  scenario(
    ApiVersions,
    'malformed keys and versions',
    async (stage) => {
      const reactions = new Reactions(stage);
      const answered = () => '';
      const keys: { [name: string]: Json } = {};
      for (const apiKey of NOT_FOR_CLIENTS) {
        for (const bytes of [0, 100]) {
          const frame = Buffer.concat([header({ apiKey, apiVersion: 0 }), Buffer.alloc(bytes)]);
          keys[`key ${apiKey} with ${bytes} bytes`] = await reactions.to(frame, answered);
        }
      }
      stage.note('keys', keys);
      const versions: { [name: string]: Json } = {};
      for (const { name, key: apiKey, versions: declared } of APIS) {
        if (apiKey === ApiVersions.key) continue;
        for (const apiVersion of [-32_768, -1, declared[1] + 1, 32_767]) {
          const frame = Buffer.concat([header({ apiKey, apiVersion }), Buffer.alloc(40)]);
          versions[`${name} v${apiVersion}`] = await reactions.to(frame, answered);
        }
      }
      stage.note('versions', versions);
      reactions.close();
    },
    [0, 0],
  ),

  // KIP-511: answered in the form of v0, as long as the header of the highest version that is known can be read.
  scenario(
    ApiVersions,
    'malformed requests of unknown versions',
    async (stage) => {
      const reactions = new Reactions(stage);
      for (const apiVersion of [-32_768, -1, ApiVersions.versions[1] + 1, 99, 32_767]) {
        const start = header({ apiKey: ApiVersions.key, apiVersion });
        const found: { [name: string]: Json } = {};
        const frames: Record<string, Buffer> = {
          'header v1': start,
          'header v2': Buffer.concat([start, Buffer.alloc(1)]),
          'header v2 with a tag': Buffer.concat([start, Buffer.from('01c80100', 'hex')]),
          'header v2 with a tag that is cut off': Buffer.concat([start, Buffer.from('01c80105', 'hex')]),
          'a body that nobody can read': Buffer.concat([start, Buffer.alloc(1), Buffer.alloc(40, 0xff)]),
          'no client id': Buffer.concat([header({ apiKey: ApiVersions.key, apiVersion, clientId: null }), Buffer.alloc(1)]),
          'half a client id': start.subarray(0, 13),
          'nothing behind the correlation id': start.subarray(0, 8),
          'half a correlation id': start.subarray(0, 6),
          'nothing behind the version': start.subarray(0, 4),
        };
        for (const [name, frame] of Object.entries(frames)) found[name] = await reactions.to(frame, errorsOf(ApiVersions, 0));
        stage.note(`version ${apiVersion}`, found);
      }
      reactions.close();
    },
    [0, 0],
  ),

  scenario(
    ApiVersions,
    'malformed frames',
    async (stage) => {
      const good = probe(1);
      const length = (value: number) => framed(Buffer.alloc(0), value);
      const lengths: { [name: string]: Json } = {};
      for (const value of [-(2 ** 31), -100, -1, MAX_REQUEST_BYTES + 1, 2 ** 31 - 1]) {
        lengths[`${value}`] = await replies(stage, [Buffer.concat([length(value), framed(good)])], UNTIL_CLOSED);
        lengths[`${value} behind a good request`] = await replies(stage, [Buffer.concat([framed(good), length(value)])], UNTIL_CLOSED);
      }
      // As many bytes follow as it says, but a header has ten at least.
      for (let value = 0; value < good.byteLength; value++) {
        const write = Buffer.concat([framed(good.subarray(0, value)), framed(probe(2))]);
        lengths[`${value}, too short for a header`] = await replies(stage, [write], UNTIL_CLOSED);
      }
      lengths['one too few'] = await replies(stage, [Buffer.concat([framed(good, good.byteLength - 1), framed(good)])], UNTIL_CLOSED);
      // These wait for bytes that do not come.
      lengths['one too many'] = await replies(stage, [framed(good, good.byteLength + 1)], 0);
      lengths[`${MAX_REQUEST_BYTES}`] = await replies(stage, [Buffer.concat([length(MAX_REQUEST_BYTES), good])], 0);
      lengths['three bytes of a length'] = await replies(stage, [length(10).subarray(0, 3)], 0);
      lengths['a length alone'] = await replies(stage, [length(10)], 0);
      stage.note('lengths', lengths);

      const others: { [name: string]: Json } = {
        HTTP: await replies(stage, [Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')], UNTIL_CLOSED),
        TLS: await replies(stage, [Buffer.from('16030100c8010000c40303', 'hex')], UNTIL_CLOSED),
        SSH: await replies(stage, [Buffer.from('SSH-2.0-OpenSSH_9.6\r\n')], UNTIL_CLOSED),
        zeros: await replies(stage, [Buffer.alloc(64)], UNTIL_CLOSED),
      };
      stage.note('other protocols', others);

      const two = Buffer.concat([framed(probe(1)), framed(probe(2))]);
      const bytes = [...two].map((byte) => Buffer.of(byte));
      const cut = (at: number) => [two.subarray(0, at), two.subarray(at)];
      const writes: { [name: string]: Json } = {
        'two requests in one write': await replies(stage, [two], 2),
        'each byte in a write of its own': await replies(stage, bytes, 2, 1),
        'cut in the first length': await replies(stage, cut(2), 2, 20),
        'cut behind the first length': await replies(stage, cut(4), 2, 20),
        'cut in the first header': await replies(stage, cut(9), 2, 20),
        'cut in the second length': await replies(stage, cut(two.byteLength / 2 + 1), 2, 20),
        'cut before the last byte': await replies(stage, cut(two.byteLength - 1), 2, 20),
      };
      stage.note('writes', writes);
    },
    [0, 0],
  ),
];
