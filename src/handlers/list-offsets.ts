import { ERROR_CODES } from '../core/error-codes.ts';
import { errorCodeOf, KafkaError } from '../core/errors.ts';
import { ListOffsets } from '../protocol/messages/list-offsets.ts';
import type { RequestOf, ResponseTo } from '../protocol/schema.ts';
import type { Partition } from '../replication/partition.ts';
import type { Reader } from '../replication/partition-reading.ts';
import { repeated } from './each-once.ts';
import { handler } from './handler.ts';
import { isReadCommitted } from './isolation-level.ts';
import type { Needs } from './services.ts';

type Response = ResponseTo<typeof ListOffsets>;
type PartitionRequest = RequestOf<typeof ListOffsets>['topics'][number]['partitions'][number];
type PartitionResponse = Response['topics'][number]['partitions'][number];

/** Who asks: a consumer; a tool, which may ask any replica. Others are followers. */
const CONSUMER = -1;
const DEBUGGING = -2;
const FIRST_WITH_NOT_AVAILABLE = 5;

const LATEST = -1;
const EARLIEST = -2;
const MAX_TIMESTAMP = -3;
const EARLIEST_LOCAL = -4;
const LATEST_TIERED = -5;
const EARLIEST_PENDING_UPLOAD = -6;

/** The first version that knows a special timestamp; an older request with it gets UNSUPPORTED_VERSION for its partition. */
const SINCE: Readonly<Record<number, number>> = {
  [LATEST]: 0,
  [EARLIEST]: 0,
  [MAX_TIMESTAMP]: 7, // KIP-734
  [EARLIEST_LOCAL]: 8, // KIP-405
  [LATEST_TIERED]: 9, // KIP-1005
  [EARLIEST_PENDING_UPLOAD]: 11, // KIP-1023
};

/** An offset that was found, or null: the answer is then -1 for all three. */
type Found = { offset: number; timestamp: number; leaderEpoch: number } | null;

/**
 * ListOffsets (2): offsets by timestamp, or at the ends of a partition.
 *
 * Versions: v1 one offset instead of a list · v2 isolation level · v4 leader epochs (KIP-320) · v6 flexible · v7 max timestamp (KIP-734) ·
 * v8 earliest local (KIP-405) · v9 latest tiered (KIP-1005) · v10 timeout (KIP-1075) · v11 earliest pending upload (KIP-1023)
 * Behaviour:
 * - A timestamp gives the first record at or after it, looked for by record, inside compressed batches too; none: offset -1.
 * - Latest is the high watermark, or for read_committed the last stable offset; both are answered with timestamp -1.
 * - While a new leader does not know yet what is committed, latest is OFFSET_NOT_AVAILABLE (KIP-207). Only the leader answers consumers; replica id -2 asks any replica.
 * - A topic is answered once; without partitions it is left out. A partition that stands in the request twice is answered once, with
 *   INVALID_REQUEST. v0 does not mind any of it.
 * - v0 answers a list of at most `maxNumOffsets` segment starts at or before the timestamp, newest first.
 * - There is no tiered storage: earliest local is the log start, latest tiered and pending upload are -1.
 * Deviations from Apache Kafka: v0 takes the time of a segment's last record for that of its file.
 */
