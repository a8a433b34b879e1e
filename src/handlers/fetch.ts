import type { Timer } from '../core/clock.ts';
import { ERROR_CODES } from '../core/error-codes.ts';
import type { KafkaError } from '../core/errors.ts';
import { Fetch } from '../protocol/messages/fetch.ts';
import type { RequestOf, ResponseTo } from '../protocol/schema.ts';
import type { FetchContext, FetchedState, FetchTarget } from '../replication/fetch-sessions.ts';
import { DownConverter } from './fetch-legacy.ts';
import { type FetchQuota, fetchQuota } from './fetch-quota.ts';
import { isUnknown, nothingOf, type PartitionData, type Read, type Reading, readAll, UNKNOWN_CODES } from './fetch-reading.ts';
import { FETCH_FIRST_BY_TOPIC_ID, sessionRequest } from './fetch-request.ts';
import { type FetchingReplica, FetchSource, fetchingReplica } from './fetch-source.ts';
import { handler, NO_REPLY, type RequestContext } from './handler.ts';
import { isReadCommitted } from './isolation-level.ts';
import { LeaderHints } from './leader-hints.ts';
import { preferredReplicas } from './preferred-replica.ts';
import type { Needs } from './services.ts';

type Request = RequestOf<typeof Fetch>;
type Response = ResponseTo<typeof Fetch>;

const FIRST_WITH_HINTS = 16;
/** A follower is told of another high watermark or log start within this time. */
const TELL_WITHIN_MS = 5;

/**
 * Fetch (1): reads record batches from many partitions, waiting for new ones if there are too few. Consumers read what is committed; followers
 * (with a replica id) all that is written, and tell with each fetch how far they are.
 *
 * Versions: v0-1 messages of magic 0, v2-3 of magic 1 (KIP-32), converted from record batches · v3 max bytes (KIP-74) · v4 isolation level, record
 * batches (KIP-98) · v5 log start offset · v7 sessions (KIP-227) · v9 current leader epoch (KIP-320) · v10 zstd · v11 rack (KIP-392) ·
 * v12 flexible, last fetched epoch · v13 topic ids (KIP-516) · v15 replica state (KIP-903) · v16 node endpoints (KIP-951) · v17 directory id · v18 high watermark (KIP-1166). Apache Kafka 4 has dropped v0-3; here they do what they did in 3.9.
 * Behaviour:
 * - Waits until `minBytes` are there or `maxWaitMs` is over; answers at once on any error, or without partitions. A consumer waits for the others when
 *   some of its partitions do not exist, so that it does not ask in a loop before it has other metadata.
 * - Partitions are read in the order of the request within `maxBytes`; the first that has records gives at least one whole batch.
 * - Only whole batches are returned; an offset inside a batch returns the batch.
 * - From v11 on followers serve consumers, too, up to the high watermark that they know; with replica.selector.class=RackAwareReplicaSelector the
 *   leader sends a consumer that names its rack to an in-sync replica there, and gives it no records (KIP-392).
 * - read_committed sees up to the last stable offset: whatever is before it is decided. The aborted transactions that have records in what is
 *   returned are listed, by where they begin; the reader passes over their records. read_uncommitted gets null instead of a list.
 * - A consumer beyond its consumer_byte_rate is answered with nothing, and how long it must wait (KIP-219); followers are not held to quotas.
 * - A follower that waits is answered when its next fetch comes, and soon when it has not been told of the high watermark or the log start.
 * - The old formats have no headers, no transaction markers and no zstd (UNSUPPORTED_COMPRESSION_TYPE). Below v3 a batch that is larger than the
 *   client's limit is not sent. Small records grow as messages: DownConverter and fetch.max.bytes bound what becomes of them.
 * Deviations from Apache Kafka: a consumer beyond its request_percentage gets its records all the same, and waits afterwards; who names a
 * replica id without its broker epoch (v15) is refused as a replica that the partition does not have; a follower beyond the end of the leader's
 * log is told so by a diverging epoch -1; OFFSET_OUT_OF_RANGE is answered with the partition's offsets instead of -1, because platformatic's
 * recovery reads them; where there are only transaction markers, v0-3 are answered without bytes: the part of a message that Apache Kafka 3.9
 * sends there makes clients fail with a record that is too large.
 */
