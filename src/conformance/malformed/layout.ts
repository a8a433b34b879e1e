import { type AnyField, defaultOf, type Fields, type Message } from '../../protocol/schema.ts';
import { Writer } from '../../protocol/wire.ts';

/** Where something of a request stands that can be written wrong. Positions are bytes of the body. */
export interface Place {
  /** `topics.partitions`; empty for the tag section of the whole request. */
  readonly path: string;
  readonly kind: 'array' | 'string' | 'bytes' | 'bool' | 'number' | 'presence' | 'tags';
  /** Where its length, count or value begins, where that ends and the content begins, and where the content ends. */
  readonly at: number;
  readonly contentAt: number;
  readonly end: number;
  /** Elements or bytes; -1: null. */
  readonly count: number;
  readonly nullable: boolean;
  /** Of a tag section: the tags that are declared, with their defaults as they are written. */
  readonly known: readonly { readonly tag: number; readonly bytes: Buffer }[];
}

/** A request's body with its places, in the order in which they stand. */
export interface Layout {
  readonly body: Buffer;
  readonly flexible: boolean;
  readonly places: readonly Place[];
}

/** A value for a path, where the general one will not do. undefined: it will. */
export type Choose = (path: string, field: AnyField) => unknown;

/**
 * Writes a request by its declaration, with one element in each array, and notes where everything is. The encoder of src/protocol cannot be used:
 * it says nothing of places.
 */
export function layOut(message: Message, version: number, choose: Choose): Layout {
  const flexible = version >= message.flexibleFrom;
  const layouter = new Layouter(version, flexible, choose);
  layouter.struct('', message.fields);
  return { body: layouter.writer.finish(), flexible, places: layouter.places.sort((a, b) => a.at - b.at) };
}

class Layouter {
  readonly writer = new Writer();
  readonly places: Place[] = [];
  private readonly version: number;
  private readonly flexible: boolean;
  private readonly choose: Choose;

  constructor(version: number, flexible: boolean, choose: Choose) {
    this.version = version;
    this.flexible = flexible;
    this.choose = choose;
  }

  struct(path: string, fields: Fields): void {
    const present = Object.entries(fields).filter(([, { from, to }]) => from <= this.version && this.version <= to);
    for (const [name, field] of present) if (field.tagged === undefined) this.field(path ? `${path}.${name}` : name, field);
    if (!this.flexible) return;
    const known = present
      .filter(([, { tagged }]) => tagged !== undefined)
      .map(([, field]) => ({ tag: field.tagged!, bytes: this.defaultBytes(field) }))
      .sort((a, b) => a.tag - b.tag);
    this.place({ path, kind: 'tags', known }, () => this.writer.uvarint(0));
  }

  private field(path: string, field: AnyField): void {
    const { type } = field;
    const nullable = field.nullableFrom <= this.version;
    if (type.kind === 'struct') {
      // A nullable one stays null: its own fields have been written wrong elsewhere.
      if (nullable) this.place({ path, kind: 'presence', nullable }, () => this.writer.int8(-1));
      else this.struct(path, type.fields);
      return;
    }
    const value = this.value(path, field);
    if (type.kind === 'array') {
      const chosen = Array.isArray(value) && value.length === 0 ? 0 : 1;
      const prefix = () => this.prefix(value === null ? null : chosen, 'int32');
      const elements = () => {
        if (value !== null && chosen > 0) this.element(path, type.of);
      };
      this.place({ path, kind: 'array', nullable, count: value === null ? -1 : chosen }, prefix, elements);
      return;
    }
    this.plain(path, field, value, nullable);
  }

  private value(path: string, field: AnyField): unknown {
    const chosen = this.choose(path, field);
    return chosen === undefined ? ownValue(field) : chosen;
  }

  private element(path: string, of: AnyField): void {
    if (of.type.kind === 'struct') this.struct(path, of.type.fields);
    else this.plain(`${path}[]`, of, this.value(`${path}[]`, of), false);
  }

  private plain(path: string, field: AnyField, value: unknown, nullable: boolean): void {
    const { kind } = field.type;
    if (kind === 'string' || kind === 'bytes' || kind === 'records') {
      const bytes = value === null ? null : Buffer.from(value as string | Uint8Array);
      const isString = kind === 'string';
      const prefix = () => this.prefix(bytes?.byteLength ?? null, isString ? 'int16' : 'int32');
      const place = { path, kind: isString ? 'string' : 'bytes', nullable, count: bytes?.byteLength ?? -1 } as const;
      this.place(place, prefix, () => bytes && this.writer.splice([bytes]));
    } else if (kind === 'bool') this.place({ path, kind }, () => this.writer.bool(value as boolean));
    else if (kind === 'uuid') this.number(field, value);
    else this.place({ path, kind: 'number' }, () => this.number(field, value));
  }

  private number(field: AnyField, value: unknown): void {
    const { kind } = field.type;
    if (kind === 'int64' && field.saturates) this.writer.int64Saturating(value as number);
    else if (kind === 'uuid') this.writer.uuid(value as string);
    else this.writer[kind as 'int8'](value as number);
  }

  private prefix(count: number | null, width: 'int16' | 'int32'): void {
    if (this.flexible) this.writer.uvarint(count === null ? 0 : count + 1);
    else this.writer[width](count ?? -1);
  }

  private place(place: Pick<Place, 'path' | 'kind'> & Partial<Place>, prefix: () => void, content: () => void = () => {}): void {
    const at = this.writer.size();
    prefix();
    const contentAt = this.writer.size();
    content();
    this.places.push({ count: 0, nullable: false, known: [], ...place, at, contentAt, end: this.writer.size() });
  }

  private defaultBytes(field: AnyField): Buffer {
    const inner = new Layouter(this.version, this.flexible, (_, { defaultTo }) => defaultTo);
    const { type } = field;
    if (type.kind === 'struct') inner.struct('', type.fields);
    else if (type.kind === 'string') inner.prefix(field.defaultTo === null ? null : 0, 'int16');
    else inner.number(field, defaultOf(field));
    return inner.writer.finish();
  }
}

/** One element in arrays is said by anything but an empty array. Names that no broker takes for a topic, so that nothing comes into being. */
function ownValue(field: AnyField): unknown {
  if (field.type.kind === 'array') return 'one element';
  if (field.type.kind === 'string') return NO_SUCH_THING;
  if (field.type.kind === 'bytes' || field.type.kind === 'records') return Buffer.from('00010000', 'hex');
  return defaultOf(field);
}

export const NO_SUCH_THING = 'no such/thing';
