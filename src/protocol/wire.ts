/**
 * Reading and writing of Kafka's primitive types over one frame. Lengths are checked against what is left before anything is taken or
 * allocated, and every failure is a DecodeError. int64 is a number (exact to 2^53 - 1).
 */
export class DecodeError extends Error {
  override name = 'DecodeError';
}

/** 2^53 - 1: where saturating fields end, since Long.MAX_VALUE does not fit a number. */
export const INT64_SATURATED = Number.MAX_SAFE_INTEGER;

/** The uuid that stands for "none". */
export const ZERO_UUID = 'AAAAAAAAAAAAAAAAAAAAAA';

/** Elements of all arrays of one message. An element of 2 bytes becomes an object of 50: without this limit a frame of 100 MB would fill the heap. */
export const MAX_ELEMENTS = 1_000_000;

const UVARINT_MAX_BYTES = 5;
const MAX_STRING_BYTES = 0x7fff;
const TWO_32 = 2 ** 32;

export class Reader {
  readonly bytes: Buffer;
  readonly view: DataView;
  at: number;
  readonly end: number;
  private elementsLeft = MAX_ELEMENTS;

  /** Reads `bytes` from `start`. Byte fields are returned as views of `bytes`, not as copies. */
  constructor(bytes: Uint8Array, start = 0) {
    this.bytes = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = start;
    this.end = bytes.byteLength;
  }

  left(): number {
    return this.end - this.at;
  }

  /** Moves on by `length` bytes and returns where they begin. */
  take(length: number): number {
    const at = this.at;
    if (length < 0 || length > this.end - at) throw new DecodeError(`${length} bytes wanted at ${at}, ${this.end - at} left`);
    this.at = at + length;
    return at;
  }

  int8(): number {
    return this.view.getInt8(this.take(1));
  }
  bool(): boolean {
    return this.view.getInt8(this.take(1)) !== 0;
  }
  int16(): number {
    return this.view.getInt16(this.take(2));
  }
  uint16(): number {
    return this.view.getUint16(this.take(2));
  }
  int32(): number {
    return this.view.getInt32(this.take(4));
  }
  float64(): number {
    return this.view.getFloat64(this.take(8));
  }

  int64(): number {
    const at = this.take(8);
    const value = this.view.getInt32(at) * TWO_32 + this.view.getUint32(at + 4);
    if (!Number.isSafeInteger(value)) throw new DecodeError(`int64 at ${at} is beyond 2^53`);
    return value;
  }

  /** For offsets and timestamps, where clients do send Long.MAX_VALUE. */
  int64Saturating(): number {
    const at = this.take(8);
    const value = this.view.getInt32(at) * TWO_32 + this.view.getUint32(at + 4);
    return Math.max(-INT64_SATURATED, Math.min(INT64_SATURATED, value));
  }

  /** As in Kafka the bits are those of an int32: from 2^31 on the value is negative, and what the fifth byte has beyond them is lost. */
  uvarint(): number {
    let value = 0;
    for (let i = 0; i < UVARINT_MAX_BYTES; i++) {
      const byte = this.view.getUint8(this.take(1));
      value |= (byte & 0x7f) << (7 * i);
      if (byte < 0x80) return value;
    }
    throw new DecodeError(`uvarint before ${this.at} is longer than ${UVARINT_MAX_BYTES} bytes`);
  }

  /** Below 0: null. The subtraction wraps around, as Kafka's does. */
  private compactLength(): number {
    return (this.uvarint() - 1) | 0;
  }

  uuid(): string {
    const at = this.take(16);
    return this.bytes.toString('base64url', at, at + 16);
  }

  string(): string {
    return this.text(this.int16());
  }
  nullableString(): string | null {
    const length = this.int16();
    return length < 0 ? null : this.text(length);
  }
  compactString(): string {
    return this.text(this.compactLength());
  }
  nullableCompactString(): string | null {
    const length = this.compactLength();
    return length < 0 ? null : this.text(length);
  }

