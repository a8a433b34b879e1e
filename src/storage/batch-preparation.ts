import type { Clock } from '../core/clock.ts';
import { KafkaError } from '../core/errors.ts';
import { inTurns } from '../core/turns.ts';
import type { BatchView } from '../protocol/records/batch.ts';
import { CODEC_NONE, codecOf, MAX_DECOMPRESSED_BYTES } from '../protocol/records/compression.ts';
import { type Recompressed, recompressed, type TargetCompression } from '../protocol/records/recompress.ts';
import { checkFitsSegment, checkHeader, checkRecords, type RecordRules, type ValidBatch } from '../protocol/records/validate.ts';
import { RecordWalk, walkRecords } from '../protocol/records/walk.ts';

/** What is decompressed on the event loop at most: some 0.3 ms of it. */
export const MAX_SYNC_PLAIN_BYTES = 128 * 1024;
/** What is compressed on the event loop at most: a millisecond of gzip. */
export const MAX_SYNC_COMPRESS_BYTES = 32 * 1024;
/** Records that are walked before others get their turn: a millisecond or less. */
const RECORDS_PER_TURN = 20_000;

/** What a topic's configuration asks of a batch, and whether an idempotent producer sends it again. */
export interface Requirements {
  readonly rules: RecordRules;
  readonly compression: TargetCompression | null;
  /** A batch that is in the log already is not compressed again. @throws KafkaError when its producer may not append it */
  repeats(batch: BatchView): boolean;
}

/** The codec that the batch must get; null: it keeps its own, at whatever level. */
function targetFor(batch: BatchView, { compression }: Requirements): TargetCompression | null {
  return compression && compression.codecId !== batch.codecId ? compression : null;
}

/** Whether nothing is to be done for this batch but what `PartitionLog.append` does: it is plain, and stays so. */
export function isPlain(batch: BatchView, { compression }: Requirements): boolean {
  return batch.codecId === CODEC_NONE && (compression === null || compression.codecId === CODEC_NONE);
}

/**
 * Validates a batch and compresses it anew when it must be, at once; null when it is too large for that. What its lengths claim only
 * decides which way is tried: they are not believed.
 * @throws KafkaError as `validateProduced` and `recompressed`
 */
export function prepareNow(batch: BatchView, wanted: Requirements, nowMs: number): Recompressed | null {
  checkHeader(batch, wanted.rules);
  const target = targetFor(batch, wanted);
  const compresses = target !== null && target.codecId !== CODEC_NONE;
  const plain = decompressUpTo(batch, compresses ? MAX_SYNC_COMPRESS_BYTES : MAX_SYNC_PLAIN_BYTES);
  if (!plain) return null;
  const valid = checkRecords(batch, plain, walkRecords(batch, plain), wanted.rules, nowMs);
  if (!target || wanted.repeats(batch)) return asItIs(batch, valid, wanted);
  const payload = codecOf(target.codecId).compress(plain, target.level);
  return recompressed(batch, valid, target.codecId, payload, wanted.rules);
}

/**
 * As `prepareNow`, for batches that it gave null for. Decompression and compression happen in the thread pool (zstd in WebAssembly: in a
 * thread of its own), the walk over the records in parts. The batch's bytes must stay as they are until it settles.
 */
export async function prepareLater(batch: BatchView, wanted: Requirements, clock: Clock): Promise<Recompressed> {
  const target = targetFor(batch, wanted);
  const { codecId } = batch;
  const plain = codecId === CODEC_NONE ? batch.payload() : await codecOf(codecId).decompressAsync(batch.payload(), MAX_DECOMPRESSED_BYTES);
  const walk = new RecordWalk(batch, plain);
  await inTurns(clock, walk, RECORDS_PER_TURN);
  const valid = checkRecords(batch, plain, walk, wanted.rules, clock.now());
  if (!target || wanted.repeats(batch)) return asItIs(batch, valid, wanted);
  const payload = await codecOf(target.codecId).compressAsync(plain, target.level);
  return recompressed(batch, valid, target.codecId, payload, wanted.rules);
}

function asItIs(batch: BatchView, valid: ValidBatch, { rules }: Requirements): Recompressed {
  checkFitsSegment(valid.batchBytes, rules);
  return { records: batch.bytes, valid };
}

/** The records' bytes; null when there are more than `limit`. */
export function decompressUpTo(batch: BatchView, limit: number): Uint8Array | null {
  const payload = batch.payload();
  if (batch.codecId === CODEC_NONE) return payload.byteLength <= limit ? payload : null;
  const codec = codecOf(batch.codecId);
  if (codec.guessPlainBytes(payload) > limit) return null;
  try {
    return codec.decompress(payload, limit);
  } catch (error) {
    if (error instanceof KafkaError && error.errorName === 'MESSAGE_TOO_LARGE') return null;
    throw error;
  }
}
