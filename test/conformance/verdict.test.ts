import { expect, test } from 'vitest';
import { expectationsOf } from '../../src/conformance/stored-transcripts.ts';
import { BROKE_OFF, type Entry } from '../../src/conformance/transcript.ts';
import { figureLines, figuresOf, verdictOn } from '../../src/conformance/verdict.ts';

const entry = (version: number, step: string, response: Entry['response'], more: Partial<Entry> = {}): Entry => ({
  scenario: 'Fetch: a',
  version,
  step,
  outcome: 'response',
  response,
  ...more,
});
const EXPECTED = expectationsOf(
  {
    '4.4.0': [
      entry(4, 'one', { code: 0 }),
      entry(4, 'two', { errorMessage: 'a' }),
      entry(5, 'one', { configs: { 'retention.ms': { value: '-1' } } }),
    ],
    '3.9.1': [entry(0, 'one', { code: 0 }), entry(0, 'two', {})],
  },
  '4.4.0',
);
const against = { expected: EXPECTED, played: () => true, known: [] };
const request = { api: 'Fetch', version: 4, body: {} };

test('each difference is of a kind, and has the request and both responses', () => {
  const actual = [
    entry(4, 'one', { code: 3 }, { request }),
    entry(4, 'two', { errorMessage: 'b' }),
    entry(5, 'one', { configs: { 'retention.ms': { value: '5' } } }),
    entry(0, 'one', { code: 7 }),
    entry(0, 'two', {}),
  ];
  const known = [{ scenario: 'Fetch: *', versions: [0, 0], reason: 'old' } as const, { scenario: 'Produce: *', reason: 'gone' }];
  const verdict = verdictOn(actual, { ...against, known, settings: new Set(['retention.ms']) });
  expect(verdict.found).toMatchObject([
    {
      api: 'Fetch',
      version: 4,
      kafka: '4.4.0',
      kind: 'unexplained',
      path: 'code',
      request,
      expectedResponse: { code: 0 },
      actualResponse: { code: 3 },
    },
    { version: 0, kafka: '3.9.1', kind: 'known', reason: 'old' },
    { version: 5, kind: 'settings', path: 'configs.retention.ms.value' },
    { version: 4, kind: 'wording' },
  ]);
  expect(verdict.stale).toEqual([known[1]]);
  const figures = figuresOf('x', verdict);
  expect(figures).toEqual({
    target: 'x',
    against: [
      { version: '4.4.0', apis: 1, versions: 2, steps: 3, known: {}, settings: 1, wording: 1, unexplained: 1 },
      { version: '3.9.1', apis: 1, versions: 1, steps: 2, known: { old: 1 }, settings: 0, wording: 0, unexplained: 0 },
    ],
    apis: [
      { api: 'Fetch', kafka: '3.9.1', versions: 'v0', steps: 2, known: 1, unexplained: 0 },
      { api: 'Fetch', kafka: '4.4.0', versions: 'v4-5', steps: 3, known: 0, unexplained: 1 },
    ],
  });
  expect(figureLines(figures)).toEqual([
    'Apache Kafka 4.4.0: 3 steps at 2 versions of 1 APIs; differences: 1 unexplained, 0 known (0 reasons), 1 in words only, 1 of settings',
    'Apache Kafka 3.9.1: 2 steps at 1 versions of 1 APIs; differences: 0 unexplained, 1 known (1 reasons), 0 in words only',
  ]);
});

test('what was not played is not compared', () => {
  const verdict = verdictOn([entry(0, 'one', { code: 0 }), entry(0, 'two', {})], { ...against, played: (_, version) => version === 0 });
  expect(verdict.found).toEqual([]);
  expect(verdict.versions).toMatchObject([{ api: 'Fetch', version: 0, steps: 2 }]);
});

test('of a scenario that broke off the reason is told, and not each step that it never came to', () => {
  const broken = entry(0, BROKE_OFF, 'Error: why', { outcome: 'no response' });
  const { found } = verdictOn([broken], { ...against, played: (_, version) => version === 0 });
  expect(found).toMatchObject([{ step: BROKE_OFF, path: '', expected: undefined, actual: 'Error: why', kind: 'unexplained' }]);
});

test('a step that never came is a difference where the scenario went on', () => {
  const { found } = verdictOn([entry(0, 'one', { code: 0 })], { ...against, played: (_, version) => version === 0 });
  expect(found).toMatchObject([{ step: 'two', path: '', actual: undefined, kind: 'unexplained' }]);
});
