import { APIS } from '../../protocol/messages/index.ts';
import type { Api } from '../../protocol/schema.ts';
import { type Scenario, scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';
import type { Json } from '../transcript.ts';
import { harmlessChoice } from './harmless.ts';
import { type Layout, layOut } from './layout.ts';
import { errorsOf, header, Reactions } from './reactions.ts';
import {
  bytesBehind,
  cutShort,
  numbersAtTheirEnds,
  varint,
  type Wrong,
  wrongBytes,
  wrongCounts,
  wrongFlags,
  wrongStrings,
  wrongTags,
} from './wrong.ts';

/** Declared, but served by no minikafka: the command line asks Kafka. */
const ASKED_ONLY: ReadonlySet<string> = new Set(['ConsumerGroupDescribe']);
/** Versions that no broker serves unless it is told to. */
const UNSTABLE: Readonly<Record<string, number>> = { InitProducerId: 6 };

/** Of a request, for whoever looks at a difference. */
const SHOWN_BYTES = 200;

interface WrongRequest {
  readonly name: string;
  readonly frame: Buffer;
  readonly everything?: boolean | undefined;
}

/**
 * Every API at every version, as its declaration says it should be, and then with one thing wrong at a time. One step for each kind of mistake; its
 * response says for each mistake what the broker did.
 */
export const malformedRequestScenarios: readonly Scenario[] = APIS.filter(({ name }) => !ASKED_ONLY.has(name)).map((api: Api) => {
  const [first, last] = api.versions;
  return scenario(api, 'malformed requests', (stage) => playAll(api, stage), [first, last === UNSTABLE[api.name] ? last - 1 : last]);
});

async function playAll(api: Api, stage: Stage): Promise<void> {
  const { version } = stage;
  const reactions = new Reactions(stage);
  const layout = layOut(api.request, version, await harmlessChoice(api.name, stage));
  for (const [step, requests] of Object.entries(stepsOf(api, version, layout))) {
    const found: { [name: string]: Json } = {};
    for (const { name, frame, everything } of requests) {
      found[name] = await reactions.to(frame, everything ? () => '' : errorsOf(api, version));
    }
    const sent = requests.map(({ name, frame }) => [name, frame.toString('hex', 0, SHOWN_BYTES)]);
    if (requests.length > 0) stage.note(step, found, { api: api.name, version, body: Object.fromEntries(sent) });
  }
}

/** The mistakes that a request of an API can have, by step. */
export function stepsOf(api: Api, version: number, layout: Layout): Readonly<Record<string, readonly WrongRequest[]>> {
  const { flexible, body } = layout;
  const around = header({ apiKey: api.key, apiVersion: version });
  const start = flexible ? Buffer.concat([around, varint(0)]) : around;
  const inHeader = (wrong: readonly Wrong[]) =>
    wrong.map(({ name, body: wrongBody, everything }) => ({ name, frame: Buffer.concat([start, wrongBody]), everything }));
  return {
    'as it should be': [{ name: 'the request', frame: Buffer.concat([start, body]) }],
    'cut short': inHeader(cutShort(layout)),
    'bytes behind it': inHeader(bytesBehind(layout)),
    'counts of arrays': inHeader(wrongCounts(layout)),
    'lengths of strings': inHeader(wrongStrings(layout)),
    'lengths of bytes': inHeader(wrongBytes(layout)),
    'flags that are neither 0 nor 1': inHeader(wrongFlags(layout)),
    'numbers at their ends': inHeader(numbersAtTheirEnds(layout)),
    tags: inHeader(wrongTags(layout)),
    headers: wrongHeaders(api, version, layout),
  };
}

/** Of a request that is good. */
function wrongHeaders(api: Api, version: number, { body, flexible }: Layout): WrongRequest[] {
  const withClient = (clientId: Uint8Array | string | null, tags = flexible ? varint(0) : Buffer.alloc(0)) =>
    Buffer.concat([header({ apiKey: api.key, apiVersion: version, clientId }), tags, body]);
  const lengthOfClientId = (length: string) => {
    const frame = withClient(null);
    frame.write(length, 8, 'hex');
    return frame;
  };
  const whole = withClient('malformed');
  const requests = [
    { name: 'no client id', frame: withClient(null) },
    { name: 'a client id of length -2', frame: lengthOfClientId('fffe') },
    { name: 'a client id longer than the request', frame: lengthOfClientId('7fff') },
    { name: 'a client id that is no UTF-8', frame: withClient(Buffer.from('ff00fe', 'hex')) },
    { name: 'a client id of 32767 bytes', frame: withClient('c'.repeat(0x7fff)) },
    {
      name: flexible ? 'header v1, without tags' : 'header v2, with tags',
      frame: withClient('malformed', flexible ? Buffer.alloc(0) : varint(0)),
    },
    { name: 'nothing behind the version', frame: whole.subarray(0, 4) },
    { name: 'nothing behind the correlation id', frame: whole.subarray(0, 8) },
    { name: 'half a client id', frame: whole.subarray(0, 13) },
  ];
  if (!flexible) return requests;
  return [
    ...requests,
    { name: 'an unknown tag', frame: withClient('malformed', Buffer.from('01c801020102', 'hex')) },
    { name: 'an unknown tag twice', frame: withClient('malformed', Buffer.from('02c8010101c8010101', 'hex')) },
    { name: 'a tag larger than the request', frame: withClient('malformed', Buffer.from('01c801ffffffff07', 'hex')) },
    { name: 'a negative count of tags', frame: withClient('malformed', Buffer.from('ffffffff0f', 'hex')) },
    { name: 'a count of tags without an end', frame: withClient('malformed', Buffer.from('ffffffffffff', 'hex')) },
  ];
}
