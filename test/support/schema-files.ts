import { readdirSync, readFileSync } from 'node:fs';

/** A field as Kafka's message definitions have it. */
export interface SchemaField {
  readonly name: string;
  /** int32, string, ..., the name of a struct, or one of these behind []. */
  readonly type: string;
  readonly versions: string;
  readonly nullableVersions?: string;
  readonly taggedVersions?: string;
  readonly tag?: number;
  readonly default?: string | number | boolean;
  /** Of a struct, or of an array's elements. */
  readonly fields?: readonly SchemaField[];
}

export interface SchemaFile {
  readonly apiKey?: number;
  readonly type: string;
  readonly name: string;
  readonly validVersions: string;
  readonly flexibleVersions: string;
  readonly latestVersionUnstable?: boolean;
  readonly fields: readonly SchemaField[];
  readonly commonStructs?: readonly { readonly name: string; readonly fields: readonly SchemaField[] }[];
}

/** One message of Apache Kafka: 4.4.0's definition, and 3.9.1's for the versions that 4.x removed. */
export interface KafkaMessage {
  readonly name: string;
  readonly apiKey: number | undefined;
  readonly versions: readonly [number, number];
  readonly flexibleFrom: number;
  /** The last version is declared, but no broker advertises it. */
  readonly latestVersionUnstable: boolean;
  /** Fields of the definition that holds for a version; each says in `versions` whether it is present. */
  fieldsAt(version: number): readonly SchemaField[];
  /** Every field that any version has. */
  readonly allFields: readonly SchemaField[];
}

const ROOT = new URL('../kafka-schema/', import.meta.url);

/** First and last version of "3", "0-5", "2+" or "none"; a range without versions has its first above its last. */
export function versionRange(text: string | undefined): readonly [number, number] {
  if (text === undefined || text === 'none') return [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  if (text.endsWith('+')) return [Number(text.slice(0, -1)), Number.POSITIVE_INFINITY];
  const [first, last] = text.split('-').map(Number);
  return [first!, last ?? first!];
}

export function inVersions(text: string | undefined, version: number): boolean {
  const [first, last] = versionRange(text);
  return first <= version && version <= last;
}

export const isArray = (field: SchemaField): boolean => field.type.startsWith('[]');
export const elementType = (field: SchemaField): string => field.type.replace(/^\[\]/, '');
export const camelCase = (name: string): string => name[0]!.toLowerCase() + name.slice(1);

/**
 * The messages of one folder (api: requests and responses; records: what the internal topics hold), by name.
 * No version of a record was ever dropped, and 3.9.1 numbers the keys otherwise: there 4.4.0's definition holds alone.
 */
export function kafkaMessages(folder: 'api' | 'records'): Map<string, KafkaMessage> {
  const older = load(`3.9.1/${folder}/`);
  const newer = load(`4.4.0/${folder}/`);
  const names = new Set([...older.keys(), ...newer.keys()]);
  return new Map(
    [...names].map((name) => [name, merge(folder === 'records' && newer.has(name) ? undefined : older.get(name), newer.get(name))]),
  );
}

/** A definition of one's own, in Kafka's form. */
export function kafkaMessage(file: SchemaFile): KafkaMessage {
  return merge(undefined, { ...file, fields: inlined(file.fields, file) });
}

/** Key -> first and last version that a running 4.4.0 broker advertises. */
export function advertisedVersions(): Map<number, readonly [number, number]> {
  const text = readFileSync(new URL('4.4.0/api-versions.txt', ROOT), 'utf8');
  return new Map([...text.matchAll(/(\d+):(\d+)-(\d+)/g)].map(([, key, first, last]) => [Number(key), [Number(first), Number(last)]]));
}

function load(folder: string): Map<string, SchemaFile> {
  const url = new URL(folder, ROOT);
  const files = readdirSync(url).map((file) => JSON.parse(readFileSync(new URL(file, url), 'utf8')) as SchemaFile);
  return new Map(files.map((file) => [file.name, { ...file, fields: inlined(file.fields, file) }]));
}

/** What 3.9.1 calls otherwise: message and field -> its name in 4.4.0. */
const RENAMED: Readonly<Record<string, string>> = { 'TxnOffsetCommitRequest.GenerationId': 'GenerationIdOrMemberEpoch' };

/** The fields with those of common structs put where they are used. A tagged field may name its versions as those of its tag alone. */
function inlined(fields: readonly SchemaField[], file: SchemaFile): SchemaField[] {
  return fields.map((given) => {
    const name = RENAMED[`${file.name}.${given.name}`] ?? given.name;
    const field = { ...given, name, versions: given.versions ?? given.taggedVersions };
    const inner = field.fields ?? file.commonStructs?.find(({ name }) => name === elementType(field))?.fields;
    return inner ? { ...field, fields: inlined(inner, file) } : field;
  });
}

/** A definition as Kafka would read it; the newer one holds for the versions that both have. */
function merge(older: SchemaFile | undefined, newer: SchemaFile | undefined): KafkaMessage {
  const files = [newer, older].filter((file) => file !== undefined);
  const latest = files.find((file) => file.validVersions !== 'none') ?? files[0]!;
  const ranges = files.map((file) => versionRange(file.validVersions));
  return {
    name: latest.name,
    apiKey: latest.apiKey,
    versions: [Math.min(...ranges.map(([first]) => first)), Math.max(...ranges.map(([, last]) => last))],
    flexibleFrom: versionRange(latest.flexibleVersions)[0],
    latestVersionUnstable: latest.latestVersionUnstable ?? false,
    fieldsAt(version) {
      const file = files.find(({ validVersions }) => inVersions(validVersions, version));
      if (!file) throw new RangeError(`${latest.name} has no version ${version}`);
      return file.fields;
    },
    allFields: united(newer?.fields ?? [], older?.fields ?? []),
  };
}

function united(newer: readonly SchemaField[], older: readonly SchemaField[]): SchemaField[] {
  const same = (field: SchemaField): SchemaField | undefined => older.find(({ name }) => name === field.name);
  return [
    ...newer.map((field) => (field.fields ? { ...field, fields: united(field.fields, same(field)?.fields ?? []) } : field)),
    ...older.filter((field) => newer.every(({ name }) => name !== field.name)),
  ];
}
