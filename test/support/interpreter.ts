import { camelCase, elementType, inVersions, isArray, type KafkaMessage, type SchemaField } from './schema-files.ts';

/**
 * A plain and slow codec that walks Kafka's own message definitions for every value: what the generated codecs are held to. It shares no
 * code with them. int64 is taken as number or bigint, and given as a number, at most +-(2^53 - 1).
 */
export type Struct = Record<string, unknown>;

/** A tag that no definition knows. */
export interface UnknownTag {
  readonly tag: number;
  readonly data: Uint8Array;
}

/** @param unknownTags put behind the known ones in every tag section of a flexible version, in the order of their numbers */
export function encode(message: KafkaMessage, version: number, value: Struct, unknownTags: readonly UnknownTag[] = []): Buffer {
  return new Encoder(version, version >= message.flexibleFrom, unknownTags).struct(message.fieldsAt(version), value);
}

/** @throws RangeError on bytes that end too early, Error on bytes that go on behind the message */
export function decode(message: KafkaMessage, version: number, bytes: Uint8Array): Struct {
  const decoder = new Decoder(version, version >= message.flexibleFrom, Buffer.from(bytes));
  const value = decoder.struct(message.fieldsAt(version), message.allFields);
  if (decoder.at !== bytes.byteLength) throw new Error(`${message.name} v${version} ends at ${decoder.at} of ${bytes.byteLength}`);
  return value;
}

/** The value of a field that is absent or left out. @param int64 how to give the default of an int64, which may be Long.MAX_VALUE */
function defaultValue(field: SchemaField, int64: (value: bigint) => unknown): unknown {
  const text = field.default === undefined ? '' : String(field.default);
  if (text === 'null') return null;
  if (isArray(field)) return [];
  if (field.fields) return Object.fromEntries(field.fields.map((inner) => [camelCase(inner.name), defaultValue(inner, int64)]));
  if (field.type === 'int64') return int64(BigInt(text));
  if (field.type === 'bool') return text === 'true';
  if (field.type === 'string') return text;
  if (field.type === 'uuid') return Buffer.alloc(16).toString('base64url');
  if (field.type === 'bytes' || field.type === 'records') return Buffer.alloc(0);
  return Number(text);
}

function asNumber(value: bigint): number {
  return Math.min(Math.max(Number(value), Number.MIN_SAFE_INTEGER), Number.MAX_SAFE_INTEGER);
}

function uvarint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = BigInt(value);
  do {
    const low = Number(rest & 127n);
    rest >>= 7n;
    bytes.push(rest > 0n ? low + 128 : low);
  } while (rest > 0n);
  return Buffer.from(bytes);
}

function fixed(size: number, write: (bytes: Buffer) => void): Buffer {
  const bytes = Buffer.alloc(size);
  write(bytes);
  return bytes;
}

class Encoder {
  private readonly version: number;
  private readonly flexible: boolean;
  private readonly unknownTags: readonly UnknownTag[];

  constructor(version: number, flexible: boolean, unknownTags: readonly UnknownTag[]) {
    this.version = version;
    this.flexible = flexible;
    this.unknownTags = unknownTags;
  }

  struct(fields: readonly SchemaField[], value: Struct): Buffer {
    const pieces: Buffer[] = [];
    const tags: UnknownTag[] = [...this.unknownTags];
    for (const field of fields) {
      if (!inVersions(field.versions, this.version)) continue;
      const given = value[camelCase(field.name)];
      const byDefault = defaultValue(field, (int64) => int64);
      const inner = given === undefined ? byDefault : given;
      const data = this.field(field, inner);
      if (!inVersions(field.taggedVersions, this.version)) pieces.push(data);
      else if (!data.equals(this.field(field, byDefault))) tags.push({ tag: field.tag!, data });
    }
    if (this.flexible) {
      tags.sort((a, b) => a.tag - b.tag);
      pieces.push(uvarint(tags.length));
      for (const { tag, data } of tags) pieces.push(uvarint(tag), uvarint(data.byteLength), Buffer.from(data));
    }
    return Buffer.concat(pieces);
  }

  private field(field: SchemaField, value: unknown): Buffer {
    const nullable = inVersions(field.nullableVersions, this.version);
    if (value === null && !nullable) throw new TypeError(`${field.name} is not nullable in v${this.version}`);
    if (isArray(field)) {
      if (value === null) return this.length(null, 4);
      const elements = value as unknown[];
      return Buffer.concat([this.length(elements.length, 4), ...elements.map((element) => this.value(field, element))]);
    }
    if (!field.fields || !nullable) return this.value(field, value);
    return value === null ? Buffer.from([0xff]) : Buffer.concat([Buffer.from([1]), this.value(field, value)]);
  }

