import type { Clock } from '../core/clock.ts';
import { ERROR_CODES } from '../core/error-codes.ts';
import { KafkaError } from '../core/errors.ts';
import type { Fetch } from '../protocol/messages/fetch.ts';
import { CODEC_ZSTD } from '../protocol/records/compression.ts';
import type { ResponseTo } from '../protocol/schema.ts';
import type { FetchContext, FetchTarget } from '../replication/fetch-sessions.ts';
import type { Partition } from '../replication/partition.ts';
import type { LogChunk } from '../storage/log-reader.ts';
import type { DownConverter } from './fetch-legacy.ts';
import type { FetchSource } from './fetch-source.ts';
import type { RequestContext } from './handler.ts';
import { inSlices } from './in-slices.ts';

type PartitionResponse = ResponseTo<typeof Fetch>['responses'][number]['partitions'][number];
export type PartitionData = { -readonly [K in keyof PartitionResponse]: PartitionResponse[K] };

/** What reading one partition gave. */
export interface Read {
  readonly data: PartitionData;
  readonly bytes: number;
  /** What it came to as messages of a format before record batches. */
  readonly convertedBytes?: number;
}

/** How the partitions of one request are read. */
export interface Reading {
  readonly session: FetchContext;
  readonly source: FetchSource;
  readonly context: RequestContext;
  readonly clock: Clock;
  /** For clients that know no record batches, and what it may make for one request, in bytes. */
  readonly converter: DownConverter;
  readonly maxConvertedBytes: number;
  /** KIP-392: the replica that this consumer should rather ask; -1: this one. */
  readonly preferredReplica: (partition: Partition, target: FetchTarget) => number;
}

const FIRST_WITH_STORAGE_ERROR = 6;
/** Of magic 1 (KIP-32), and of magic 2 (KIP-98). */
const FIRST_WITH_TIMESTAMPS = 2;
const FIRST_WITH_BATCHES = 4;
/** Before it no batch may be larger than the client's limit (KIP-74). */
const FIRST_WITH_ONE_BATCH = 3;
const NO_REPLICA = -1;
/** Where Kafka does not come as far as the log, its answer has an empty list of aborted transactions, not null. */
const UNKNOWN = ['UNKNOWN_TOPIC_OR_PARTITION', 'UNKNOWN_TOPIC_ID'] as const;
const UNKNOWN_TOPIC: ReadonlySet<string> = new Set(UNKNOWN);
export const UNKNOWN_CODES: ReadonlySet<number> = new Set(UNKNOWN.map((name) => ERROR_CODES[name].code));
// librdkafka takes null for a parse error.
const NOTHING = Buffer.alloc(0);

/** Reads the partitions of a request, in its order, until `maxBytes` are there. */
export async function readAll(reading: Reading, maxBytes: number): Promise<Map<FetchTarget, Read>> {
  const reads = new Map<FetchTarget, Read>();
  let left = maxBytes;
  let leftToConvert = reading.maxConvertedBytes;
  let nothingYet = reading.context.version >= FIRST_WITH_ONE_BATCH;
  const note = (target: FetchTarget, read: Read) => {
    reads.set(target, read);
    left = Math.max(left - read.bytes, 0);
    if (read.bytes > 0) nothingYet = false;
    if (read.convertedBytes === undefined) return;
    leftToConvert -= read.convertedBytes;
    if (leftToConvert <= 0) left = 0;
  };
  await inSlices(reading.clock, reading.session.targets(), (target): void | Promise<void> => {
    const read = readOne(target, reading, Math.min(left, target.maxBytes), nothingYet);
    if (read instanceof Promise) return read.then((later) => note(target, later));
    note(target, read);
  });
  return reads;
}

/** A promise only when the disk is asked: most partitions of most fetches have nothing new. */
function readOne(target: FetchTarget, reading: Reading, maxBytes: number, minOneBatch: boolean): Read | Promise<Read> {
  const { source, context } = reading;
  const { reader } = source;
  let partition: Partition | undefined;
  try {
    const found = source.find(target);
    partition = found;
    // Apache Kafka 3.9 goes by the topic's configuration first; 4.4 lets versions 4 to 9 have what they do not know (KIP-110).
    if (context.version < FIRST_WITH_BATCHES && found.codecId === CODEC_ZSTD) throw new KafkaError('UNSUPPORTED_COMPRESSION_TYPE');
    const divergingEpoch = source.divergence(found, target);
    if (divergingEpoch) return { data: { ...dataOf(found, target, reading, null), divergingEpoch }, bytes: 0 };
    const available = found.availableBytes(target.fetchOffset, reader, 1);
    const preferredReadReplica = reading.preferredReplica(found, target);
    if (preferredReadReplica !== NO_REPLICA) return { data: { ...dataOf(found, target, reading, null), preferredReadReplica }, bytes: 0 };
    if (available === 0) rest(target, found, reading);
    if (available === 0 || (maxBytes <= 0 && !minOneBatch)) return { data: dataOf(found, target, reading, null), bytes: 0 };
    return new Promise((resolve) => {
      found.read(target.fetchOffset, maxBytes, minOneBatch, reader, (error, chunk) => {
        if (chunk) context.onSent(chunk.release);
        const read = error ? failed(target, error, found, context.version) : outcomeOf(found, target, reading, chunk);
        resolve(context.version < FIRST_WITH_BATCHES && chunk ? asMessages(read, chunk, found, target, reading) : read);
      });
    });
  } catch (error) {
    return failed(target, error, partition, context.version);
  }
}