export const listOffsets = handler(ListOffsets, [0, 11], ({ replicas, clock }: Needs<'replicas' | 'clock'>) => {
  const answerFor = (topic: string, request: PartitionRequest, asking: Asking, version: number): PartitionResponse => {
    const { replicaId, reader } = asking;
    const reply = { partitionIndex: request.partitionIndex, errorCode: 0 };
    try {
      const since = request.timestamp < 0 ? SINCE[request.timestamp] : 0;
      if (since === undefined || since > version) throw new KafkaError('UNSUPPORTED_VERSION');
      const partition =
        replicaId === DEBUGGING ? replicas.replica(topic, request.partitionIndex) : replicas.leader(topic, request.partitionIndex);
      replicas.requireLease();
      partition.checkLeaderEpoch(request.currentLeaderEpoch);
      if (version === 0 && request.maxNumOffsets < 0) throw new KafkaError('INVALID_REQUEST');
      if (version === 0)
        return { ...reply, oldStyleOffsets: offsetsBefore(partition, request.timestamp, request.maxNumOffsets, clock.now()) };
      const found = find(partition, request.timestamp, reader);
      return { ...reply, ...(found ?? { offset: -1, timestamp: -1, leaderEpoch: -1 }) };
    } catch (error) {
      // KIP-207: older clients take LEADER_NOT_AVAILABLE for what it is, too: try again.
      if (version < FIRST_WITH_NOT_AVAILABLE && error instanceof KafkaError && error.errorName === 'OFFSET_NOT_AVAILABLE')
        return { ...reply, errorCode: ERROR_CODES.LEADER_NOT_AVAILABLE.code };
      return { ...reply, errorCode: errorCodeOf(error) };
    }
  };
  return {
    handle: (request, { version }) => {
      const { topics } = request;
      const asking = askingOf(request);
      if (version === 0) {
        return {
          topics: topics.map(({ name, partitions }) => ({
            name,
            partitions: partitions.map((partition) => answerFor(name, partition, asking, version)),
          })),
        };
      }
      const duplicates = repeated(topics.flatMap(keysOf));
      const replies = new Map<string, Map<number, PartitionResponse>>();
      for (const { name, partitions } of topics) {
        if (partitions.length === 0) continue;
        const replied = replies.get(name) ?? new Map<number, PartitionResponse>();
        replies.set(name, replied);
        for (const partition of partitions) {
          const { partitionIndex } = partition;
          const reply = duplicates.has(`${name}/${partitionIndex}`)
            ? { partitionIndex, errorCode: ERROR_CODES.INVALID_REQUEST.code }
            : answerFor(name, partition, asking, version);
          replied.set(partitionIndex, reply);
        }
      }
      return { topics: Array.from(replies, ([name, partitions]) => ({ name, partitions: [...partitions.values()] })) };
    },
    refuse: (request, error) => ({
      topics: request.topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode: error.code })),
      })),
    }),
  };
});

/** Who asks, and what that reader may see. @throws KafkaError INVALID_REQUEST for an isolation level that does not exist */
interface Asking {
  readonly replicaId: number;
  readonly reader: Reader;
}
function askingOf(request: RequestOf<typeof ListOffsets>): Asking {
  const { replicaId } = request;
  const consumer = isReadCommitted(request) ? 'committed' : 'consumer';
  return { replicaId, reader: replicaId === CONSUMER ? consumer : 'follower' };
}

function find(partition: Partition, timestamp: number, reader: Reader): Found {
  switch (timestamp) {
    case LATEST:
      if (reader !== 'follower') requireKnownEnd(partition);
      return { offset: partition.visibleEnd(reader), timestamp: -1, leaderEpoch: partition.leaderEpoch };
    case EARLIEST:
    case EARLIEST_LOCAL:
      return { offset: partition.logStartOffset, timestamp: -1, leaderEpoch: partition.epochOf(partition.logStartOffset) };
    case MAX_TIMESTAMP:
      return visible(partition.maxTimestamp(), partition, reader);
    case LATEST_TIERED:
    case EARLIEST_PENDING_UPLOAD:
      return null;
    default:
      return visible(partition.offsetForTimestamp(timestamp), partition, reader);
  }
}

/** KIP-207: right after an election the high watermark may lie before what consumers have seen; going back must not be told of. */
function requireKnownEnd(partition: Partition): void {
  if (partition.isLeader && !partition.leading().isCaughtUp) throw new KafkaError('OFFSET_NOT_AVAILABLE');
}

function visible(found: Found, partition: Partition, reader: Reader): Found {
  if (found && found.offset < partition.visibleEnd(reader)) return found;
  if (reader !== 'follower') requireKnownEnd(partition);
  return null;
}

/** v0: ends of segments, newest first. A segment counts from its last record's time (Kafka's from its file's). */
function offsetsBefore(partition: Partition, timestamp: number, max: number, nowMs: number): number[] {
  const offsets = partition.segmentOffsets(nowMs);
  if (timestamp === EARLIEST)
    return offsets
      .slice(-1)
      .map(({ offset }) => offset)
      .slice(0, max);
  const from = timestamp === LATEST ? 0 : offsets.findIndex(({ maxTimestamp }) => maxTimestamp <= timestamp);
  return from < 0 ? [] : offsets.slice(from, from + max).map(({ offset }) => offset);
}

function keysOf({ name, partitions }: RequestOf<typeof ListOffsets>['topics'][number]): string[] {
  return partitions.map(({ partitionIndex }) => `${name}/${partitionIndex}`);
}
