import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What Apache Kafka wrote; see the README there. */
export const KAFKA_DATA = fileURLToPath(new URL('./kafka-data/', import.meta.url));

/** A log that it compacted; see the README there. */
export const KAFKA_COMPACTED = fileURLToPath(new URL('./kafka-compacted/', import.meta.url));

/** A copy of KAFKA_DATA (without what is no part of a data directory), removed when the block ends. */
export function copyOfKafkaData(): { readonly path: string; [Symbol.dispose](): void } {
  const path = mkdtempSync(join(tmpdir(), 'minikafka-log-'));
  const isData = (source: string) => !/README\.md$|\.gitattributes$|DumpLogSegments.*\.txt$/.test(source);
  cpSync(KAFKA_DATA, path, { recursive: true, filter: isData });
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

export type Fields = Readonly<Record<string, string>>;

/** One file as Kafka's tool shows it: a line each, as `name: value` pairs; records begin with `|`. */
export interface DumpedFile {
  readonly file: string;
  readonly batches: readonly Fields[];
  readonly records: readonly Fields[];
  /** Of indexes and snapshots. */
  readonly entries: readonly Fields[];
}

/** What DumpLogSegments said. */
export function dumpedByKafka(path = join(KAFKA_DATA, 'DumpLogSegments.txt')): DumpedFile[] {
  const sections = readFileSync(path, 'utf8')
    .split(/^Dumping /m)
    .slice(1);
  return sections.map((section) => {
    const [file, ...lines] = section.trimEnd().split('\n');
    const parsed = lines.filter((line) => /^(\| )?\w+: /.test(line));
    const isBatch = (line: string) => line.startsWith('baseOffset: ');
    return {
      file: file!,
      batches: parsed.filter(isBatch).map(fieldsOf),
      records: parsed.filter((line) => line.startsWith('| ')).map(fieldsOf),
      entries: parsed.filter((line) => !isBatch(line) && !line.startsWith('| ')).map(fieldsOf),
    };
  });
}

/** The last field of a record, `payload`, may have spaces in it; so may no other one here. */
function fieldsOf(line: string): Fields {
  const [, before, payload] = /^(?:\| )?(.*?)(?: payload: (.*))?$/.exec(line)!;
  const fields = [...before!.matchAll(/(\w+): (\S+)(?= |$)/g)].map(([, name, value]) => [name!, value!]);
  return { ...Object.fromEntries(fields), ...(payload === undefined ? {} : { payload }) };
}

/** The lines that a command wrote with --json. */
export function jsonLines<Row>(out: string): Row[] {
  return out
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

export const filesOf = (folder: string): string[] => readdirSync(join(KAFKA_DATA, folder)).map((name) => `${folder}/${name}`);
