import { type AnyField, type Decoded, defaultOf, type Encodable, type Fields, type Message, type PrimitiveName } from './schema.ts';
import { type Bytes, DecodeError, Reader, Writer, ZERO_UUID } from './wire.ts';

/** Decodes and encodes the bodies of one message at one version. */
export interface Codec<S extends Fields = Fields> {
  /** @throws DecodeError */
  decode(reader: Reader): Decoded<S>;
  encode(writer: Writer, value: Encodable<S>): void;
}

const cache = new WeakMap<Message<never>, Codec[]>();

/**
 * The codec of a message at a version, generated on first use from the declaration (from our own constants, never from input): as fast as
 * hand-written code, and four times as fast as walking the declaration for each message.
 */
export function compile<S extends Fields>(message: Message<S>, version: number): Codec<S> {
  let byVersion = cache.get(message as never);
  if (!byVersion) cache.set(message as never, (byVersion = []));
  return (byVersion[version] ??= generate(message, version)) as unknown as Codec<S>;
}

export function decodeBody<S extends Fields>(message: Message<S>, version: number, bytes: Uint8Array): Decoded<S> {
  const reader = new Reader(bytes);
  const value = compile(message, version).decode(reader);
  if (reader.left() > 0) throw new DecodeError(`${reader.left()} bytes left behind ${message.name} v${version}`);
  return value;
}

export function encodeBody<S extends Fields>(message: Message<S>, version: number, value: Encodable<S>): Buffer {
  const writer = new Writer();
  compile(message, version).encode(writer, value);
  return writer.finish();
}

function generate(message: Message, version: number): Codec {
  const [first, last] = message.versions;
  if (version < first || version > last) throw new RangeError(`${message.name} has no version ${version}`);
  const builder = new Builder(version, version >= message.flexibleFrom);
  const decode = builder.decoder(message.fields);
  const encode = builder.encoder(message.fields);
  const source = `'use strict';\n${builder.functions.join('\n')}\nreturn { decode: ${decode}, encode: ${encode} };`;
  const make = new Function('DecodeError', 'EMPTY', 'isDefault', 'fields', 'Writer', source);
  return make(DecodeError, Buffer.alloc(0), isDefault, builder.constants, Writer) as Codec;
}

/** The Reader and Writer method of a type: [plain, nullable, compact, nullable and compact]. */
const LENGTH_PREFIXED: Partial<Record<PrimitiveName, readonly [string, string, string, string]>> = {
  string: ['string', 'nullableString', 'compactString', 'nullableCompactString'],
  bytes: ['byteString', 'nullableByteString', 'compactByteString', 'nullableCompactByteString'],
  records: ['byteString', 'nullableByteString', 'compactByteString', 'nullableCompactByteString'],
};

const FIXED_SIZES: Partial<Record<PrimitiveName, number>> = {
  bool: 1,
  int8: 1,
  int16: 2,
  uint16: 2,
  int32: 4,
  int64: 8,
  float64: 8,
  uuid: 16,
};

class Builder {
  readonly functions: string[] = [];
  /** Fields that the generated code needs as data. */
  readonly constants: AnyField[] = [];
  private readonly version: number;
  private readonly flexible: boolean;

  constructor(version: number, flexible: boolean) {
    this.version = version;
    this.flexible = flexible;
  }

  private has(field: AnyField): boolean {
    return field.from <= this.version && this.version <= field.to;
  }
  private isNullable(field: AnyField): boolean {
    return field.nullableFrom <= this.version;
  }
  private methodOf(field: AnyField): string {
    const kind = field.type.kind as PrimitiveName;
    const methods = LENGTH_PREFIXED[kind];
    if (methods) return methods[(this.flexible ? 2 : 0) + (this.isNullable(field) ? 1 : 0)]!;
    return field.saturates ? `${kind}Saturating` : kind;
  }
  private define(parameters: string, body: string): string {
    const name = `f${this.functions.length}`;
    this.functions.push(`function ${name}(${parameters}) {\n${body}\n}`);
    return name;
  }

  /** The fewest bytes a value can take: what an array's count is checked against. */
  private smallest(field: AnyField): number {
    const { type } = field;
    if (type.kind === 'struct') {
      if (this.isNullable(field)) return 1;
      const inside = Object.values(type.fields).filter((inner) => this.has(inner) && inner.tagged === undefined);
      return inside.reduce((sum, inner) => sum + this.smallest(inner), this.flexible ? 1 : 0);
    }
    if (type.kind === 'array') return this.flexible ? 1 : 4;
    return FIXED_SIZES[type.kind] ?? (this.flexible ? 1 : type.kind === 'string' ? 2 : 4);
  }

  decoder(fields: Fields): string {
    const entries = Object.entries(fields);
    const lines = entries.map(([name, field]) => {
      const present = this.has(field) && field.tagged === undefined;
      return `let ${local(name)} = ${present ? this.read(field) : literal(field)};`;
    });
    if (this.flexible) lines.push(this.readTags(entries.filter(([, field]) => this.has(field) && field.tagged !== undefined)));
    lines.push(`return { ${entries.map(([name]) => `${name}: ${local(name)}`).join(', ')} };`);
    return this.define('r', lines.join('\n'));
  }

