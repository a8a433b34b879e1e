import type { Bytes } from './wire.ts';

/** A field as data, without its TypeScript types: what the compiler and the tests read. */
export interface AnyField {
  readonly type: FieldType;
  /** First and last version that have the field. */
  readonly from: number;
  readonly to: number;
  /** First version in which null may stand for the value; Infinity: never. */
  readonly nullableFrom: number;
  /** undefined: the default of the type. */
  readonly defaultTo: unknown;
  /** Tag number, when the field lives in the tag section. */
  readonly tagged: number | undefined;
  readonly saturates: boolean;
}

/**
 * The message DSL: one declaration per message says for each field its type, versions, default, nullability and tag, and the TypeScript
 * types follow from it. Key order is wire order.
 *
 * `In` is what an encoder takes, `Out` what a decoder gives. A decoded message has every field: one that is absent in its version has its
 * default. An encoder may be given less: fields that are versioned, tagged, or have a default may be left out (`Opt`).
 */
export interface Field<Out, In = Out, Opt extends boolean = boolean> extends AnyField {
  /** Present from this version on. */
  since(version: number): Field<Out, In, true>;
  /** Present up to and including this version. */
  until(version: number): Field<Out, In, true>;
  nullable(fromVersion?: number): Field<Out | null, In | null, Opt>;
  /** The value where the field is absent; without it 0, false, '', empty, the zero uuid, or a struct of defaults. */
  default(value: In | null): Field<Out, In, true>;
  /** In the tag section, written only when the value differs from the default. */
  tag(number: number): Field<Out, In, true>;
  /** int64 only: a value beyond 2^53 - 1 becomes 2^53 - 1 instead of being refused (offsets, timestamps). */
  saturating(): Field<Out, In, Opt>;
  /** Types only, never a value. */
  readonly _?: { out: Out; in: In; opt: Opt };
}

export type Fields = Readonly<Record<string, AnyField>>;
export type PrimitiveName = 'bool' | 'int8' | 'int16' | 'uint16' | 'int32' | 'int64' | 'float64' | 'uuid' | 'string' | 'bytes' | 'records';
export type FieldType =
  | { readonly kind: PrimitiveName }
  | { readonly kind: 'array'; readonly of: AnyField }
  | { readonly kind: 'struct'; readonly fields: Fields };

type OutOf<F> = F extends { readonly _?: { out: infer O } } ? O : never;
type InOf<F> = F extends { readonly _?: { in: infer I } } ? I : never;
type OptionalKeys<S> = { [K in keyof S]: S[K] extends { readonly _?: { opt: true } } ? K : never }[keyof S];
type Flat<T> = { [K in keyof T]: T[K] };

/** What decoding a struct of these fields gives. */
export type Decoded<S> = { -readonly [K in keyof S]: OutOf<S[K]> };
/** What encoding a struct of these fields takes. */
export type Encodable<S> = Flat<
  { readonly [K in Exclude<keyof S, OptionalKeys<S>>]: InOf<S[K]> } & { readonly [K in OptionalKeys<S> & keyof S]?: InOf<S[K]> | undefined }
>;

class FieldSpec<Out, In, Opt extends boolean> implements Field<Out, In, Opt> {
  readonly type: FieldType;
  readonly from: number = 0;
  readonly to: number = Number.POSITIVE_INFINITY;
  readonly nullableFrom: number = Number.POSITIVE_INFINITY;
  readonly defaultTo: unknown = undefined;
  readonly tagged: number | undefined = undefined;
  readonly saturates: boolean = false;
  declare readonly _?: { out: Out; in: In; opt: Opt };

  constructor(type: FieldType) {
    this.type = type;
  }
  since(version: number): Field<Out, In, true> {
    return this.with({ from: version });
  }
  until(version: number): Field<Out, In, true> {
    return this.with({ to: version });
  }
  nullable(fromVersion = 0): Field<Out | null, In | null, Opt> {
    return this.with({ nullableFrom: fromVersion });
  }
  default(value: In | null): Field<Out, In, true> {
    return this.with({ defaultTo: value });
  }
  tag(number: number): Field<Out, In, true> {
    return this.with({ tagged: number });
  }
  saturating(): Field<Out, In, Opt> {
    return this.with({ saturates: true });
  }
  private with<O, I, P extends boolean>(changes: Partial<AnyField>): Field<O, I, P> {
    return Object.assign(new FieldSpec<O, I, P>(this.type), this, changes);
  }
}