  byteString(): Buffer {
    return this.slice(this.int32());
  }
  nullableByteString(): Buffer | null {
    const length = this.int32();
    return length < 0 ? null : this.slice(length);
  }
  compactByteString(): Buffer {
    return this.slice(this.compactLength());
  }
  nullableCompactByteString(): Buffer | null {
    const length = this.compactLength();
    return length < 0 ? null : this.slice(length);
  }

  /** An array's element count, below 0 for null. Refused when the bytes left cannot hold that many elements of at least `smallest` bytes. */
  count(smallest: number): number {
    return this.checked(this.int32(), smallest);
  }
  compactCount(smallest: number): number {
    return this.checked(this.compactLength(), smallest);
  }

  tagCount(): number {
    const count = this.uvarint();
    if (count < 0 || count > this.left()) throw new DecodeError(`${count} tags at ${this.at}, ${this.left()} bytes left`);
    return count;
  }

  /** Passes over a tag section of which no tag is known. */
  skipTags(): void {
    for (let left = this.tagCount(); left > 0; left--) {
      this.uvarint();
      this.take(this.uvarint());
    }
  }

  private text(length: number): string {
    // Kafka holds compact strings to the lengths that others can have.
    if (length < 0 || length > MAX_STRING_BYTES) throw new DecodeError(`string of ${length} bytes, which is null or too long here`);
    const at = this.take(length);
    return length === 0 ? '' : this.bytes.toString('utf8', at, at + length);
  }

  private slice(length: number): Buffer {
    if (length < 0) throw new DecodeError(`bytes of length ${length} where null is not allowed`);
    const at = this.take(length);
    return this.bytes.subarray(at, at + length);
  }

  private checked(count: number, smallest: number): number {
    if (count * smallest > this.end - this.at) {
      throw new DecodeError(`array of ${count} elements at ${this.at}, ${this.end - this.at} bytes left`);
    }
    this.elementsLeft -= Math.max(count, 0); // a null array gives nothing back
    if (this.elementsLeft < 0) throw new DecodeError(`more than ${MAX_ELEMENTS} array elements in one message`);
    return count;
  }
}

/** What a bytes or records field is written from: one chunk or several, spliced into the output without being copied when large. */
export type Bytes = Uint8Array | readonly Uint8Array[];

/** Below this a byte field is copied: one more chunk for the socket costs more than the copy. */
const SPLICE_FROM_BYTES = 1024;
const FIRST_BLOCK_BYTES = 512;

export class Writer {
  private block: Buffer;
  private view: DataView;
  private from = 0;
  private at = 0;
  private readonly done: Uint8Array[] = [];
  private doneBytes = 0;

  constructor(firstBlockBytes = FIRST_BLOCK_BYTES) {
    this.block = Buffer.allocUnsafe(firstBlockBytes);
    this.view = new DataView(this.block.buffer, this.block.byteOffset, this.block.byteLength);
  }

  /** Bytes written so far. */
  size(): number {
    return this.doneBytes + this.at - this.from;
  }

  /** All that was written, in order. The writer must not be used afterwards. */
  chunks(): Uint8Array[] {
    this.cut();
    return this.done;
  }

  /** All that was written, in one piece. */
  finish(): Buffer {
    const chunks = this.chunks();
    return chunks.length === 1 && Buffer.isBuffer(chunks[0]) ? chunks[0] : Buffer.concat(chunks);
  }

