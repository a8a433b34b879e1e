import { expect, test } from 'vitest';
import { layOut } from '../../src/conformance/malformed/layout.ts';
import { errorsOf, header } from '../../src/conformance/malformed/reactions.ts';
import { stepsOf } from '../../src/conformance/malformed/requests.ts';
import { cutShort, wrongCounts, wrongStrings, wrongTags } from '../../src/conformance/malformed/wrong.ts';
import { play, versionsOf } from '../../src/conformance/run.ts';
import { SCENARIOS } from '../../src/conformance/scenarios/index.ts';
import type { Json } from '../../src/conformance/transcript.ts';
import { HANDLERS } from '../../src/handlers/index.ts';
import { APIS, Heartbeat } from '../../src/protocol/messages/index.ts';
import type { Api } from '../../src/protocol/schema.ts';
import { decode } from '../support/interpreter.ts';
import { memoryBroker } from '../support/memory-broker.ts';
import { kafkaMessages } from '../support/schema-files.ts';

const MESSAGES = kafkaMessages('api');
const scenarios = SCENARIOS.filter(({ name }) => /: (malformed|pipelined) /.test(name));

/** Every API at every version: its layout, and what Kafka's own definition reads from bytes. */
const laidOut = APIS.flatMap((api: Api) =>
  versionsOf(api).map((version) => {
    const layout = layOut(api.request, version, () => undefined);
    return {
      name: `${api.name} v${version}`,
      layout,
      read: (bytes: Buffer) => decode(MESSAGES.get(`${api.name}Request`)!, version, bytes),
    };
  }),
);

test('a request is laid out as Kafka defines it, with a place for every length, and nothing else is wrong with it', () => {
  for (const { name, layout, read } of laidOut) {
    expect(() => read(layout.body), name).not.toThrow();
    for (const { at, contentAt, end } of layout.places) expect([at < contentAt, contentAt <= end], name).toEqual([true, true]);
  }
});

test('unknown tags and padded lengths change nothing of what a request says', () => {
  let seen = 0;
  for (const { name, layout, read } of laidOut) {
    const whole = read(layout.body);
    const harmless = [...wrongTags(layout), ...wrongCounts(layout), ...wrongStrings(layout)].filter((wrong) =>
      /padded$|an unknown tag$|an unknown tag of 0 bytes$/.test(wrong.name),
    );
    for (const wrong of harmless) expect(read(wrong.body), `${name}: ${wrong.name}`).toEqual(whole);
    seen += harmless.length;
  }
  expect(seen).toBeGreaterThan(500);
});

test('what is cut short, or is said to have far too many elements, is nothing that Kafka could read', () => {
  for (const { name, layout, read } of laidOut) {
    const broken = [...cutShort(layout), ...wrongCounts(layout).filter((wrong) => / far too many$/.test(wrong.name))];
    for (const wrong of broken) expect(() => read(wrong.body), `${name}: ${wrong.name}`).toThrow();
  }
});

test('the mistakes of a step have names of their own', () => {
  for (const api of APIS as readonly Api[]) {
    for (const version of versionsOf(api)) {
      for (const wrongs of Object.values(
        stepsOf(
          api,
          version,
          layOut(api.request, version, () => undefined),
        ),
      )) {
        expect(new Set(wrongs.map(({ name }) => name)).size).toBe(wrongs.length);
      }
    }
  }
});

test('an answer is told by its errors, and one to another request, or with bytes behind it, is seen', () => {
  const answer = (hex: string) => errorsOf(Heartbeat, 1)(Buffer.from(hex, 'hex'));
  expect(answer('00000007 00000000 0019'.replaceAll(' ', ''))).toBe('UNKNOWN_MEMBER_ID');
  expect(answer('00000008 00000000 0019'.replaceAll(' ', ''))).toBe('to another request');
  expect(answer('00000007 00000000 0019 00'.replaceAll(' ', ''))).toBe('with 1 bytes behind it');
  expect(answer('00000007 00'.replaceAll(' ', ''))).toContain('does not decode');
  expect(header({ apiKey: 12, apiVersion: 1, clientId: null }).toString('hex')).toBe('000c000100000007ffff');
});

/** All that a scenario's steps say of each mistake. */
const reactionsIn = (response: Json): string[] => {
  if (typeof response === 'string') return [response];
  return typeof response === 'object' && response !== null ? Object.values(response).flatMap(reactionsIn) : [];
};

test('minikafka answers or closes on every mistake, survives them all, and leaves nothing open', { timeout: 120_000 }, async () => {
  const { broker, clock, network, logged } = await memoryBroker();
  const address = { host: 'broker', port: 9092 };
  const playing = play({ transport: network.transport('client'), clock, address }, scenarios);
  let over = false;
  void playing.finally(() => {
    over = true;
  });
  while (!over) await clock.advance(50);
  const { entries } = await playing;
  const served = HANDLERS.flatMap(({ api, versions }) =>
    versionsOf({ versions }).map((version) => `${api.name}: malformed requests ${version}`),
  );
  const good = entries.filter(({ scenario, version, step }) => step === 'as it should be' && served.includes(`${scenario} ${version}`));
  expect(good.length).toBeGreaterThan(200);
  for (const { scenario, version, response } of good) {
    for (const reaction of reactionsIn(response)) expect(reaction, `${scenario} v${version}`).toMatch(/^answer/);
  }
  for (const { scenario, version, step, response } of entries) {
    if (scenario === 'ApiVersions: malformed frames') continue; // some of them are waited for
    for (const reaction of reactionsIn(response)) {
      expect(reaction, `${scenario} v${version} / ${step}`).not.toMatch(/silent|does not decode|another request|UNKNOWN_SERVER_ERROR/);
    }
  }
  expect(network.open()).toBe(0);
  expect(logged.filter(({ level }) => level === 'error')).toEqual([]);
  await broker.close();
});