const primitive = <Out, In = Out>(kind: PrimitiveName): Field<Out, In, false> => new FieldSpec<Out, In, false>({ kind });

export const bool = primitive<boolean>('bool');
export const int8 = primitive<number>('int8');
export const int16 = primitive<number>('int16');
export const uint16 = primitive<number>('uint16');
export const int32 = primitive<number>('int32');
export const int64 = primitive<number>('int64');
export const float64 = primitive<number>('float64');
/** 22 characters of base64url, Kafka's own text form. */
export const uuid = primitive<string>('uuid');
export const string = primitive<string>('string');
/** Decoded as a view of the frame, not a copy. */
export const bytes = primitive<Buffer, Bytes>('bytes');
/** Record batches or a message set, raw. On the wire the same as bytes. */
export const records = primitive<Buffer, Bytes>('records');

/** An array of structs, or of plain values. */
export function array<Out, In>(of: Field<Out, In, false>): Field<Out[], readonly In[], false>;
export function array<S extends Fields>(fields: S): Field<Decoded<S>[], readonly Encodable<S>[], false>;
export function array(of: Fields | AnyField): AnyField {
  return new FieldSpec({ kind: 'array', of: of instanceof FieldSpec ? of : struct(of as Fields) });
}

export function struct<S extends Fields>(fields: S): Field<Decoded<S>, Encodable<S>, false> {
  return new FieldSpec<Decoded<S>, Encodable<S>, false>({ kind: 'struct', fields });
}

/** A message body: the unit that `compile` makes a codec for. */
export interface Message<S extends Fields = Fields> {
  readonly name: string;
  /** First and last version, both inclusive. */
  readonly versions: readonly [number, number];
  /** First version with compact lengths and tag sections; Infinity: none. */
  readonly flexibleFrom: number;
  readonly fields: S;
}

/** A request and its response. */
export interface Api<Req extends Fields = Fields, Res extends Fields = Fields> {
  readonly key: number;
  readonly name: string;
  /** Every version whose wire form is declared; which of them a broker serves is the handler's word. */
  readonly versions: readonly [number, number];
  readonly flexibleFrom: number;
  readonly request: Message<Req>;
  readonly response: Message<Res>;
}

export function message<S extends Fields>(spec: Message<S>): Message<S> {
  return spec;
}

export function api<Req extends Fields, Res extends Fields>(spec: {
  key: number;
  name: string;
  versions: readonly [number, number];
  /** Left out: never flexible. */
  flexibleFrom?: number;
  request: Req;
  response: Res;
}): Api<Req, Res> {
  const { key, name, versions, flexibleFrom = Number.POSITIVE_INFINITY } = spec;
  return {
    key,
    name,
    versions,
    flexibleFrom,
    request: { name: `${name}Request`, versions, flexibleFrom, fields: spec.request },
    response: { name: `${name}Response`, versions, flexibleFrom, fields: spec.response },
  };
}

/** A request as a handler gets it: every field present. */
export type RequestOf<A> = A extends Api<infer Req, Fields> ? Decoded<Req> : never;
/** A response as a handler gives it. */
export type ResponseTo<A> = A extends Api<Fields, infer Res> ? Encodable<Res> : never;
/** A request as a client gives it. */
export type RequestTo<A> = A extends Api<infer Req, Fields> ? Encodable<Req> : never;
/** A response as a client gets it. */
export type ResponseOf<A> = A extends Api<Fields, infer Res> ? Decoded<Res> : never;

/** The value of a field that is absent or left out, as the decoder gives it. */
export function defaultOf(field: AnyField): unknown {
  if (field.defaultTo !== undefined) return field.defaultTo;
  switch (field.type.kind) {
    case 'bool':
      return false;
    case 'uuid':
      return 'AAAAAAAAAAAAAAAAAAAAAA';
    case 'string':
      return '';
    case 'bytes':
    case 'records':
      return Buffer.alloc(0);
    case 'array':
      return [];
    case 'struct':
      return Object.fromEntries(Object.entries(field.type.fields).map(([name, inner]) => [name, defaultOf(inner)]));
    default:
      return 0;
  }
}
