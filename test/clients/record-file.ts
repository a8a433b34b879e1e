import { readFileSync, writeFileSync } from 'node:fs';
import { prng } from '../support/prng.ts';

/** A record byte for byte, and the place that it gets in a topic that was empty. */
export interface FlatRecord {
  readonly partition: number;
  readonly offset: number;
  readonly timestamp: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  /** Names are unique: some clients keep them in a map. */
  readonly headers: readonly (readonly [name: string, value: Buffer | null])[];
}

/** Incompressible in its first half, compressible in the second. */
const LARGE_VALUE_BYTES = 900 * 1024;
/** Of the records, which one has it. */
const LARGE_VALUE_AT = 4321;
const FIRST_TIMESTAMP = 1_700_000_000_000;
const SHOWN = 5;

/**
 * `count` records over `partitions` partitions, from a seed: keys and values that are null, empty, text and any bytes; one value of 900 KB; up
 * to three headers, some of them without a value.
 */
export function flatRecords(seed: number, count: number, partitions: number): FlatRecord[] {
  const random = prng(seed);
  const below = (bound: number) => Math.floor(random() * bound);
  const bytes = (length: number) => Buffer.from(Array.from({ length }, () => below(256)));
  const next = new Array<number>(partitions).fill(0);
  return Array.from({ length: count }, (_, n) => {
    const partition = below(partitions);
    const text = Buffer.from(`record ${n} ${'añ€ '.repeat(below(40))}`);
    const values = [null, Buffer.alloc(0), bytes(below(200)), text, text, text];
    const keys = [null, Buffer.alloc(0), bytes(8), Buffer.from(`key-${below(100)}`)];
    const headerValues = [null, Buffer.alloc(0), bytes(5), Buffer.from(`header ${n}`)];
    return {
      partition,
      offset: next[partition]!++,
      timestamp: FIRST_TIMESTAMP + n,
      key: keys[below(keys.length)]!,
      value: n === LARGE_VALUE_AT % count ? largeValue(seed) : values[below(values.length)]!,
      headers: Array.from({ length: below(4) }, (_, h) => [`header-${h}-ü`, headerValues[below(headerValues.length)]!] as const),
    };
  });
}

function largeValue(seed: number): Buffer {
  const random = prng(seed + 1);
  const half = LARGE_VALUE_BYTES / 2;
  return Buffer.concat([Buffer.from(Array.from({ length: half }, () => Math.floor(random() * 256))), Buffer.alloc(half, 'compressible ')]);
}

/** By partition, then by offset. */
export function inPlace(records: readonly FlatRecord[]): FlatRecord[] {
  return [...records].sort((a, b) => a.partition - b.partition || a.offset - b.offset);
}

/**
 * Writes records as the programs of all languages read and write them. Big-endian: partition (int32), offset (int64), timestamp (int64), key, value,
 * the number of headers (int32), and of each its name and value; bytes and names have their length (int32, -1 for null) before them.
 */
export function writeRecords(path: string, records: readonly FlatRecord[]): void {
  const field = (bytes: Buffer | null) => {
    const length = Buffer.alloc(4);
    length.writeInt32BE(bytes?.byteLength ?? -1);
    return bytes ? [length, bytes] : [length];
  };
  const parts = records.flatMap(({ partition, offset, timestamp, key, value, headers }) => {
    const place = Buffer.alloc(20);
    place.writeInt32BE(partition, 0);
    place.writeBigInt64BE(BigInt(offset), 4);
    place.writeBigInt64BE(BigInt(timestamp), 12);
    const count = Buffer.alloc(4);
    count.writeInt32BE(headers.length);
    return [place, ...field(key), ...field(value), count, ...headers.flatMap(([name, of]) => [...field(Buffer.from(name)), ...field(of)])];
  });
  writeFileSync(path, Buffer.concat(parts));
}

export function readRecords(path: string): FlatRecord[] {
  const bytes = readFileSync(path);
  const records: FlatRecord[] = [];
  let at = 0;
  const int32 = () => bytes.readInt32BE((at += 4) - 4);
  const int64 = () => Number(bytes.readBigInt64BE((at += 8) - 8));
  const field = () => {
    const length = int32();
    return length < 0 ? null : bytes.subarray(at, (at += length));
  };
  while (at < bytes.byteLength) {
    const record = { partition: int32(), offset: int64(), timestamp: int64(), key: field(), value: field() };
    const headers = Array.from({ length: int32() }, () => [String(field()), field()] as const);
    records.push({ ...record, headers });
  }
  return records;
}

/** Where what was read differs from what was sent: the first few places, in words. Timestamps count only when they were sent. */
export function wrongRecords(sent: readonly FlatRecord[], read: readonly FlatRecord[]): string[] {
  const wrong: string[] = [];
  if (sent.length !== read.length) wrong.push(`${sent.length} records were sent, ${read.length} were read`);
  const expected = inPlace(sent);
  for (const [n, record] of inPlace(read).entries()) {
    const want = expected[n];
    const [is, was] = [text(record), want ? text(want) : 'nothing'];
    if (wrong.length < SHOWN && (is !== was || !sameBytes(record, want!))) wrong.push(`record ${n}: read ${is}, sent was ${was}`);
  }
  return wrong;
}

function sameBytes(a: FlatRecord, b: FlatRecord): boolean {
  const fields = ({ key, value, headers }: FlatRecord) => [key, value, ...headers.flatMap(([name, of]) => [Buffer.from(name), of])];
  const others = fields(b);
  const own = fields(a);
  return own.length === others.length && own.every((of, n) => (of && others[n] ? of.equals(others[n]) : of === others[n]));
}

function text({ partition, offset, timestamp, key, value, headers }: FlatRecord): string {
  const short = (bytes: Buffer | null) => (bytes ? `${bytes.byteLength}:${bytes.subarray(0, 24).toString('latin1')}` : null);
  return JSON.stringify([partition, offset, timestamp, short(key), short(value), headers.map(([name, of]) => [name, short(of)])]);
}
