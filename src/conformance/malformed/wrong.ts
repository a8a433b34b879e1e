import type { Layout, Place } from './layout.ts';

/** A request's body with one thing wrong. */
export interface Wrong {
  readonly name: string;
  readonly body: Buffer;
  /** What it asks for is everything that there is, which is more than one broker's: only whether it is answered can be compared. */
  readonly everything?: boolean;
}

const hex = (text: string): Buffer => Buffer.from(text, 'hex');
const int16 = (value: number): Buffer => hex((value & 0xffff).toString(16).padStart(4, '0'));
const int32 = (value: number): Buffer => hex((value >>> 0).toString(16).padStart(8, '0'));

/** Unsigned varints that no encoder writes. In 32 bits with a sign the last of them is -1, so a length or count of -2. */
const VARINTS = { TWO_31: hex('8080808008'), ENDLESS: hex('ffffffffffff'), MINUS_1: hex('ffffffff0f') } as const;
/** 2^32: in 32 bits it is 0. */
const TWO_32 = hex('8080808010');
const HUGE_TAG_BYTES = hex('ffffffff07');

/** A body that ends too early: each eighth of it, and all but one byte. */
export function cutShort({ body }: Layout): Wrong[] {
  if (body.byteLength === 0) return [];
  const eighths = [0, 1, 2, 3, 4, 5, 6, 7].map((eighth) => ({
    name: `${eighth}/8 of it`,
    body: body.subarray(0, Math.floor((body.byteLength * eighth) / 8)),
  }));
  return [...eighths, { name: 'all but one byte', body: body.subarray(0, -1) }];
}

export function bytesBehind({ body }: Layout): Wrong[] {
  return [
    { name: 'a zero', body: Buffer.concat([body, Buffer.alloc(1)]) },
    { name: '40 bytes', body: Buffer.concat([body, Buffer.alloc(40, 0xff)]) },
    { name: 'the body again', body: Buffer.concat([body, body]) },
  ];
}

export function wrongCounts(layout: Layout): Wrong[] {
  return placesOf(layout, 'array').flatMap((place) => {
    const { path, count } = place;
    return wrongLengths(layout, place, int32, [0x7fffffff, count + 1]).map((wrong) => ({ ...wrong, name: `${path} ${wrong.name}` }));
  });
}

export function wrongStrings(layout: Layout): Wrong[] {
  const strings = placesOf(layout, 'string');
  const wrong = strings.flatMap((place) => {
    const { path, count, contentAt } = place;
    const lengths = wrongLengths(layout, place, int16, [0x7fff, count + 1]);
    if (count > 0) {
      const body = Buffer.from(layout.body);
      body[contentAt] = 0xff;
      lengths.push({ name: 'no UTF-8', body });
    }
    return lengths.map((wrong) => ({ ...wrong, name: `${path} ${wrong.name}` }));
  });
  const longest = strings[0];
  if (!longest || !layout.flexible) return wrong;
  // Compact strings could be longer than those with 16 bits of length.
  const tooLong = Buffer.alloc(0x8000, 'a');
  return [...wrong, { name: `${longest.path} of 32768 bytes`, body: put(layout, longest, Buffer.concat([hex('818002'), tooLong])) }];
}

export function wrongBytes(layout: Layout): Wrong[] {
  return placesOf(layout, 'bytes').flatMap((place) =>
    wrongLengths(layout, place, int32, [0x7fffffff, place.count + 1]).map((wrong) => ({ ...wrong, name: `${place.path} ${wrong.name}` })),
  );
}

export function wrongFlags(layout: Layout): Wrong[] {
  const bools = placesOf(layout, 'bool').flatMap((place) => [
    { name: `${place.path} 2`, body: put(layout, place, hex('02')) },
    { name: `${place.path} -1`, body: put(layout, place, hex('ff')) },
  ]);
  const presences = placesOf(layout, 'presence').flatMap((place) => [
    { name: `${place.path} -2`, body: put(layout, place, hex('fe')) },
    { name: `${place.path} 0, and nothing there`, body: put(layout, place, hex('00')) },
  ]);
  return [...bools, ...presences];
}

/** Numbers at the ends of what their bytes can say, and -1. */
export function numbersAtTheirEnds(layout: Layout): Wrong[] {
  return placesOf(layout, 'number').flatMap((place) => {
    const width = place.contentAt - place.at;
    const least = Buffer.alloc(width);
    least[0] = 0x80;
    const most = Buffer.alloc(width, 0xff);
    most[0] = 0x7f;
    return [
      { name: `${place.path} least`, body: put(layout, place, least) },
      { name: `${place.path} -1`, body: put(layout, place, Buffer.alloc(width, 0xff)) },
      { name: `${place.path} most`, body: put(layout, place, most) },
    ];
  });
}

