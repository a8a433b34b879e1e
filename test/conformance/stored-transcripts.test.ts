import { expect, test } from 'vitest';
import { versionsOf } from '../../src/conformance/run.ts';
import { SCENARIOS } from '../../src/conformance/scenarios/index.ts';
import {
  apiOf,
  expectationsOf,
  foldTranscripts,
  layOut,
  type StoredTranscripts,
  unfoldTranscripts,
  versionKey,
} from '../../src/conformance/stored-transcripts.ts';
import { BROKE_OFF, type Entry, entryKey } from '../../src/conformance/transcript.ts';
import { fileNameOf, loadTranscripts, transcriptText } from '../../src/conformance/transcript-files.ts';

const entry = (scenario: string, version: number, step: string, more: Partial<Entry> = {}): Entry => ({
  scenario,
  version,
  step,
  outcome: 'response',
  response: { errorCode: 0 },
  ...more,
});
const RECORDED = {
  '4.4.0': [
    ...[3, 4, 5, 7].map((version) => entry('Fetch: a', version, 'one')),
    entry('Fetch: a', 6, 'one', { response: { errorCode: 3 } }),
    entry('Fetch: a', 6, 'two', { outcome: 'connection closed', response: null }),
    entry('Produce: b', 3, 'one', { response: null }),
  ],
  '3.9.1': [...[0, 1, 2, 3].map((version) => entry('Fetch: a', version, 'one')), entry('Fetch: a', 4, 'one', { response: 'other' })],
};
const inOrder = (entries: readonly Entry[]) => [...entries].sort((a, b) => (entryKey(a) < entryKey(b) ? -1 : 1));

test('an answer is stored once, with the versions at which each Kafka gave it', () => {
  expect(foldTranscripts(RECORDED)).toEqual([
    {
      api: 'Fetch',
      scenarios: {
        'Fetch: a': {
          one: [
            { '4.4.0': '3-5,7', '3.9.1': '0-3', response: { errorCode: 0 } },
            { '4.4.0': '6', response: { errorCode: 3 } },
            { '3.9.1': '4', response: 'other' },
          ],
          two: [{ '4.4.0': '6', outcome: 'connection closed' }],
        },
      },
    },
    { api: 'Produce', scenarios: { 'Produce: b': { one: [{ '4.4.0': '3', response: null }] } } },
  ]);
});

test('what was stored comes back as it was, through text', () => {
  const stored = foldTranscripts(RECORDED).map((each) => JSON.parse(transcriptText(each)) as StoredTranscripts);
  const back = unfoldTranscripts(stored);
  expect(inOrder(back['4.4.0'])).toEqual(inOrder(RECORDED['4.4.0']));
  expect(inOrder(back['3.9.1'])).toEqual(inOrder(RECORDED['3.9.1']));
  expect(unfoldTranscripts(stored, (scenario) => scenario.startsWith('Produce'))).toMatchObject({
    '4.4.0': [{ step: 'one' }],
    '3.9.1': [],
  });
});

test('a scenario that broke off is nothing to hold others against', () => {
  const broken = entry('Fetch: a', 3, BROKE_OFF, { response: 'Error: no' });
  expect(() => foldTranscripts({ '4.4.0': [broken], '3.9.1': [] })).toThrow('Apache Kafka 4.4.0, Fetch: a v3: "Error: no"');
});

test('at each version one Kafka counts: the one that is asked for, else the other', () => {
  const shape = (first: '4.4.0' | '3.9.1') =>
    [...expectationsOf(RECORDED, first)].map(([key, { kafka, entries }]) => [key, kafka, entries.length]);
  expect(new Set(shape('4.4.0'))).toEqual(
    new Set([
      ...[3, 4, 5, 7].map((version) => [`Fetch v${version}`, '4.4.0', 1]),
      ['Fetch v6', '4.4.0', 2],
      ['Produce v3', '4.4.0', 1],
      ...[0, 1, 2].map((version) => [`Fetch v${version}`, '3.9.1', 1]),
    ]),
  );
  expect(shape('3.9.1')).toContainEqual(['Fetch v4', '3.9.1', 1]);
  expect(shape('3.9.1')).toContainEqual(['Fetch v7', '4.4.0', 1]);
});

test('the text has on one line what fits there, and is JSON', () => {
  const value = { short: [1, { a: null }], long: Array.from({ length: 40 }, (_, i) => `element ${i}`), '': {} };
  const text = layOut(value);
  expect(JSON.parse(text)).toEqual(value);
  expect(text.split('\n').slice(0, 4)).toEqual(['{', ' "short": [1,{"a":null}],', ' "long": [', '  "element 0",']);
  expect(layOut({ a: 1 })).toBe('{"a":1}');
});

test('files are named after their API', () => {
  expect(fileNameOf('OffsetForLeaderEpoch')).toBe('offset-for-leader-epoch.json');
});

test('what is stored is laid out as it would be written', () => {
  for (const stored of loadTranscripts(['Heartbeat', 'Metadata'])) expect(JSON.parse(transcriptText(stored))).toEqual(stored);
});

test('every scenario is recorded, at every version that an Apache Kafka has', () => {
  const apis = [...new Set(SCENARIOS.map(({ name }) => apiOf(name)))];
  const recorded = unfoldTranscripts(loadTranscripts(apis));
  const stored = new Set([...recorded['4.4.0'], ...recorded['3.9.1']].map(({ scenario, version }) => versionKey(scenario, version)));
  const missing = SCENARIOS.flatMap((each) => versionsOf(each).map((version) => versionKey(each.name, version))).filter(
    (key) => !stored.has(key),
  );
  expect(missing, 'MINIKAFKA_RECORD=1 npm run test:kafka records them').toEqual([]);
  const names = new Set(SCENARIOS.map(({ name }) => name));
  expect([...recorded['4.4.0'], ...recorded['3.9.1']].filter(({ scenario }) => !names.has(scenario))).toEqual([]);
});
