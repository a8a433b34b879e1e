import type { AnyField, Fields, Message } from '../../src/protocol/schema.ts';

/** What a change puts in the place of one field: none, one or several, under their names. */
type Entries = [name: string, field: AnyField][];
type Change = (name: string, field: AnyField) => Entries;

/** A field somewhere in a message. */
interface Place {
  readonly path: string;
  readonly field: AnyField;
  /** The versions in which it is present. */
  readonly first: number;
  readonly last: number;
  /** The whole message's fields with this one changed. */
  readonly replace: (change: Change) => Fields;
}

/** Every way in which one field can be declared wrongly. */
const MISTAKES: Record<string, (place: Place) => Change> = {
  'appears a version late': ({ first }) => alter(() => ({ from: first + 1 })),
  'vanishes a version early': ({ last }) => alter(() => ({ to: last - 1 })),
  'is nullable, or is not': () => alter((field) => ({ nullableFrom: Number.isFinite(field.nullableFrom) ? Number.POSITIVE_INFINITY : 0 })),
  'has another default': () => alter((field) => ({ defaultTo: field.defaultTo === null ? undefined : null })),
  'has another tag': () => alter((field) => ({ tagged: (field.tagged ?? 0) + 1 })),
  'has another type': () => alter((field) => ({ type: { kind: field.type.kind === 'uuid' ? 'float64' : 'uuid' } })),
  'is an array, or is not': () =>
    alter((field) => ({ type: field.type.kind === 'array' ? field.type.of.type : { kind: 'array', of: field } })),
  'is missing': () => () => [],
  'has another name': () => (name, field) => [[`${name}X`, field]],
  'has an unknown field behind it': () => (name, field) => [
    [name, field],
    ['unknown', field],
  ],
  'has a field behind it that no version has': () => (name, field) => [
    [name, field],
    ['never', { ...field, from: 1, to: 0 }],
  ],
};

/** Copies of a message with one mistake each. */
export function* wrongCopies(message: Message): Generator<{ mistake: string; copy: Message }> {
  for (const place of places(message.fields, ...message.versions)) {
    for (const [mistake, change] of Object.entries(MISTAKES)) {
      yield { mistake: `${place.path} ${mistake}`, copy: { ...message, fields: place.replace(change(place)) } };
    }
  }
}

function alter(changes: (field: AnyField) => Partial<AnyField>): Change {
  return (name, field) => [[name, { ...field, ...changes(field) }]];
}

function places(fields: Fields, first: number, last: number, path = ''): Place[] {
  const put = (at: string, entries: Entries): Fields =>
    Object.fromEntries(Object.entries(fields).flatMap((entry): Entries => (entry[0] === at ? entries : [entry])));
  return Object.entries(fields).flatMap(([name, field]) => {
    const from = Math.max(first, field.from);
    const to = Math.min(last, field.to);
    const own: Place = { path: path + name, field, first: from, last: to, replace: (change) => put(name, change(name, field)) };
    const element = field.type.kind === 'array' ? field.type.of : field;
    if (element.type.kind !== 'struct') return [own];
    const around = (inner: Fields): AnyField => {
      const struct = { ...element, type: { kind: 'struct' as const, fields: inner } };
      return field === element ? struct : { ...field, type: { kind: 'array', of: struct } };
    };
    const nested = places(element.type.fields, from, to, `${path}${name}.`).map((place): Place => {
      return { ...place, replace: (change) => put(name, [[name, around(place.replace(change))]]) };
    });
    return [own, ...nested];
  });
}