/** The same for a client that knows no record batches. The bytes that count are those of the log, as in Kafka. */
async function asMessages(read: Read, { bytes }: LogChunk, partition: Partition, target: FetchTarget, reading: Reading): Promise<Read> {
  const { converter, context } = reading;
  if (read.bytes === 0) return read;
  try {
    const records = await converter.convert(bytes, context.version < FIRST_WITH_TIMESTAMPS ? 0 : 1, target.fetchOffset);
    return { data: { ...read.data, records }, bytes: read.bytes, convertedBytes: records.byteLength };
  } catch (error) {
    return failed(target, error, partition, context.version);
  }
}

/** With what is answered now all is said of it: the answer is told, or is what was told before. */
function rest(target: FetchTarget, partition: Partition, { session, source }: Reading): void {
  session.watch(target, partition, source.reader);
  if (source.mayRest(partition)) session.rest(target);
}

/** Called from the disk's callback, where nobody catches: the topic may have been deleted, or another leads, while its bytes were read. */
function outcomeOf(partition: Partition, target: FetchTarget, reading: Reading, chunk: LogChunk | null): Read {
  try {
    // What was read under another leader epoch may be cut off by now.
    reading.source.find(target);
    return { data: dataOf(partition, target, reading, chunk), bytes: chunk?.bytes.byteLength ?? 0 };
  } catch (error) {
    return failed(target, error, partition, reading.context.version);
  }
}

function dataOf(partition: Partition, target: FetchTarget, { source }: Reading, chunk: LogChunk | null): PartitionData {
  return {
    partitionIndex: target.index,
    errorCode: 0,
    highWatermark: partition.highWatermark,
    lastStableOffset: partition.lastStableOffset,
    logStartOffset: partition.logStartOffset,
    abortedTransactions: source.reader === 'committed' ? abortedIn(partition, target, chunk) : null,
    records: chunk?.bytes ?? NOTHING,
  };
}

/** What a reader of committed records must pass over: only what concerns the records that it gets, in the order in which it meets them. */
function abortedIn(partition: Partition, { fetchOffset }: FetchTarget, chunk: LogChunk | null): PartitionData['abortedTransactions'] {
  return chunk ? partition.abortedTransactions(fetchOffset, chunk.nextOffset) : [];
}

function failed(target: FetchTarget, error: unknown, partition: Partition | undefined, version: number): Read {
  const errorName = error instanceof KafkaError ? error.errorName : 'UNKNOWN_SERVER_ERROR';
  // KIP-112: older clients take it for an error that no retry can help.
  const shown = errorName === 'KAFKA_STORAGE_ERROR' && version < FIRST_WITH_STORAGE_ERROR ? 'NOT_LEADER_OR_FOLLOWER' : errorName;
  const data = {
    ...nothingOf(target.index),
    errorCode: ERROR_CODES[shown].code,
    abortedTransactions: UNKNOWN_TOPIC.has(errorName) ? [] : null,
  };
  if (!partition || errorName !== 'OFFSET_OUT_OF_RANGE') return { data, bytes: 0 };
  return { data: { ...data, ...offsetsOf(partition) }, bytes: 0 };
}

/** Whether an error says that the topic or partition does not exist. */
export function isUnknown(error: unknown): boolean {
  return error instanceof KafkaError && UNKNOWN_TOPIC.has(error.errorName);
}

/** A partition of which there is nothing to say, apart from an error. */
export function nothingOf(partitionIndex: number) {
  return { partitionIndex, highWatermark: -1, records: NOTHING };
}

/** Nothing when they are not to be had any more: whoever asks may be in a callback, where nothing may be thrown. */
function offsetsOf(partition: Partition) {
  try {
    const { highWatermark, lastStableOffset, logStartOffset } = partition;
    return { highWatermark, lastStableOffset, logStartOffset };
  } catch {
    return {};
  }
}
