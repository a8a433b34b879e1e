import type { Clock } from '../core/clock.ts';
import { ERROR_CODES } from '../core/error-codes.ts';
import { KafkaError } from '../core/errors.ts';
import { Fetch } from '../protocol/messages/fetch.ts';
import type { ResponseTo } from '../protocol/schema.ts';
import type { FetchContext, FetchedState, FetchTarget } from '../replication/fetch-sessions.ts';
import type { Partition } from '../replication/partition.ts';
import type { LogChunk } from '../storage/log-reader.ts';
import { FETCH_FIRST_BY_TOPIC_ID, sessionRequest } from './fetch-request.ts';
import { handler, NO_REPLY, type RequestContext } from './handler.ts';
import { inSlices } from './in-slices.ts';
import type { Needs } from './services.ts';

type Response = ResponseTo<typeof Fetch>;
type PartitionData = Response['responses'][number]['partitions'][number];
type Find = (target: FetchTarget) => Partition;

/** What reading one partition gave. */
interface Read {
  readonly data: PartitionData;
  readonly bytes: number;
}

/** How the partitions of one request are read. */
interface Reading {
  readonly find: Find;
  readonly readCommitted: boolean;
  readonly context: RequestContext;
  readonly clock: Clock;
}

const READ_COMMITTED = 1;
const FIRST_WITH_STORAGE_ERROR = 6;
/** Where Kafka does not come as far as the log, its answer has an empty list of aborted transactions, not null. */
const UNKNOWN_TOPIC: ReadonlySet<string> = new Set(['UNKNOWN_TOPIC_OR_PARTITION', 'UNKNOWN_TOPIC_ID']);
const NOTHING = Buffer.alloc(0);

/**
 * Fetch (1): reads record batches from many partitions, waiting for new ones if there are too few.
 *
 * Versions: v4 isolation level, magic 2 · v5 log start offset · v7 sessions (KIP-227) · v9 current leader epoch (KIP-320) · v10 zstd ·
 * v11 rack (KIP-392) · v12 flexible, last fetched epoch · v13 topic ids (KIP-516) · v15 replica state (KIP-903) ·
 * v16 node endpoints (KIP-951) · v17 directory id · v18 high watermark (KIP-1166). v0-3 (message sets) are not served yet.
 * Behaviour:
 * - Waits until `minBytes` are there or `maxWaitMs` is over; answers at once on any error, or without partitions.
 * - Partitions are read in the order of the request within `maxBytes`; the first that has records gives at least one whole batch.
 * - Only whole batches are returned; an offset inside a batch returns the batch.
 * - There are no transactions: a read_committed reader sees up to the high watermark, and no aborted one is ever listed.
 * Deviations from Apache Kafka: requests of followers are refused with INVALID_REQUEST; OFFSET_OUT_OF_RANGE is answered with the
 * partition's offsets instead of -1, because platformatic's recovery reads them.
 */
export const fetch = handler(Fetch, [4, 18], (needs: Needs<'replicas' | 'purgatory' | 'fetchSessions' | 'config' | 'clock'>) => {
  const { replicas, purgatory, fetchSessions, config, clock } = needs;

  const finder = (byTopicId: boolean): Find => {
    return (target) => {
      // An id is looked up once: what happens to its topic while the fetch waits is told of the topic, as Kafka does.
      if (byTopicId && target.topic === '') target.topic = replicas.nameOf(target.topicId);
      const partition = replicas.leader(target.topic, target.index);
      if (byTopicId && partition.topicId !== target.topicId) throw new KafkaError('INCONSISTENT_TOPIC_ID');
      partition.checkLeaderEpoch(target.currentLeaderEpoch);
      return partition;
    };
  };

  return {
    async handle(request, context) {
      if (request.replicaId >= 0 || request.replicaState.replicaId >= 0) {
        throw new KafkaError('INVALID_REQUEST', 'Replication is not implemented.');
      }
      const byTopicId = context.version >= FETCH_FIRST_BY_TOPIC_ID;
      const session = fetchSessions.begin(sessionRequest(request, byTopicId));
      if (typeof session === 'string') return { errorCode: ERROR_CODES[session].code, sessionId: 0, responses: [] };

      const find = finder(byTopicId);
      const maxBytes = Math.min(request.maxBytes, config().int('fetch.max.bytes'));
      const minBytes = Math.min(request.minBytes, maxBytes);
      const enough = () => hasEnough(session, find, minBytes);
      if (request.maxWaitMs > 0 && !enough()) {
        const keys = session.targets.map((target) => find(target).key);
        await purgatory.wait(keys, request.maxWaitMs, enough, context.signal);
        if (context.signal.aborted) return NO_REPLY;
      }
      const reading: Reading = { find, readCommitted: request.isolationLevel === READ_COMMITTED, context, clock };
      return answer(session, await readAll(session, reading, maxBytes));
    },
    refuse: (_request, error) => ({ errorCode: error.code, sessionId: 0, responses: [] }),
  };
});

