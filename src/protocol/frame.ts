import type { Api } from './schema.ts';
import { DecodeError, type Reader, type Writer } from './wire.ts';

/** The first fields of every request; where they end, the body begins. */
export interface RequestHeader {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly correlationId: number;
  /** null on the wire is '' here, as in Kafka. */
  readonly clientId: string;
}

const API_VERSIONS_KEY = 18;

/** Reads key and version alone: what decides how the rest of the header is read. */
export function readApiKey(reader: Reader): { apiKey: number; apiVersion: number } {
  return { apiKey: reader.int16(), apiVersion: reader.int16() };
}

/**
 * Reads what follows key and version: correlation id and client id, in header v2 a tag section.
 * The client id keeps its 16-bit length in header v2. (v0, without a client id, was ControlledShutdown's alone.)
 */
export function readRestOfHeader(reader: Reader, flexible: boolean): { correlationId: number; clientId: string } {
  const correlationId = reader.int32();
  const clientId = reader.nullableString() ?? '';
  if (flexible) reader.skipTags();
  return { correlationId, clientId };
}

export function writeRequestHeader(writer: Writer, header: RequestHeader, flexible: boolean): void {
  writer.int16(header.apiKey);
  writer.int16(header.apiVersion);
  writer.int32(header.correlationId);
  writer.nullableString(header.clientId);
  if (flexible) writer.uvarint(0);
}

/** Response header v1 has a tag section. ApiVersions keeps v0 at every version, so that a client can read the answer to a version it guessed. */
export function responseHeaderIsFlexible(api: Pick<Api, 'key' | 'flexibleFrom'>, version: number): boolean {
  return version >= api.flexibleFrom && api.key !== API_VERSIONS_KEY;
}

export function writeResponseHeader(writer: Writer, correlationId: number, flexible: boolean): void {
  writer.int32(correlationId);
  if (flexible) writer.uvarint(0);
}

export function readResponseHeader(reader: Reader, flexible: boolean): number {
  const correlationId = reader.int32();
  if (flexible) reader.skipTags();
  return correlationId;
}

/** Memory for one frame, and how to give it back. */
export interface FrameBuffer {
  readonly bytes: Buffer;
  release(): void;
}

/** A frame's length is negative, or above the limit. */
export class FrameLengthError extends DecodeError {
  readonly length: number;
  constructor(length: number, maxBytes: number) {
    super(`frame of ${length} bytes; the limit is ${maxBytes}`);
    this.length = length;
  }
}

const LENGTH_BYTES = 4;
/** A length is only a promise: memory beyond this is taken when its bytes come, or a hundred clients that send four bytes each take 10 GB. */
const TRUSTED_BYTES = 1024 * 1024;
/** Smaller frames that lie whole in a chunk get memory of their own: a pooled buffer is at least 64 KiB. */
const POOLED_FROM_BYTES = 16 * 1024;
const NOTHING = (): void => {};

/**
 * Cuts a stream of bytes into frames: an int32 length, then so many bytes. Frames are copied out of the chunks, whose memory is used again: small ones
 * into memory of their own, others into buffers from `allocate`, which go back by `release`.
 */
export class FrameReader {
  private readonly maxBytes: number;
  private readonly allocate: (length: number) => FrameBuffer;
  private readonly lengthBytes = Buffer.alloc(LENGTH_BYTES);
  private lengthHas = 0;
  private gathering: FrameBuffer | null = null;
  private gathered = 0;
  /** Of the frame that is being gathered. */
  private frameBytes = 0;

  constructor(maxBytes: number, allocate: (length: number) => FrameBuffer) {
    this.maxBytes = maxBytes;
    this.allocate = allocate;
  }

  /** @throws FrameLengthError on a negative length or one above the limit, before anything is allocated for it */
  push(chunk: Uint8Array, frame: (bytes: Buffer, release: () => void) => void): void {
    const data = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    let at = 0;
    while (at < data.byteLength) {
      if (this.gathering) at = this.gather(data, at, frame);
      else if (this.lengthHas === 0 && data.byteLength - at >= LENGTH_BYTES)
        at = this.begin(data, at + LENGTH_BYTES, data.readInt32BE(at), frame);
      else {
        this.lengthBytes[this.lengthHas++] = data[at++]!;
        if (this.lengthHas === LENGTH_BYTES) at = this.begin(data, at, this.lengthBytes.readInt32BE(0), frame);
      }
    }
  }

  /** Gives back the memory of a frame that will not be whole any more. */
  discard(): void {
    this.gathering?.release();
    this.gathering = null;
  }

  private begin(data: Buffer, at: number, length: number, frame: (bytes: Buffer, release: () => void) => void): number {
    if (length < 0 || length > this.maxBytes) throw new FrameLengthError(length, this.maxBytes);
    this.lengthHas = 0;
    if (length < POOLED_FROM_BYTES && data.byteLength - at >= length) {
      frame(Buffer.from(data.subarray(at, at + length)), NOTHING);
      return at + length;
    }
    this.gathering = this.allocate(Math.min(length, TRUSTED_BYTES));
    this.gathered = 0;
    this.frameBytes = length;
    return at;
  }

  private gather(data: Buffer, at: number, frame: (bytes: Buffer, release: () => void) => void): number {
    const { bytes, release } = this.gathered === this.gathering!.bytes.byteLength ? this.grow(this.gathering!) : this.gathering!;
    const take = Math.min(bytes.byteLength - this.gathered, data.byteLength - at);
    data.copy(bytes, this.gathered, at, at + take);
    this.gathered += take;
    if (this.gathered === this.frameBytes) {
      this.gathering = null;
      frame(bytes, release);
    }
    return at + take;
  }

  /** Doubles the buffer, so that in all each byte is copied once more at most. */
  private grow(full: FrameBuffer): FrameBuffer {
    const larger = this.allocate(Math.min(this.frameBytes, 2 * full.bytes.byteLength));
    full.bytes.copy(larger.bytes, 0, 0, this.gathered);
    full.release();
    this.gathering = larger;
    return larger;
  }
}
