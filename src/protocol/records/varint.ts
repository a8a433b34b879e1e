import { KafkaError } from '../../core/errors.ts';

/** Zigzag varints inside records. A cursor over plain bytes: the hottest loop of the broker, so no DataView and no allocation. */
export class VarintReader {
  bytes: Uint8Array;
  at = 0;
  end: number;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.end = bytes.byteLength;
  }

  /** A 32-bit zigzag varint. */
  varint(): number {
    const { bytes } = this;
    let at = this.at;
    let byte = at < this.end ? bytes[at++]! : this.past();
    let raw = byte & 0x7f;
    for (let shift = 7; byte >= 0x80; shift += 7) {
      if (shift > 28) throw malformed(`a varint at byte ${this.at} is longer than 32 bits`);
      byte = at < this.end ? bytes[at++]! : this.past();
      raw |= (byte & 0x7f) << shift;
    }
    this.at = at;
    return (raw >>> 1) ^ -(raw & 1);
  }

  /** A 64-bit zigzag varint as a number; beyond 2^53 it comes out inexact (and is refused by whoever needs it exact). */
  varlong(): number {
    const start = this.at;
    const first = start < this.end ? this.bytes[start]! : this.past();
    if (first < 0x80) {
      this.at = start + 1;
      return (first >>> 1) ^ -(first & 1);
    }
    let raw = 0;
    let scale = 1;
    for (let i = 0; i < 10; i++) {
      const byte = this.at < this.end ? this.bytes[this.at++]! : this.past();
      raw += (byte & 0x7f) * scale;
      if (byte < 0x80) return raw % 2 === 0 ? raw / 2 : -(raw + 1) / 2;
      scale *= 128;
    }
    throw malformed(`a varlong at byte ${start} is longer than 64 bits`);
  }

  /** Moves on by `length`; returns where those bytes begin. */
  take(length: number): number {
    const at = this.at;
    if (length < 0 || length > this.end - at) throw malformed(`${length} bytes wanted at byte ${at}, ${this.end - at} left`);
    this.at = at + length;
    return at;
  }

  private past(): never {
    throw malformed(`a record ends in the middle, at byte ${this.end}`);
  }
}

export function malformed(why: string): KafkaError {
  return new KafkaError('INVALID_RECORD', `The record batch is malformed: ${why}`);
}

/** Bytes of a zigzag varint or varlong. */
export function zigzagSize(value: number): number {
  let size = 1;
  for (let rest = zigzag(value); rest >= 0x80; rest = Math.floor(rest / 0x80)) size++;
  return size;
}

/** Writes a zigzag varint or varlong at `at`; returns where it ends. */
export function writeZigzag(into: Uint8Array, at: number, value: number): number {
  let rest = zigzag(value);
  let next = at;
  while (rest >= 0x80) {
    into[next++] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  into[next++] = rest;
  return next;
}

function zigzag(value: number): number {
  return value >= 0 ? value * 2 : -value * 2 - 1;
}
