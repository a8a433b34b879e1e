import { type AnyField, defaultOf, type Fields, type Message } from '../../src/protocol/schema.ts';
import { INT64_SATURATED } from '../../src/protocol/wire.ts';
import { camelCase, elementType, inVersions, isArray, type KafkaMessage, type SchemaField } from './schema-files.ts';

const LONG_MAX = 2n ** 63n - 1n;

/** Where a declaration and Kafka's definition differ, at any version; empty when they say the same. */
export function differences(declared: Message, kafka: KafkaMessage): string[] {
  const found: string[] = [];
  const compare = (what: string, ours: unknown, theirs: unknown): void => {
    if (ours !== theirs) found.push(`${what}: declared ${ours}, in Kafka ${theirs}`);
  };
  compare('name', declared.name, kafka.name);
  compare('versions', String(declared.versions), String(kafka.versions));
  compare('flexibleFrom', declared.flexibleFrom, kafka.flexibleFrom);
  const alive = new Set<string>();
  for (let version = kafka.versions[0]; version <= kafka.versions[1]; version++) {
    const ours = declaredLines(declared.fields, version, '', alive);
    const theirs = kafkaLines(kafka.fieldsAt(version), version);
    for (let i = 0; i < Math.max(ours.length, theirs.length); i++) compare(`v${version} #${i}`, ours[i], theirs[i]);
  }
  for (const path of paths(declared.fields)) if (!alive.has(path)) found.push(`${path} is declared, but present in no version`);
  return found;
}

/** One line for each field that a version has, in wire order: path, type, nullability, tag, default. */
function kafkaLines(fields: readonly SchemaField[], version: number, path = ''): string[] {
  return fields
    .filter((field) => inVersions(field.versions, version))
    .flatMap((field) => {
      const name = path + camelCase(field.name);
      const type = field.fields ? 'struct' : elementType(field);
      const nullable = inVersions(field.nullableVersions, version);
      const tag = inVersions(field.taggedVersions, version) ? field.tag : undefined;
      const own = line(name, isArray(field), type, nullable, tag, kafkaDefault(field));
      return [own, ...kafkaLines(field.fields ?? [], version, `${name}.`)];
    });
}

function kafkaDefault(field: SchemaField): unknown {
  const text = field.default === undefined ? undefined : String(field.default);
  if (text === 'null') return null;
  if (isArray(field)) return [];
  if (field.fields) return 'struct';
  if (field.type === 'bool') return text === 'true';
  if (field.type === 'string') return text ?? '';
  if (field.type === 'uuid') return 'AAAAAAAAAAAAAAAAAAAAAA';
  if (field.type === 'bytes' || field.type === 'records') return 'no bytes';
  if (field.type === 'int64' && text !== undefined && BigInt(text) === LONG_MAX) return INT64_SATURATED;
  return Number(text ?? 0);
}

function declaredLines(fields: Fields, version: number, path: string, alive: Set<string>): string[] {
  return Object.entries(fields)
    .filter(([, field]) => field.from <= version && version <= field.to)
    .flatMap(([key, field]) => {
      const name = path + key;
      alive.add(name);
      const element = field.type.kind === 'array' ? field.type.of : field;
      const own = line(
        name,
        field.type.kind === 'array',
        kindOf(field, element),
        field.nullableFrom <= version,
        field.tagged,
        declaredDefault(field),
      );
      return [own, ...(element.type.kind === 'struct' ? declaredLines(element.type.fields, version, `${name}.`, alive) : [])];
    });
}

/** The kind, with whatever Kafka's definitions cannot say: a line with such a remark equals none of theirs. */
function kindOf(field: AnyField, element: AnyField): string {
  const remarks = [];
  if (element !== field && (element.from > 0 || element.to < 99 || element.nullableFrom < 99 || element.tagged !== undefined)) {
    remarks.push(' (its elements are versioned, nullable or tagged)');
  }
  if ((element.saturates || field.saturates) && element.type.kind !== 'int64') remarks.push(' (saturates, but is no int64)');
  return element.type.kind + remarks.join('');
}

function declaredDefault(field: AnyField): unknown {
  const value = defaultOf(field);
  if (value === null || field.type.kind === 'array') return value;
  if (field.type.kind === 'struct') return 'struct';
  return Buffer.isBuffer(value) && value.length === 0 ? 'no bytes' : value;
}

function line(name: string, array: boolean, type: string, nullable: boolean, tag: number | undefined, value: unknown): string {
  return `${name}: ${array ? '[]' : ''}${type}${nullable ? ' or null' : ''}${tag === undefined ? '' : ` tag ${tag}`} = ${JSON.stringify(value)}`;
}

function paths(fields: Fields, path = ''): string[] {
  return Object.entries(fields).flatMap(([name, { type }]) => {
    const element = type.kind === 'array' ? type.of.type : type;
    return [path + name, ...(element.kind === 'struct' ? paths(element.fields, `${path}${name}.`) : [])];
  });
}