  int8(value: number): void {
    const at = this.room(1);
    this.view.setInt8(at, value);
  }
  bool(value: boolean): void {
    const at = this.room(1);
    this.view.setInt8(at, value ? 1 : 0);
  }
  int16(value: number): void {
    const at = this.room(2);
    this.view.setInt16(at, value);
  }
  uint16(value: number): void {
    const at = this.room(2);
    this.view.setUint16(at, value);
  }
  int32(value: number): void {
    const at = this.room(4);
    this.view.setInt32(at, value);
  }
  float64(value: number): void {
    const at = this.room(8);
    this.view.setFloat64(at, value);
  }
  int64(value: number): void {
    const at = this.room(8);
    this.view.setInt32(at, Math.floor(value / TWO_32));
    this.view.setUint32(at + 4, value >>> 0);
  }
  /** The saturated ends are written as Long.MAX_VALUE and Long.MIN_VALUE, which is what they stand for. */
  int64Saturating(value: number): void {
    if (Math.abs(value) < INT64_SATURATED) {
      this.int64(value);
      return;
    }
    const at = this.room(8);
    this.view.setInt32(at, value > 0 ? 0x7fffffff : -0x80000000);
    this.view.setUint32(at + 4, value > 0 ? 0xffffffff : 0);
  }

  uvarint(value: number): void {
    let rest = value;
    let at = this.room(uvarintSize(value));
    while (rest >= 0x80) {
      this.block[at++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.block[at] = rest;
  }

  uuid(value: string): void {
    const at = this.room(16);
    if (value.length !== 22 || this.block.write(value, at, 16, 'base64url') !== 16)
      throw new TypeError(`"${value}" is not a uuid in base64url`);
  }

  string(value: string): void {
    const length = Buffer.byteLength(value);
    if (length > MAX_STRING_BYTES) throw new RangeError(`a string of ${length} bytes does not fit its 16-bit length`);
    this.int16(length);
    this.raw(value, length);
  }
  nullableString(value: string | null): void {
    if (value === null) this.int16(-1);
    else this.string(value);
  }
  compactString(value: string): void {
    const length = Buffer.byteLength(value);
    this.uvarint(length + 1);
    this.raw(value, length);
  }
  nullableCompactString(value: string | null): void {
    if (value === null) this.uvarint(0);
    else this.compactString(value);
  }

  byteString(value: Bytes): void {
    this.int32(sizeOf(value));
    this.splice(value);
  }
  nullableByteString(value: Bytes | null): void {
    if (value === null) this.int32(-1);
    else this.byteString(value);
  }
  compactByteString(value: Bytes): void {
    this.uvarint(sizeOf(value) + 1);
    this.splice(value);
  }
  nullableCompactByteString(value: Bytes | null): void {
    if (value === null) this.uvarint(0);
    else this.compactByteString(value);
  }

  /** Bytes without a length before them. */
  splice(value: Bytes): void {
    if (value instanceof Uint8Array) this.piece(value);
    else for (const chunk of value) this.piece(chunk);
  }

  private piece(chunk: Uint8Array): void {
    const length = chunk.byteLength;
    if (length < SPLICE_FROM_BYTES) {
      const at = this.room(length);
      this.block.set(chunk, at);
      return;
    }
    this.cut();
    this.done.push(chunk);
    this.doneBytes += length;
  }

  private raw(value: string, length: number): void {
    if (length === 0) return;
    const at = this.room(length);
    this.block.write(value, at, length, 'utf8');
  }

  /** Ends the chunk in work; what follows goes behind it in the same block. */
  private cut(): void {
    if (this.at === this.from) return;
    this.done.push(this.block.subarray(this.from, this.at));
    this.doneBytes += this.at - this.from;
    this.from = this.at;
  }

  /** Where the next `length` bytes go. It may change `block` and `view`: take these after the call, not before. */
  private room(length: number): number {
    if (this.at + length > this.block.byteLength) this.grow(length);
    const at = this.at;
    this.at = at + length;
    return at;
  }

  private grow(length: number): void {
    this.cut();
    this.block = Buffer.allocUnsafe(Math.max(length, Math.min(2 * this.block.byteLength, 64 * 1024)));
    this.view = new DataView(this.block.buffer, this.block.byteOffset, this.block.byteLength);
    this.from = 0;
    this.at = 0;
  }
}

export function uvarintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) size++;
  return size;
}

export function sizeOf(value: Bytes): number {
  if (value instanceof Uint8Array) return value.byteLength;
  let size = 0;
  for (const chunk of value) size += chunk.byteLength;
  return size;
}