export const fetch = handler(
  Fetch,
  [0, 18],
  (needs: Needs<'replicas' | 'purgatory' | 'fetchSessions' | 'config' | 'clock' | 'metadata' | 'endpoints' | 'nodeId' | 'quotas'>) => {
    const { replicas, fetchSessions, config, clock, metadata, endpoints } = needs;
    const preferred = preferredReplicas(needs);
    const converter = new DownConverter(clock);

    const withHints = (response: Response, { arrival }: RequestContext, replica: FetchingReplica | null): Response => {
      if (!response.responses.some(({ partitions }) => partitions.some(({ errorCode }) => errorCode !== 0))) return response;
      const hints = new LeaderHints(metadata.current, endpoints, arrival);
      for (const { topicId, partitions } of response.responses) {
        const topic = metadata.current.topicById(topicId ?? '')?.name;
        for (const data of partitions as PartitionData[]) {
          const currentLeader = topic === undefined ? undefined : hints.of(data.errorCode, topic, data.partitionIndex);
          if (currentLeader) data.currentLeader = currentLeader;
        }
      }
      return replica ? response : { ...response, nodeEndpoints: hints.nodeEndpoints() }; // replicas know where brokers are
    };

    return {
      async handle(request, context) {
        const readCommitted = isReadCommitted(request);
        const replica = fetchingReplica(request);
        const isFollower = replica !== null && replica.brokerEpoch !== null;
        const session = fetchSessions.begin(sessionRequest(request, context.version >= FETCH_FIRST_BY_TOPIC_ID, isFollower));
        if (typeof session === 'string') return { errorCode: ERROR_CODES[session].code, sessionId: 0, responses: [] };

        const source = new FetchSource(replicas, replica, context.version, readCommitted);
        // Those that are awake without being named, too: when one was named this broker may not have led it yet, or not have known the follower.
        for (const target of session.targets()) source.note(target);
        const preferredReplica = preferred(request, source);
        const quota = isFollower ? null : fetchQuota(needs.quotas, context);
        const fetchMaxBytes = config().int('fetch.max.bytes');
        const maxBytes = Math.min(request.maxBytes, fetchMaxBytes, quota?.maxBytes ?? Number.POSITIVE_INFINITY);
        const reading: Reading = {
          session,
          source,
          context,
          clock,
          converter,
          maxConvertedBytes: fetchMaxBytes,
          preferredReplica,
        };
        const absent = new Set<FetchTarget>();
        let isFirst = true;
        const due = () => {
          const when = whenDue(reading, Math.min(request.minBytes, maxBytes), absent, isFirst);
          isFirst = false;
          return when;
        };
        if (request.maxWaitMs > 0 && due() !== 'now') {
          await untilDue(needs, keysOf(session, source, absent), request, due, isFollower, context);
          if (context.signal.aborted) return NO_REPLY;
        }
        const response = answer(session, await readAll(reading, maxBytes), quota);
        return context.version >= FIRST_WITH_HINTS ? withHints(response, context, replica) : response;
      },
      // From v13 on the error of the whole says it; before v7 there is none.
      refuse: ({ topics }, error, { version }) => ({
        errorCode: error.code,
        sessionId: 0,
        responses: version >= FETCH_FIRST_BY_TOPIC_ID ? [] : topics.map((topic) => refused(topic, error)),
      }),
    };
  },
);

function refused({ topic, partitions }: Request['topics'][number], error: KafkaError): Response['responses'][number] {
  return {
    topic,
    partitions: partitions.map(({ partition }) => ({ ...nothingOf(partition), errorCode: error.code, abortedTransactions: [] })),
  };
}

function keysOf(session: FetchContext, source: FetchSource, absent: ReadonlySet<FetchTarget>): string[] {
  if (session.key !== null) return [session.key];
  return session.named.flatMap((target) => {
    if (absent.has(target)) return [];
    const { key, followerKey } = source.find(target);
    return source.replica ? [key, followerKey] : [key];
  });
}

/** now: with enough bytes, something to say that does not depend on bytes, or nothing to wait for; soon: for news of offsets alone. */
type Due = 'now' | 'soon' | 'not yet';

