import { brokerConfig } from '../../src/config.ts';
import { BufferPool } from '../../src/core/bytes.ts';
import type { ErrorName } from '../../src/core/error-codes.ts';
import { errorCodeOf, KafkaError } from '../../src/core/errors.ts';
import { fakeClock } from '../../src/core/fake-clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { memoryNetwork } from '../../src/core/memory-transport.ts';
import type { Transport } from '../../src/core/transport.ts';
import { FollowerFetchers } from '../../src/replication/follower-fetchers.ts';
import type { FakeFollowed } from './fake-followed.ts';
import { type Asked, type FetchBody, type PartitionAnswer, scriptedLeader } from './scripted-leader.ts';

export const TOPIC = 'AAAAAAAAAAAAAAAAAAAAAQ';
export const OTHER = 'AAAAAAAAAAAAAAAAAAAAAg';
export const SESSION = 77;

/** Fetchers of broker 2 on a fake clock, which follow broker 1: a leader that answers what the test says. */
export async function following(config: Record<string, string> = {}) {
  const clock = fakeClock();
  const network = memoryNetwork(clock);
  const leader = await scriptedLeader(network.transport('leader'), 'leader');
  const pool = new BufferPool(2 ** 24);
  const state = { epoch: 5, address: { host: 'leader', port: 9092 } as { host: string; port: number } | undefined };
  const settings = brokerConfig(new Map(Object.entries(config)));
  /** Ms between attempts to connect. */
  const tries: number[] = [];
  let triedAt = 0;
  const transport: Transport = {
    ...network.transport('follower'),
    connect: (address, timeoutMs) => {
      tries.push(clock.monotonicMs() - triedAt);
      triedAt = clock.monotonicMs();
      return network.transport('follower').connect(address, timeoutMs);
    },
  };
  const fetchers = new FollowerFetchers(
    {
      nodeId: 2,
      brokerEpoch: () => state.epoch,
      clock,
      transport,
      logger: silentLogger,
      config: () => settings,
      addressOf: (id) => (id === 1 ? state.address : { host: `leader-${id}`, port: 9092 }),
    },
    pool,
  );
  const follow = async (...partitions: FakeFollowed[]) => {
    for (const partition of partitions) fetchers.follow(partition, 1);
    await clock.settle();
  };
  /** Answers the oldest Fetch that is not answered. */
  let answered = 0;
  const answer = async (partitions: PartitionAnswer[] = [], more: Parameters<Asked['answer']>[0] = {}) => {
    const responses = partitions.length > 0 ? [{ topicId: TOPIC, partitions }] : [];
    leader.asked[answered++]!.answer({ sessionId: SESSION, responses, ...more });
    await clock.settle();
  };
  /** Follows, and answers the request that begins the session. */
  const begin = async (...partitions: FakeFollowed[]) => {
    await follow(...partitions);
    await answer();
  };
  return { clock, network, leader, fetchers, pool, state, tries, follow, answer, begin };
}

export const data = (partitionIndex: number, records: string, highWatermark = 0): PartitionAnswer => ({
  partitionIndex,
  errorCode: 0,
  highWatermark,
  logStartOffset: 0,
  abortedTransactions: null,
  records: Buffer.from(records),
});
export const failed = (partitionIndex: number, error: ErrorName, logStartOffset = -1): PartitionAnswer => ({
  partitionIndex,
  errorCode: errorCodeOf(new KafkaError(error)),
  highWatermark: -1,
  logStartOffset,
  abortedTransactions: null,
  records: Buffer.alloc(0),
});
export const diverging = (partitionIndex: number, epoch: number, endOffset: number): PartitionAnswer => ({
  ...data(partitionIndex, ''),
  divergingEpoch: { epoch, endOffset },
});

/** `index@offset` of what a request names, and `-index` of what it forgets. */
export const names = ({ topics, forgottenTopicsData }: FetchBody): string[] => [
  ...topics.flatMap(({ partitions }) => partitions.map(({ partition, fetchOffset }) => `${partition}@${fetchOffset}`)),
  ...forgottenTopicsData.flatMap(({ partitions }) => partitions.map((partition) => `-${partition}`)),
];
