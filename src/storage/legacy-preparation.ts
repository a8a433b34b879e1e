import type { Clock } from '../core/clock.ts';
import { KafkaError } from '../core/errors.ts';
import { inTurns } from '../core/turns.ts';
import { CODEC_NONE, codecOf, MAX_DECOMPRESSED_BYTES } from '../protocol/records/compression.ts';
import { MessageSetCheck } from '../protocol/records/legacy-check.ts';
import { UpConversion } from '../protocol/records/legacy-up.ts';
import type { Recompressed, TargetCompression } from '../protocol/records/recompress.ts';
import { MAX_SYNC_COMPRESS_BYTES, MAX_SYNC_PLAIN_BYTES, type Requirements } from './batch-preparation.ts';
import type { AppendInfo } from './log-types.ts';

/** What is told of a message set that holds no whole message: Kafka appends nothing, and calls it a success. */
export const NOTHING_APPENDED: AppendInfo = {
  baseOffset: -1,
  lastOffset: -1,
  logAppendTime: -1,
  maxTimestamp: -1,
  count: 0,
  batchBytes: 0,
};

/** What is gone through before others get their turn: a few milliseconds of small messages. */
export const BYTES_PER_TURN = 256 * 1024;

/** A message set keeps its codec, at that codec's usual level, unless the topic has one. */
const targetFor = (check: MessageSetCheck, { compression }: Requirements): TargetCompression =>
  compression ?? { codecId: check.codecId, level: undefined };

/**
 * Makes a record batch of a message set, at once; null when it is too large for that, `nothing` when there is no message in it. What its lengths
 * claim only decides which way is tried: they are not believed.
 * @throws KafkaError as `MessageSetCheck` and `UpConversion`
 */
export function convertNow(records: Uint8Array, wanted: Requirements, nowMs: number): Recompressed | 'nothing' | null {
  if (records.byteLength > MAX_SYNC_PLAIN_BYTES) return null;
  const check = new MessageSetCheck(records, wanted.rules);
  check.go(Number.POSITIVE_INFINITY);
  if (check.entries === 0) return 'nothing';
  const target = targetFor(check, wanted);
  const plain = plainUpTo(records, check, target.codecId === CODEC_NONE ? MAX_SYNC_PLAIN_BYTES : MAX_SYNC_COMPRESS_BYTES);
  if (!plain) return null;
  const conversion = new UpConversion(plain, check.magic, check.wrapper, wanted.rules, nowMs);
  conversion.go(Number.POSITIVE_INFINITY);
  const { payload } = conversion;
  return conversion.batch(
    target.codecId,
    target.codecId === CODEC_NONE ? payload : codecOf(target.codecId).compress(payload, target.level),
  );
}

/** As `convertNow`, for sets that it gave null for: in parts, and with the thread pool. The bytes must stay as they are until it settles. */
export async function convertLater(records: Uint8Array, wanted: Requirements, clock: Clock): Promise<Recompressed | 'nothing'> {
  const check = new MessageSetCheck(records, wanted.rules);
  await inTurns(clock, check, BYTES_PER_TURN);
  if (check.entries === 0) return 'nothing';
  const target = targetFor(check, wanted);
  const plain = check.wrapper ? await codecOf(check.codecId).decompressAsync(check.compressed(), MAX_DECOMPRESSED_BYTES) : records;
  const conversion = new UpConversion(plain, check.magic, check.wrapper, wanted.rules, clock.now());
  await inTurns(clock, conversion, BYTES_PER_TURN);
  const { payload } = conversion;
  return conversion.batch(
    target.codecId,
    target.codecId === CODEC_NONE ? payload : await codecOf(target.codecId).compressAsync(payload, target.level),
  );
}

/** The plain messages; null when there are more bytes of them than `limit`. */
function plainUpTo(records: Uint8Array, check: MessageSetCheck, limit: number): Uint8Array | null {
  if (!check.wrapper) return records.byteLength <= limit ? records : null;
  const codec = codecOf(check.codecId);
  const compressed = check.compressed();
  if (codec.guessPlainBytes(compressed) > limit) return null;
  try {
    return codec.decompress(compressed, limit);
  } catch (error) {
    if (error instanceof KafkaError && error.errorName === 'MESSAGE_TOO_LARGE') return null;
    throw error;
  }
}
