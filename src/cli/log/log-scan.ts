import type { FileHandle } from '../../core/files.ts';
import { BATCH_HEADER_BYTES, BATCH_OVERHEAD_BYTES, BatchView } from '../../protocol/records/batch.ts';
import { crc32 } from '../../protocol/records/crc.ts';

const BLOCK_BYTES = 2 * 1024 * 1024;
/** As much as one request may carry (socket.request.max.bytes): no broker ever took a larger batch. */
export const MAX_BATCH_BYTES = 100 * 1024 * 1024;
/** A message of the old formats: offset i64, size i32, crc u32, magic i8, attributes i8, key and value (their lengths at least). */
const OLD_CRC_AT = BATCH_OVERHEAD_BYTES;
const OLD_MAGIC_AT = OLD_CRC_AT + 4;
const SMALLEST_MESSAGE_BYTES = BATCH_OVERHEAD_BYTES + 14;

/** A message, or a compressed set of them, of magic 0 or 1 (before Kafka 0.11). */
export interface OldMessage {
  readonly offset: number;
  readonly sizeInBytes: number;
  readonly magic: number;
  readonly crc: number;
  readonly crcValid: boolean;
}

export interface LogVisitor {
  /** A batch that is here whole; valid until the visit ends, since the cursor moves on. */
  batch(batch: BatchView, position: number): void;
  /** What is not decoded: messages of the old formats. */
  old(message: OldMessage, position: number): void;
  /** Bytes that were passed, now and then. */
  progress?(bytes: number): void;
}

/** How a scan ended. */
export interface ScanEnd {
  /** Where the first byte lies that is in no batch; the file's size when all are. */
  readonly position: number;
  /** Bytes from there to the end of the file. */
  readonly leftBytes: number;
  /** What is wrong there; null: nothing, the last batch ends with the file. */
  readonly why: string | null;
  /** The bytes left may be the beginning of a batch, as a crash in the middle of a write leaves it. */
  readonly torn: boolean;
}

/**
 * Passes through a .log from batch to batch. Holds one block of 2 MiB, or the batch when that is larger; gives the event loop a turn at each
 * read, so that whoever reads the output and has seen enough is noticed.
 */
export async function scanLog(file: FileHandle, visitor: LogVisitor): Promise<ScanEnd> {
  const fileSize = file.size();
  let block: Buffer = Buffer.alloc(Math.min(BLOCK_BYTES, fileSize));
  let loadedFrom = 0;
  let loadedTo = 0;
  let at = 0;
  const load = async (bytes: number) => {
    if (bytes > block.byteLength) block = Buffer.alloc(bytes);
    else if (block.byteLength > BLOCK_BYTES && bytes <= BLOCK_BYTES) block = Buffer.alloc(BLOCK_BYTES);
    visitor.progress?.(at - loadedFrom);
    loadedFrom = at;
    loadedTo = at + (await readAt(file, block, at));
  };
  const batch = new BatchView(block);
  while (at < fileSize) {
    const left = fileSize - at;
    if (Math.min(left, BATCH_HEADER_BYTES) > loadedTo - at) await load(BATCH_HEADER_BYTES);
    const header = headerAt(batch, block, at - loadedFrom, Math.min(left, loadedTo - at));
    if (header.why !== null) return { position: at, leftBytes: left, ...header };
    if (header.size > left) return { position: at, leftBytes: left, why: cutOff(header.size, left), torn: true };
    if (at + header.size > loadedTo) await load(header.size);
    if (at + header.size > loadedTo) return { position: at, leftBytes: left, why: 'the file became shorter while it was read', torn: true };
    if (header.magic === 2) visitor.batch(batch.reset(block, at - loadedFrom), at);
    else visitor.old(oldMessageAt(block.subarray(at - loadedFrom, at - loadedFrom + header.size)), at);
    at += header.size;
  }
  visitor.progress?.(at - loadedFrom);
  return { position: at, leftBytes: fileSize - at, why: null, torn: false };
}

const cutOff = (size: number, left: number): string => `a batch of ${size} bytes is cut off, ${left} bytes of it are here`;

type Header = { readonly why: string; readonly torn: boolean } | { readonly why: null; readonly size: number; readonly magic: number };

function headerAt(batch: BatchView, block: Buffer, at: number, have: number): Header {
  if (have < SMALLEST_MESSAGE_BYTES) return { why: `${have} bytes, too few for the header of a batch`, torn: true };
  batch.reset(block, at);
  const { magic, sizeInBytes: size } = batch;
  if (size === BATCH_OVERHEAD_BYTES && block.subarray(at, at + Math.min(have, BATCH_HEADER_BYTES)).every((byte) => byte === 0)) {
    return { why: 'zeros where a batch should begin', torn: true };
  }
  if (magic < 0 || magic > 2) return { why: `no batch begins here: its magic would be ${magic}`, torn: false };
  const smallest = magic === 2 ? BATCH_HEADER_BYTES : SMALLEST_MESSAGE_BYTES;
  if (size < smallest) return { why: `no batch begins here: its size would be ${size} bytes`, torn: false };
  if (size > MAX_BATCH_BYTES) return { why: `a batch of ${size} bytes: no broker takes more than ${MAX_BATCH_BYTES}`, torn: false };
  return { why: null, size, magic };
}

function oldMessageAt(bytes: Buffer): OldMessage {
  const crc = bytes.readUInt32BE(OLD_CRC_AT);
  return {
    offset: Number(bytes.readBigInt64BE(0)),
    sizeInBytes: bytes.byteLength,
    magic: bytes.readInt8(OLD_MAGIC_AT),
    crc,
    crcValid: crc32(bytes.subarray(OLD_MAGIC_AT)) === crc,
  };
}

function readAt(file: FileHandle, into: Buffer, position: number): Promise<number> {
  return new Promise((resolve, reject) => file.read(into, position, (error, bytes) => (error ? reject(error) : resolve(bytes))));
}