  private readTags(tagged: [string, AnyField][]): string {
    if (tagged.length === 0) return 'r.skipTags();';
    const cases = tagged.map(([name, field]) => `case ${field.tagged}: ${local(name)} = ${this.read(field)}; break;`);
    // A known tag's value ends where it ends, whatever its size says: so does Kafka read it.
    return `for (let n = r.tagCount(); n > 0; n--) {
      const tag = r.uvarint(), size = r.uvarint();
      switch (tag) { ${cases.join('\n')} default: r.take(size); }
    }`;
  }

  /** An expression that reads one value from `r`. */
  private read(field: AnyField): string {
    const { type } = field;
    if (type.kind === 'struct') {
      const inner = this.decoder(type.fields);
      return this.isNullable(field) ? `(r.int8() < 0 ? null : ${inner}(r))` : `${inner}(r)`;
    }
    if (type.kind !== 'array') return `r.${this.methodOf(field)}()`;
    const onNull = this.isNullable(field) ? 'return null;' : `throw new DecodeError('null array where null is not allowed');`;
    const body = `const n = r.${this.flexible ? 'compactCount' : 'count'}(${this.smallest(type.of)});
      if (n < 0) { ${onNull} }
      const a = [];
      for (let i = 0; i < n; i++) a.push(${this.read(type.of)});
      return a;`;
    return `${this.define('r', body)}(r)`;
  }

  encoder(fields: Fields): string {
    const entries = Object.entries(fields).filter(([, field]) => this.has(field));
    const lines = entries
      .filter(([, field]) => field.tagged === undefined)
      .map(([name, field]) =>
        this.write(field, mayBeLeftOut(field) ? `(v.${name} === undefined ? ${literal(field)} : v.${name})` : `v.${name}`),
      );
    if (this.flexible) lines.push(this.writeTags(entries.filter(([, field]) => field.tagged !== undefined)));
    return this.define('w, v', lines.join('\n'));
  }

  private writeTags(tagged: [string, AnyField][]): string {
    if (tagged.length === 0) return 'w.uvarint(0);';
    const lines = tagged
      .sort(([, a], [, b]) => a.tagged! - b.tagged!)
      .map(([name, field]) => {
        const index = this.constants.push(field) - 1;
        return `if (!isDefault(fields[${index}], v.${name})) { const t = new Writer(); ${this.write(field, `v.${name}`, 't')} tags.push(${field.tagged}, t); }`;
      });
    return `const tags = [];
      ${lines.join('\n')}
      w.uvarint(tags.length / 2);
      for (let i = 0; i < tags.length; i += 2) { w.uvarint(tags[i]); w.uvarint(tags[i + 1].size()); w.splice(tags[i + 1].chunks()); }`;
  }

  /** A statement that writes the value of an expression to a writer. */
  private write(field: AnyField, value: string, writer = 'w'): string {
    const { type } = field;
    if (type.kind === 'struct') {
      const inner = this.encoder(type.fields);
      return this.isNullable(field)
        ? `${this.define('w, v', `if (v === null) w.int8(-1); else { w.int8(1); ${inner}(w, v); }`)}(${writer}, ${value});`
        : `${inner}(${writer}, ${value});`;
    }
    if (type.kind !== 'array') return `${writer}.${this.methodOf(field)}(${value});`;
    const onNull = this.isNullable(field)
      ? this.flexible
        ? 'return w.uvarint(0);'
        : 'return w.int32(-1);'
      : `throw new TypeError('null array where null is not allowed');`;
    const body = `if (v === null) { ${onNull} }
      w.${this.flexible ? 'uvarint(v.length + 1)' : 'int32(v.length)'};
      for (let i = 0; i < v.length; i++) { ${this.write(type.of, 'v[i]')} }`;
    return `${this.define('w, v', body)}(${writer}, ${value});`;
  }
}

/** Locals of generated code: a field may be named like one of JavaScript's words. */
const local = (name: string): string => `$${name}`;

function mayBeLeftOut(field: AnyField): boolean {
  return field.defaultTo !== undefined || field.from > 0 || field.to !== Number.POSITIVE_INFINITY || field.tagged !== undefined;
}

/** JavaScript text of a field's default: a fresh object each time it is evaluated, so that no two messages share one. */
function literal(field: AnyField): string {
  const value = field.defaultTo;
  if (value === null) return 'null';
  if (value !== undefined && typeof value !== 'object') return JSON.stringify(value);
  switch (field.type.kind) {
    case 'array':
      return '[]';
    case 'struct':
      return `{ ${Object.entries(field.type.fields)
        .map(([name, inner]) => `${name}: ${literal(inner)}`)
        .join(', ')} }`;
    case 'bytes':
    case 'records':
      return 'EMPTY';
    case 'bool':
      return 'false';
    case 'string':
      return "''";
    case 'uuid':
      return `'${ZERO_UUID}'`;
    default:
      return '0';
  }
}

/** Whether a tagged field needs no writing: its value is left out or equal to its default. */
function isDefault(field: AnyField, value: unknown): boolean {
  if (value === undefined) return true;
  if (value === null) return field.defaultTo === null;
  const { type } = field;
  if (type.kind === 'struct') {
    return (
      field.defaultTo !== null &&
      Object.entries(type.fields).every(([name, inner]) => isDefault(inner, (value as Record<string, unknown>)[name]))
    );
  }
  if (field.defaultTo === null) return false;
  if (type.kind === 'array') return (value as unknown[]).length === 0;
  if (type.kind === 'bytes' || type.kind === 'records') return (value as Bytes).length === 0;
  return value === defaultOf(field);
}