/**
 * Until an answer is due, or it took too long; a follower's wait also ends when its next fetch comes: that has news that must not wait. Nobody waits
 * for what a follower knows of the high watermark, and the next records mostly bring it: so that is told a little later.
 */
function untilDue(
  { purgatory, clock }: Needs<'purgatory' | 'clock'>,
  keys: readonly string[],
  { maxWaitMs }: Request,
  due: () => Due,
  isFollower: boolean,
  { signal, onNextFetch }: RequestContext,
): Promise<void> {
  return new Promise((resolve) => {
    let news: Timer | null = null;
    const over = () => {
      news?.cancel();
      signal.removeEventListener('abort', end);
      resolve();
    };
    const end = () => {
      waiter.cancel();
      over();
    };
    const isDue = () => {
      const when = due();
      if (when === 'soon') news ??= clock.after(TELL_WITHIN_MS, end);
      return when === 'now';
    };
    signal.addEventListener('abort', end, { once: true });
    const waiter = purgatory.watch(keys, maxWaitMs, isDue, over);
    if (isFollower) onNextFetch(end);
  });
}

/** @param absent what did not exist when it was asked first: filled then */
function whenDue({ session, source, preferredReplica }: Reading, minBytes: number, absent: Set<FetchTarget>, isFirst: boolean): Due {
  if (minBytes <= 0) return 'now';
  let bytes = 0;
  let hasNews = false;
  for (const target of session.targets()) {
    if (absent.has(target)) continue;
    try {
      const partition = source.find(target);
      session.watch(target, partition, source.reader);
      const available = partition.availableBytes(target.fetchOffset, source.reader, target.maxBytes);
      if (source.divergence(partition, target) || preferredReplica(partition, target) >= 0) return 'now';
      const isNews = session.isNews(target, partition.highWatermark, partition.logStartOffset);
      if (available === 0 && !isNews && source.mayRest(partition)) session.rest(target);
      hasNews ||= isNews;
      bytes += Math.min(available, target.maxBytes);
    } catch (error) {
      if (!isFirst || source.replica || !isUnknown(error)) return 'now'; // reading will say what is wrong
      absent.add(target);
    }
    if (bytes >= minBytes) return 'now';
  }
  if (absent.size === session.size) return 'now'; // there is nothing to wait for
  return hasNews && source.replica ? 'soon' : 'not yet';
}

function answer(session: FetchContext, reads: ReadonlyMap<FetchTarget, Read>, quota: FetchQuota | null): Response {
  const told = new Map<FetchTarget, FetchedState>();
  const responses: { topic: string; topicId: string; partitions: PartitionData[] }[] = [];
  for (const [target, { data, bytes }] of unknownLast(reads)) {
    const state: FetchedState = {
      errorCode: data.errorCode,
      hasRecords: bytes > 0,
      highWatermark: data.highWatermark,
      logStartOffset: data.logStartOffset ?? -1,
      diverging: data.divergingEpoch !== undefined,
      redirected: (data.preferredReadReplica ?? -1) >= 0,
    };
    if (!session.mustTell(target, state)) continue;
    told.set(target, state);
    // A client may name a topic several times: neighbours are joined.
    const last = responses.at(-1);
    if (last && last.topic === target.topic && last.topicId === target.topicId) last.partitions.push(data);
    else responses.push({ topic: target.topic, topicId: target.topicId, partitions: [data] });
  }
  const throttleTimeMs = quota?.throttleMs({ errorCode: 0, sessionId: 0, responses }) ?? 0;
  if (throttleTimeMs > 0) return { throttleTimeMs, errorCode: 0, sessionId: session.withhold(reads.keys()), responses: [] };
  return { errorCode: 0, sessionId: session.finish(told), responses };
}

/** What does not exist comes last, as Kafka has it; all else in the order of the request. */
function unknownLast(reads: ReadonlyMap<FetchTarget, Read>): Iterable<[FetchTarget, Read]> {
  const unknown = new Map<FetchTarget, Read>();
  for (const [target, read] of reads) if (UNKNOWN_CODES.has(read.data.errorCode)) unknown.set(target, read);
  if (unknown.size === 0) return reads;
  return [...Array.from(reads).filter(([target]) => !unknown.has(target)), ...unknown];
}