/** Whether an answer is due: enough bytes, something to say that does not depend on bytes, or nothing to wait for. */
function hasEnough(session: FetchContext, find: Find, minBytes: number): boolean {
  if (session.targets.length === 0 || minBytes <= 0) return true;
  let bytes = 0;
  for (const target of session.targets) {
    try {
      const partition = find(target);
      bytes += Math.min(partition.availableBytes(target.fetchOffset), target.maxBytes);
      if (partition.divergence(target.lastFetchedEpoch, target.fetchOffset)) return true;
    } catch {
      return true; // reading will say what is wrong
    }
    if (bytes >= minBytes) return true;
  }
  return false;
}

async function readAll(session: FetchContext, reading: Reading, maxBytes: number): Promise<Map<FetchTarget, Read>> {
  const reads = new Map<FetchTarget, Read>();
  let left = maxBytes;
  let nothingYet = true;
  const note = (target: FetchTarget, read: Read) => {
    reads.set(target, read);
    left = Math.max(left - read.bytes, 0);
    if (read.bytes > 0) nothingYet = false;
  };
  await inSlices(reading.clock, session.targets, (target): void | Promise<void> => {
    const read = readOne(target, reading, Math.min(left, target.maxBytes), nothingYet);
    if (read instanceof Promise) return read.then((later) => note(target, later));
    note(target, read);
  });
  return reads;
}

/** A promise only when the disk is asked: most partitions of most fetches have nothing new. */
function readOne(target: FetchTarget, reading: Reading, maxBytes: number, minOneBatch: boolean): Read | Promise<Read> {
  const { find, readCommitted, context } = reading;
  let partition: Partition | undefined;
  try {
    const found = find(target);
    partition = found;
    const divergingEpoch = found.divergence(target.lastFetchedEpoch, target.fetchOffset);
    if (divergingEpoch) return { data: { ...dataOf(found, target, readCommitted, null), divergingEpoch }, bytes: 0 };
    if (found.availableBytes(target.fetchOffset) === 0 || (maxBytes <= 0 && !minOneBatch)) {
      return { data: dataOf(found, target, readCommitted, null), bytes: 0 };
    }
    return new Promise((resolve) => {
      found.read(target.fetchOffset, maxBytes, minOneBatch, (error, chunk) => {
        if (chunk) context.onSent(chunk.release);
        resolve(error ? failed(target, error, found, context.version) : outcomeOf(found, target, reading, chunk));
      });
    });
  } catch (error) {
    return failed(target, error, partition, context.version);
  }
}

/** Called from the disk's callback, where nobody catches: the topic may have been deleted while its bytes were read. */
function outcomeOf(partition: Partition, target: FetchTarget, { readCommitted, context }: Reading, chunk: LogChunk | null): Read {
  try {
    return { data: dataOf(partition, target, readCommitted, chunk), bytes: chunk?.bytes.byteLength ?? 0 };
  } catch (error) {
    return failed(target, error, partition, context.version);
  }
}

function dataOf(partition: Partition, target: FetchTarget, readCommitted: boolean, chunk: LogChunk | null): PartitionData {
  return {
    partitionIndex: target.index,
    errorCode: 0,
    highWatermark: partition.highWatermark,
    lastStableOffset: partition.lastStableOffset,
    logStartOffset: partition.logStartOffset,
    abortedTransactions: readCommitted ? [] : null,
    // librdkafka takes null for a parse error.
    records: chunk?.bytes ?? NOTHING,
  };
}

function failed(target: FetchTarget, error: unknown, partition: Partition | undefined, version: number): Read {
  const errorName = error instanceof KafkaError ? error.errorName : 'UNKNOWN_SERVER_ERROR';
  // KIP-112: older clients take it for an error that no retry can help.
  const shown = errorName === 'KAFKA_STORAGE_ERROR' && version < FIRST_WITH_STORAGE_ERROR ? 'NOT_LEADER_OR_FOLLOWER' : errorName;
  const data = {
    partitionIndex: target.index,
    errorCode: ERROR_CODES[shown].code,
    highWatermark: -1,
    abortedTransactions: UNKNOWN_TOPIC.has(errorName) ? [] : null,
    records: NOTHING,
  };
  if (!partition || errorName !== 'OFFSET_OUT_OF_RANGE') return { data, bytes: 0 };
  const { highWatermark, lastStableOffset, logStartOffset } = partition;
  return { data: { ...data, highWatermark, lastStableOffset, logStartOffset }, bytes: 0 };
}

function answer(session: FetchContext, reads: ReadonlyMap<FetchTarget, Read>): Response {
  const told = new Map<FetchTarget, FetchedState>();
  const responses: { topic: string; topicId: string; partitions: PartitionData[] }[] = [];
  for (const [target, { data, bytes }] of reads) {
    const state: FetchedState = {
      errorCode: data.errorCode,
      hasRecords: bytes > 0,
      highWatermark: data.highWatermark,
      logStartOffset: data.logStartOffset ?? -1,
      diverging: data.divergingEpoch !== undefined,
    };
    if (!session.mustTell(target, state)) continue;
    told.set(target, state);
    // A client may name a topic several times: neighbours are joined, nothing is reordered.
    const last = responses.at(-1);
    if (last && last.topic === target.topic && last.topicId === target.topicId) last.partitions.push(data);
    else responses.push({ topic: target.topic, topicId: target.topicId, partitions: [data] });
  }
  return { errorCode: 0, sessionId: session.finish(told), responses };
}