export function wrongTags(layout: Layout): Wrong[] {
  return placesOf(layout, 'tags').flatMap((place) => {
    const section = (name: string, bytes: Buffer) => ({ name: `${place.path || 'request'} ${name}`, body: put(layout, place, bytes) });
    const known = place.known.flatMap(({ tag, bytes }) => {
      const whole = tagged(tag, bytes);
      return [
        section(`tag ${tag} with its default`, tags(whole)),
        section(`tag ${tag} twice`, tags(whole, whole)),
        section(`tag ${tag} behind an unknown one`, tags(UNKNOWN, whole)),
        section(`tag ${tag} with a size too small`, tags(tagged(tag, bytes, bytes.byteLength - 1))),
        section(`tag ${tag} with a size too large`, tags(tagged(tag, bytes, bytes.byteLength + 1))),
        section(`tag ${tag} without a value`, tags(tagged(tag, Buffer.alloc(0), 0))),
      ];
    });
    return [
      section('an unknown tag', tags(UNKNOWN)),
      section('an unknown tag of 0 bytes', tags(tagged(200, Buffer.alloc(0)))),
      section('an unknown tag twice', tags(UNKNOWN, UNKNOWN)),
      section('unknown tags in the wrong order', tags(UNKNOWN, tagged(8000, hex('01')))),
      section('the largest tag', Buffer.concat([hex('01'), HUGE_TAG_BYTES, hex('00')])),
      section('a tag larger than the request', Buffer.concat([hex('01c801'), HUGE_TAG_BYTES])),
      section('a tag of negative size', Buffer.concat([hex('01c801'), VARINTS.MINUS_1])),
      section('a negative count', VARINTS.MINUS_1),
      section('a count of 2^31 - 1', HUGE_TAG_BYTES),
      section('a count without an end', VARINTS.ENDLESS),
      ...known,
    ];
  });
}

const UNKNOWN = tagged(9000, hex('c0ffee'));

function tagged(tag: number, bytes: Buffer, size = bytes.byteLength): Buffer {
  return Buffer.concat([varint(tag), varint(size), bytes]);
}

const tags = (...all: readonly Buffer[]): Buffer => Buffer.concat([varint(all.length), ...all]);

/** A place's length written as null, below null, one too many and far too many; null and below without the content. */
function wrongLengths(layout: Layout, place: Place, plain: (value: number) => Buffer, [huge, more]: readonly [number, number]): Wrong[] {
  const everything = place.kind === 'array' && place.nullable;
  const isNull = place.count < 0;
  const without = (name: string, prefix: Buffer) => ({ name, body: put(layout, place, prefix), everything });
  const kept = (name: string, prefix: Buffer) => ({ name, body: put(layout, place, prefix, true) });
  const oneMore = isNull ? [] : [kept('one too many', layout.flexible ? varint(more + 1) : plain(more))];
  if (!layout.flexible) return [without('null', plain(-1)), without('-2', plain(-2)), ...oneMore, kept('far too many', plain(huge))];
  return [
    without('null', hex('00')),
    without('-2', VARINTS.MINUS_1),
    without('2^32', TWO_32),
    ...oneMore,
    kept('far too many', HUGE_TAG_BYTES),
    kept('2^31 - 1', VARINTS.TWO_31),
    kept('padded', padded(place.count + 1)),
    kept('without an end', VARINTS.ENDLESS),
  ];
}

/** The body with other bytes for a place's length, and for its content unless that is kept. */
function put({ body }: Layout, { at, contentAt, end }: Place, bytes: Buffer, keepsContent = false): Buffer {
  return Buffer.concat([body.subarray(0, at), bytes, body.subarray(keepsContent ? contentAt : end)]);
}

export function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 0x80) return Buffer.from([...bytes, rest]);
    bytes.push((rest & 0x7f) | 0x80);
  }
}

/** The same value in five bytes. */
const padded = (value: number): Buffer => Buffer.from([0, 1, 2, 3].map((i) => ((value >>> (7 * i)) & 0x7f) | 0x80).concat(0));

const placesOf = ({ places }: Layout, kind: Place['kind']): Place[] => places.filter((place) => place.kind === kind);
