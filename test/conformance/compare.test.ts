import { expect, test } from 'vitest';
import { compareTranscripts } from '../../src/conformance/compare.ts';
import { judge } from '../../src/conformance/known.ts';
import { describeDifferences, rangesOf } from '../../src/conformance/report.ts';
import type { Entry, Json, Transcript } from '../../src/conformance/transcript.ts';

const entry = (response: Json, more: Partial<Entry> = {}): Entry => ({
  scenario: 'Produce: appending',
  version: 3,
  step: 'acks=1',
  outcome: 'response',
  response,
  ...more,
});
const transcript = (...entries: Entry[]): Transcript => ({ entries, runs: 1, tookMs: 0 });
const compare = (expected: Json, actual: Json) => compareTranscripts(transcript(entry(expected)), transcript(entry(actual)));

test('equal responses have no difference, in whatever order their keys are', () => {
  expect(compare({ a: 1, b: [{ c: null }] }, { b: [{ c: null }], a: 1 })).toEqual([]);
});

test('a difference names the field, and both values', () => {
  expect(compare({ topics: { a: { errorCode: 0 } } }, { topics: { a: { errorCode: 3 } } })).toMatchObject([
    { scenario: 'Produce: appending', version: 3, step: 'acks=1', path: 'topics.a.errorCode', expected: 0, actual: 3, wordingOnly: false },
  ]);
});

test('a field or an element that one side does not have is a difference', () => {
  expect(compare({ list: [1, 2] }, { list: [1] })).toMatchObject([{ path: 'list.1', expected: 2, actual: undefined }]);
  expect(compare({}, { more: 1 })).toMatchObject([{ path: 'more', expected: undefined, actual: 1 }]);
  expect(compare({ a: null }, { a: [] })).toMatchObject([{ path: 'a', expected: null, actual: [] }]);
  expect(compare({ a: {} }, { a: [] })).toHaveLength(1);
});

test('an element whose id differs is the same element', () => {
  const element = (topicId: string) => ({ topicId, errorCode: 0 });
  expect(compare({ topics: { '~a <id>': element('<id>'), '~b': {} } }, { topics: { '~a': element('none'), '~b': {} } })).toMatchObject([
    { path: 'topics.~a <id>.topicId', expected: '<id>', actual: 'none' },
  ]);
  expect(compare({ topics: { '~a <1>': {}, '~a <2>': {} } }, { topics: { '~a': {} } }).map(({ path }) => path)).toEqual([
    'topics.~a <1>',
    'topics.~a <2>',
    'topics.~a',
  ]);
});

test('other words in a message are no difference in kind, a missing message is', () => {
  expect(compare({ errorMessage: 'one' }, { errorMessage: 'two' })).toMatchObject([{ wordingOnly: true }]);
  expect(compare({ errorMessage: 'one' }, { errorMessage: null })).toMatchObject([{ wordingOnly: false }]);
});

test('an answer on one side and a closed connection on the other is one difference', () => {
  const closed = entry(null, { outcome: 'connection closed' });
  expect(compareTranscripts(transcript(entry({ a: 1 })), transcript(closed))).toMatchObject([
    { path: 'outcome', expected: 'response', actual: 'connection closed' },
  ]);
});

test('a step that one side never came to is a difference', () => {
  const more = entry({}, { step: 'another' });
  expect(compareTranscripts(transcript(entry({}), more), transcript(entry({})))).toMatchObject([
    { step: 'another', expected: 'response', actual: undefined },
  ]);
  expect(compareTranscripts(transcript(entry({})), transcript(entry({}), more))).toMatchObject([
    { step: 'another', expected: undefined, actual: 'response' },
  ]);
});

test('a difference is known by scenario, step, field and version, and one that is not in the list stays unknown', () => {
  const [difference] = compare({ code: 0 }, { code: 3 });
  const judged = (known: object) => judge([difference!], [{ scenario: 'Produce: *', reason: 'r', ...known }]);
  expect(judged({}).unknown).toEqual([]);
  expect(judged({ step: 'acks=1', path: 'code', versions: [3, 5] })).toMatchObject({ known: [difference], unknown: [], stale: [] });
  for (const other of [
    { scenario: 'Fetch: *' },
    { step: 'acks=0' },
    { path: 'codes' },
    { path: 'cod' },
    { versions: [4, 5] },
    { absentIn: 'minikafka' },
  ]) {
    expect(judged(other)).toMatchObject({ known: [], unknown: [difference], stale: [other] });
  }
});

test('an entry may be limited to fields that one side lacks', () => {
  const [here] = compare({ key: 1 }, {});
  const [there] = compare({}, { key: 1 });
  const list = [{ scenario: '*', absentIn: 'minikafka', reason: 'r' } as const];
  expect(judge([here!, there!], list)).toMatchObject({ known: [here], unknown: [there] });
});

test('a pattern takes everything but * literally', () => {
  const differences = compareTranscripts(
    transcript(entry({ a: 1 }, { step: 'a (b) [c]' }), entry({ a: 1 }, { step: 'ab c' })),
    transcript(entry({ a: 2 }, { step: 'a (b) [c]' }), entry({ a: 2 }, { step: 'ab c' })),
  );
  expect(judge(differences, [{ scenario: '*', step: 'a (b) [c]', reason: 'r' }])).toMatchObject({
    known: [{ step: 'a (b) [c]' }],
    unknown: [{ step: 'ab c' }],
  });
});

test('words alone make no entry of the list used', () => {
  const differences = compare({ errorMessage: 'one' }, { errorMessage: 'two' });
  const list = [{ scenario: '*', reason: 'r' }];
  expect(judge(differences, list)).toEqual({ unknown: [], known: [], wording: differences, stale: list });
});

test('the report puts the same difference at several versions on one line', () => {
  const at = (version: number, code: number) =>
    transcript(...[0, 1, 2, 4].map((each) => entry({ code: each === version ? 9 : code }, { version: each })));
  const text = describeDifferences(compareTranscripts(at(4, 0), at(-1, 3)));
  expect(text.split('\n')).toEqual(['Produce: appending / acks=1', '  v0-2  code: 0 -> 3', '  v4  code: 9 -> 3']);
  expect(rangesOf([5, 0, 1, 3, 3])).toBe('v0-1,3,5');
});
