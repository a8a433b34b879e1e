import { expect, test } from 'vitest';
import { differenceLines } from '../../../src/cli/conformance/difference-text.ts';
import { asJson } from '../../../src/cli/conformance/json.ts';
import { junitXml } from '../../../src/cli/conformance/junit.ts';
import { parseOnly } from '../../../src/cli/conformance/only.ts';
import { progressOn } from '../../../src/cli/conformance/progress.ts';
import { writeVersions } from '../../../src/cli/conformance/table.ts';
import { fakeClock } from '../../../src/core/fake-clock.ts';
import { found, result, version } from './result.ts';

function written(isTerminal: boolean) {
  const text: string[] = [];
  const output = {
    line: (line: string) => void text.push(`${line}\n`),
    text: (part: string) => void text.push(part),
    isTerminal,
    hasColors: false,
    columns: 60,
  };
  return { output, text };
}

test('on a terminal an API is a row, with its versions by how they did', () => {
  const { output, text } = written(true);
  writeVersions(output, result());
  expect(text.map((line) => line.trimEnd())).toEqual([
    'API        KEY  PASS  DIFFERS  KNOWN  NOT OFFERED  STEPS',
    'Fetch      1    5-6   4               3            30',
    'Heartbeat  12                  0                   3',
  ]);
});

test('in a pipe a version is a line', () => {
  const { output, text } = written(false);
  writeVersions(output, result());
  expect(text.slice(0, 2)).toEqual(['Fetch\t1\t3\tnot offered\t0\t0\t0\n', 'Fetch\t1\t4\tdiffers\t10\t1\t0\n']);
  expect(text).toHaveLength(5);
});

test('a difference names API, versions, scenario, step, field, both values, and the request', () => {
  const lines = differenceLines([found(), found({ version: 5 }), found({ version: 7, actual: 2 })], false);
  expect(lines).toEqual([
    'Fetch v4-5  reading / from 1',
    '  responses.~a.partitions.0.highWatermark: Apache Kafka 4.4.0 4, here 3',
    '  request Fetch v4: {"topics":["~a"]}',
    'Fetch v7  reading / from 1',
    '  responses.~a.partitions.0.highWatermark: Apache Kafka 4.4.0 4, here 2',
    '  request Fetch v4: {"topics":["~a"]}',
  ]);
});

test('what is shown is bounded, and with --verbose it is whole, with both responses', () => {
  const many = Array.from({ length: 30 }, (_, i) => found({ step: `step ${i}`, actual: 'x'.repeat(5000) }));
  const lines = differenceLines(many, false);
  expect(lines.filter((line) => line.startsWith('Fetch'))).toHaveLength(20);
  expect(lines.at(-1)).toBe('... and 10 more steps; --verbose shows all, --only some');
  expect(Math.max(...lines.map(({ length }) => length))).toBeLessThan(500);
  const fields = differenceLines(
    Array.from({ length: 30 }, (_, i) => found({ path: `f${i}` })),
    false,
  );
  expect(fields).toContain('  ... and 22 more fields');
  const verbose = differenceLines(many, true);
  expect(verbose.filter((line) => line.startsWith('Fetch'))).toHaveLength(30);
  expect(verbose).toContain('  Apache Kafka 4.4.0: {"highWatermark":4}');
  expect(verbose).toContain('  here: {"highWatermark":3}');
  expect(verbose[1]).toContain('x'.repeat(5000));
});

test('what a broker answers cannot command the terminal', () => {
  const lines = differenceLines([found({ actual: '\x1b[2J', step: 'a\x07' })], true);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  expect(lines.join('\n')).not.toMatch(/[\x00-\x09\x0b-\x1f]/);
});

test('JSON has the versions of each API, and both responses of what is unexplained', () => {
  const json = JSON.parse(JSON.stringify(asJson(result(), false)));
  expect(json).toMatchObject({
    target: { address: 'kafka.example:9092', nodeId: 5, brokers: 1 },
    against: '4.4.0',
    passed: false,
    stopped: null,
    apis: [
      {
        api: 'Fetch',
        key: 1,
        versions: [
          { version: 3, status: 'not offered' },
          { version: 4, status: 'differs', unexplained: 1, steps: 10, kafka: '4.4.0' },
          { version: 5 },
          { version: 6 },
        ],
      },
      { api: 'Heartbeat', key: 12, versions: [{ version: 0, status: 'known' }] },
    ],
    leftovers: { topics: [], groups: [] },
    tookMs: 1235,
  });
  expect(json.differences).toEqual([
    {
      api: 'Fetch',
      version: 4,
      kafka: '4.4.0',
      scenario: 'Fetch: reading',
      step: 'from 1',
      fields: [{ field: 'responses.~a.partitions.0.highWatermark', expected: 4, actual: 3, kind: 'unexplained', reason: null }],
      request: { api: 'Fetch', version: 4, body: { topics: ['~a'] } },
      expectedResponse: { highWatermark: 4 },
      actualResponse: { highWatermark: 3 },
    },
    {
      api: 'Heartbeat',
      version: 0,
      kafka: '4.4.0',
      scenario: 'Heartbeat: all',
      step: 'beat',
      fields: [{ field: 'responses.~a.partitions.0.highWatermark', expected: 4, actual: 3, kind: 'known', reason: 'on purpose' }],
    },
  ]);
});