  private value(field: SchemaField, value: unknown): Buffer {
    if (field.fields) return this.struct(field.fields, value as Struct);
    switch (elementType(field)) {
      case 'bool':
        return Buffer.from([value ? 1 : 0]);
      case 'int8':
        return fixed(1, (bytes) => bytes.writeInt8(value as number));
      case 'int16':
        return fixed(2, (bytes) => bytes.writeInt16BE(value as number));
      case 'uint16':
        return fixed(2, (bytes) => bytes.writeUInt16BE(value as number));
      case 'int32':
        return fixed(4, (bytes) => bytes.writeInt32BE(value as number));
      case 'int64':
        return fixed(8, (bytes) => bytes.writeBigInt64BE(BigInt(value as number | bigint)));
      case 'float64':
        return fixed(8, (bytes) => bytes.writeDoubleBE(value as number));
      case 'uuid':
        return Buffer.from(value as string, 'base64url');
      case 'string':
        return this.sized(value === null ? null : Buffer.from(value as string, 'utf8'), 2);
      case 'bytes':
      case 'records':
        return this.sized(value === null ? null : Buffer.from(value as Uint8Array), 4);
      default:
        throw new TypeError(`${field.name} is a ${field.type}`);
    }
  }

  private sized(bytes: Buffer | null, lengthBytes: 2 | 4): Buffer {
    return Buffer.concat([this.length(bytes?.byteLength ?? null, lengthBytes), bytes ?? Buffer.alloc(0)]);
  }

  private length(length: number | null, lengthBytes: 2 | 4): Buffer {
    if (this.flexible) return uvarint(length === null ? 0 : length + 1);
    return fixed(lengthBytes, (bytes) => bytes.writeIntBE(length ?? -1, 0, lengthBytes));
  }
}

class Decoder {
  at = 0;
  private readonly version: number;
  private readonly flexible: boolean;
  private readonly bytes: Buffer;

  constructor(version: number, flexible: boolean, bytes: Buffer) {
    this.version = version;
    this.flexible = flexible;
    this.bytes = bytes;
  }

  /** @param all the fields of every version: those that are absent in this one get their defaults */
  struct(fields: readonly SchemaField[], all: readonly SchemaField[]): Struct {
    const value: Struct = Object.fromEntries(all.map((field) => [camelCase(field.name), defaultValue(field, asNumber)]));
    const present = fields.filter((field) => inVersions(field.versions, this.version));
    const read = (field: SchemaField): void => {
      const everyInner = all.find(({ name }) => name === field.name)?.fields ?? [];
      value[camelCase(field.name)] = this.field(field, everyInner);
    };
    for (const field of present) if (!inVersions(field.taggedVersions, this.version)) read(field);
    for (let left = this.flexible ? this.uvarint() : 0; left > 0; left--) {
      const tag = this.uvarint();
      const end = this.uvarint() + this.at;
      const field = present.find((candidate) => candidate.tag === tag && inVersions(candidate.taggedVersions, this.version));
      if (field) read(field);
      else this.at = end;
      if (this.at !== end) throw new Error(`tag ${tag} ends at ${this.at}, not at ${end}`);
    }
    return value;
  }

  private field(field: SchemaField, everyInner: readonly SchemaField[]): unknown {
    const nullable = inVersions(field.nullableVersions, this.version);
    if (isArray(field)) {
      const count = this.length(4);
      return count === null ? null : Array.from({ length: count }, () => this.value(field, everyInner));
    }
    if (field.fields && nullable && this.take(1).readInt8() < 0) return null;
    return this.value(field, everyInner);
  }

  private value(field: SchemaField, everyInner: readonly SchemaField[]): unknown {
    if (field.fields) return this.struct(field.fields, everyInner);
    switch (elementType(field)) {
      case 'bool':
        return this.take(1).readInt8() !== 0;
      case 'int8':
        return this.take(1).readInt8();
      case 'int16':
        return this.take(2).readInt16BE();
      case 'uint16':
        return this.take(2).readUInt16BE();
      case 'int32':
        return this.take(4).readInt32BE();
      case 'int64':
        return asNumber(this.take(8).readBigInt64BE());
      case 'float64':
        return this.take(8).readDoubleBE();
      case 'uuid':
        return this.take(16).toString('base64url');
      case 'string':
        return this.sized(2)?.toString('utf8') ?? null;
      case 'bytes':
      case 'records':
        return this.sized(4);
      default:
        throw new TypeError(`${field.name} is a ${field.type}`);
    }
  }

  private sized(lengthBytes: 2 | 4): Buffer | null {
    const length = this.length(lengthBytes);
    return length === null ? null : this.take(length);
  }

  private length(lengthBytes: 2 | 4): number | null {
    const length = this.flexible ? this.uvarint() - 1 : this.take(lengthBytes).readIntBE(0, lengthBytes);
    return length === -1 ? null : length;
  }

  private uvarint(): number {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.take(1)[0]!;
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return Number(value);
    }
  }

  private take(length: number): Buffer {
    if (length < 0 || this.at + length > this.bytes.byteLength) throw new RangeError(`${length} bytes wanted at ${this.at}`);
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }
}
