import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { runKafkaTool } from './apache-kafka.ts';

/**
 * Has Apache Kafka's DumpLogSegments read every .log, .index, .timeindex and .snapshot below a directory, and tells what it finds wrong.
 * The tool's exit code says nothing, and it goes on after most of what it finds, so its output is held to what a sound file gives,
 * line by line, and to the number of batches, entries and producers that the file must have. (The tool of 3.9.1, the last one that came with
 * the broker's jars.)
 */
export function dumpProblems(directory: string): string[] {
  return dumpLogs(directory).problems;
}

export interface Dump {
  readonly problems: string[];
  /** What it writes of each batch, by file. */
  readonly batches: ReadonlyMap<string, readonly string[]>;
}

/**
 * As `dumpProblems`, with what it says of sound batches too.
 * @param compacted topics whose logs may have gaps between offsets; the tool tells of each
 */
export function dumpLogs(directory: string, compacted: readonly string[] = []): Dump {
  const files = logFilesBelow(directory);
  if (files.length === 0) return { problems: [`there is nothing to dump in ${directory}`], batches: new Map() };
  const batches = new Map<string, readonly string[]>();
  const problems = [...batchesOf(files)].flatMap((some) => {
    const args = ['--deep-iteration', '--files', some.join(',')];
    const { stdout, stderr } = runKafkaTool('3.9.1', directory, 'kafka.tools.DumpLogSegments', args);
    // What it finds wrong with indexes and offsets, and why it gave up, goes to its standard error; nothing else does.
    const sections = sectionsOf(stdout);
    for (const [file, lines] of sections) {
      const ofBatches = lines.filter((line) => line.startsWith('baseOffset: '));
      if (file.endsWith('.log')) batches.set(file, ofBatches);
    }
    const said = withoutCompaction(stderr.split('\n'), compacted, batches).filter((line) => line.trim() !== '');
    return [...said.slice(0, 20), ...problemsIn(sections, directory, some)];
  });
  return { problems, batches };
}

/**
 * Leaves out what the tool says of sound logs of compacted topics, Apache Kafka's own among them: gaps, and time index entries for the timestamp of
 * a batch of which nothing is left but its header.
 */
function withoutCompaction(lines: readonly string[], compacted: readonly string[], batches: Dump['batches']): string[] {
  let file = '';
  let heading = '';
  return lines.filter((line, i) => {
    const begun = /^(Non-consecutive offsets in |Found timestamp mismatch in :)(.*)$/.exec(line);
    if (begun) [, heading, file] = begun as unknown as [string, string, string];
    else if (!line.startsWith('  ')) heading = '';
    if (heading === '' || !compacted.some((topic) => new RegExp(`(^|/)${topic}-\\d+/`).test(file))) return true;
    return !isOfCompaction(begun ? (lines[i + 1] ?? '') : line, file, batches);
  });
}

function isOfCompaction(line: string, file: string, batches: Dump['batches']): boolean {
  const [, before, behind] = /^ +(\d+) is followed by (\d+)$/.exec(line) ?? [];
  if (before !== undefined) return Number(behind) > Number(before);
  const [, timestamp] = /^ +Index timestamp: (\d+), log timestamp: -1$/.exec(line) ?? [];
  const [, ofLog = []] = [...batches].find(([name]) => file.endsWith(name.replace(/log$/, 'timeindex'))) ?? [];
  return ofLog.some((batch) => / count: 0 /.test(batch) && batch.includes(` CreateTime: ${timestamp} `));
}

/** Relative paths. */
export function logFilesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(log|index|timeindex|snapshot)$/.test(entry.name) && /^\d{20}\./.test(entry.name))
    .map((entry) => relative(directory, join(entry.parentPath, entry.name)))
    .sort();
}

const MAX_ARGUMENT = 100_000; // one argument of a process may have 128 KiB

function* batchesOf(files: readonly string[]): Generator<string[]> {
  let some: string[] = [];
  for (const file of files) {
    if (some.join(',').length + file.length > MAX_ARGUMENT) {
      yield some;
      some = [];
    }
    some.push(file);
  }
  yield some;
}

interface Kind {
  /** What a sound file gives, and nothing else. */
  readonly lines: readonly RegExp[];
  /** The line that is there once for each thing in the file. */
  readonly counted: RegExp;
  readonly count: (path: string) => number;
}

const KINDS: Readonly<Record<string, Kind>> = {
  log: {
    lines: [/^Log starting offset: \d+$/, /^baseOffset: \d+ .* magic: 2 compresscodec: \w+ crc: \d+ isvalid: true$/, /^\| offset: \d+ /],
    counted: /^baseOffset: /,
    count: batchesIn,
  },
  index: { lines: [/^offset: \d+ position: \d+$/, / is empty\.$/], counted: /^offset: /, count: (path) => statSync(path).size / 8 },
  timeindex: { lines: [/^timestamp: \d+ offset: \d+$/], counted: /^timestamp: /, count: (path) => statSync(path).size / 12 },
  snapshot: { lines: [/^producerId: \d+ /], counted: /^producerId: /, count: (path) => readFileSync(path).readInt32BE(6) },
};

function sectionsOf(stdout: string): Map<string, string[]> {
  const sections = new Map<string, string[]>();
  let lines: string[] = [];
  for (const line of stdout.split('\n')) {
    const file = /^Dumping (.*)$/.exec(line)?.[1];
    if (file !== undefined) sections.set(file, (lines = []));
    else if (line !== '') lines.push(line);
  }
  return sections;
}

function problemsIn(sections: ReadonlyMap<string, readonly string[]>, directory: string, files: readonly string[]): string[] {
  return files.flatMap((file) => {
    const found = sections.get(file);
    if (!found) return [`${file} was not dumped`];
    const { lines: sound, counted, count } = KINDS[file.slice(file.lastIndexOf('.') + 1)]!;
    const strange = found.filter((line) => !sound.some((pattern) => pattern.test(line))).map((line) => `${file}: ${line}`);
    const expected = count(join(directory, file));
    const actual = found.filter((line) => counted.test(line)).length;
    const problems = [
      ...strange,
      ...outOfOrder(found.filter((line) => counted.test(line))).map((line) => `${file}: ${line} is out of order`),
    ];
    if (actual !== expected) problems.push(`${file}: ${actual} dumped, ${expected} in the file`);
    return problems.slice(0, 20);
  });
}

/** The tool looks at each entry of an offset index by itself. The first two numbers of a line count up, but those of a snapshot. */
function outOfOrder(lines: readonly string[]): string[] {
  if (lines[0]?.startsWith('producerId')) return [];
  const numbers = lines.map((line) => [...line.matchAll(/ (-?\d+)/g)].slice(0, 2).map(([, number]) => Number(number)));
  const isBehind = (i: number) => i > 0 && numbers[i]!.some((number, which) => !(number > numbers[i - 1]![which]!));
  return lines.filter((_, i) => isBehind(i));
}

/** By their lengths alone: base offset i64, length i32 of what follows. */
export function batchesIn(path: string): number {
  const bytes = readFileSync(path);
  let count = 0;
  for (let at = 0; at + 12 <= bytes.byteLength; at += 12 + bytes.readInt32BE(at + 8)) count++;
  return count;
}