/** The elements of an XML text, as far as it is well-formed. @throws where it is not */
function elementsOf(xml: string): { name: string; attributes: Record<string, string>; parent: string | undefined }[] {
  const elements: ReturnType<typeof elementsOf> = [];
  const open: string[] = [];
  let rest = xml.replace(/^<\?xml version="1.0" encoding="UTF-8"\?>\n/, '');
  for (let match: RegExpExecArray | null; rest.trim() !== ''; rest = rest.slice(match[0].length)) {
    match = /^(?:<(\w+)((?: \w+="[^"<&]*(?:&(?:amp|lt|gt|quot|#10);[^"<&]*)*")*)(\/?)>|<\/(\w+)>|[^<>&]+|&(?:amp|lt|gt|quot|#10);)/.exec(
      rest,
    );
    if (!match) throw new Error(`not well-formed at: ${rest.slice(0, 80)}`);
    const [, name, attributes = '', closed, ended] = match;
    if (name)
      elements.push({
        name,
        attributes: Object.fromEntries([...attributes.matchAll(/(\w+)="([^"]*)"/g)].map(([, key, value]) => [key, value])),
        parent: open.at(-1),
      });
    if (name && !closed) open.push(name);
    if (ended && open.pop() !== ended) throw new Error(`${ended} ends what it does not begin`);
  }
  if (open.length > 0) throw new Error(`${open} is not closed`);
  return elements;
}

test('JUnit gets a suite for each API, a case for each scenario and version, what failed, and what was left out', () => {
  const elements = elementsOf(junitXml(result()));
  const of = (name: string) => elements.filter((element) => element.name === name).map(({ attributes }) => attributes);
  expect(of('testsuites')).toEqual([{ name: 'conformance of kafka.example:9092', time: '1.234' }]);
  expect(of('testsuite')).toEqual([
    { name: 'Fetch', tests: '6', failures: '1', skipped: '2' },
    { name: 'Heartbeat', tests: '1', failures: '0', skipped: '0' },
  ]);
  expect(of('testcase').map(({ name }) => name)).toEqual(['v3', 'v4 reading', 'v4 other', 'v4 loud', 'v5 reading', 'v6 reading', 'v0 all']);
  expect(of('failure')).toEqual([{ message: '1 differences: responses.~a.partitions.0.highWatermark' }]);
  expect(of('skipped')).toEqual([{ message: 'not offered' }, { message: 'it disturbs' }]);
});

test('JUnit stays XML, whatever names and values hold', () => {
  const nasty = '<&>"\'\x00\x1b\u{fffe}]]>\n</failure>';
  const wrong = found({ step: nasty, path: nasty, actual: nasty });
  const elements = elementsOf(
    junitXml(
      result({ found: [wrong], versions: [version({ status: 'differs', leftOut: [{ scenario: `Fetch: ${nasty}`, reason: nasty }] })] }),
    ),
  );
  expect(elements.map(({ name }) => name)).toEqual(['testsuites', 'testsuite', 'testcase', 'failure', 'testcase', 'testcase', 'skipped']);
});

const APIS = [
  { key: 0, name: 'Produce', versions: [0, 13] },
  { key: 1, name: 'Fetch', versions: [0, 18] },
] as const;

test('--only takes APIs by name or key, with a version or a range', () => {
  const wanted = parseOnly(['fetch,Produce:7', '1:3'], APIS);
  expect([wanted(1, 0), wanted(1, 99), wanted(0, 7), wanted(0, 6)]).toEqual([true, true, true, false]);
  const range = parseOnly(['0:1-3'], APIS);
  expect([0, 1, 3, 4].map((each) => range(0, each))).toEqual([false, true, true, false]);
  expect(parseOnly(undefined, APIS)(5, 5)).toBe(true);
});

test.each([
  ['Fetsch', 'no scenario is about "Fetsch"; there are Produce, Fetch'],
  ['Fetch:', 'write an API'],
  ['Fetch:1-', 'write an API'],
  ['', 'write an API'],
  ['Fetch:19', 'Fetch has v0-18 here'],
  ['Produce:5-3', 'Produce has v0-13 here'],
])('--only %s is refused', (text, why) => {
  expect(() => parseOnly([text], APIS)).toThrow(why);
});

const PROGRESS = { runs: 1, of: 9, brokenOff: 0, last: { scenario: { name: 'Fetch: reading '.repeat(9) }, version: 4 } as never };

test('progress is one line that changes on a terminal, and goes at the end', async () => {
  const clock = fakeClock();
  const { output, text } = written(true);
  const progress = progressOn(output, clock);
  for (const ms of [0, 10, 100]) {
    await clock.advance(ms);
    progress.show(PROGRESS);
  }
  progress.done();
  progress.done();
  expect(text).toHaveLength(3);
  expect(text[0]!.startsWith('\r\x1b[K1 of 9 runs: Fetch: reading')).toBe(true);
  expect(text[0]!.length).toBeLessThan(65);
  expect(text[2]).toBe('\r\x1b[K');
});

test('in a pipe progress is a line now and then', async () => {
  const clock = fakeClock();
  const { output, text } = written(false);
  const progress = progressOn(output, clock);
  for (let i = 0; i < 25; i++) {
    progress.show({ ...PROGRESS, brokenOff: 2, last: null });
    await clock.advance(1000);
  }
  progress.done();
  expect(text).toEqual(['1 of 9 runs, 2 broke off\n', '1 of 9 runs, 2 broke off\n']);
});
