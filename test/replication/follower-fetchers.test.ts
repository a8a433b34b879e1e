import { describe, expect, test } from 'vitest';
import { brokerConfig } from '../../src/config.ts';
import { BufferPool } from '../../src/core/bytes.ts';
import type { ErrorName } from '../../src/core/error-codes.ts';
import { errorCodeOf, KafkaError } from '../../src/core/errors.ts';
import { fakeClock } from '../../src/core/fake-clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { memoryNetwork } from '../../src/core/memory-transport.ts';
import type { Transport } from '../../src/core/transport.ts';
import { FollowerFetchers } from '../../src/replication/follower-fetchers.ts';
import { FakeFollowed } from './fake-followed.ts';
import { type Asked, type FetchBody, type PartitionAnswer, scriptedLeader } from './scripted-leader.ts';

const TOPIC = 'AAAAAAAAAAAAAAAAAAAAAQ';
const OTHER = 'AAAAAAAAAAAAAAAAAAAAAg';
const SESSION = 77;

async function following(config: Record<string, string> = {}) {
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

const data = (partitionIndex: number, records: string, highWatermark = 0): PartitionAnswer => ({
  partitionIndex,
  errorCode: 0,
  highWatermark,
  logStartOffset: 0,
  abortedTransactions: null,
  records: Buffer.from(records),
});
const failed = (partitionIndex: number, error: ErrorName, logStartOffset = -1): PartitionAnswer => ({
  partitionIndex,
  errorCode: errorCodeOf(new KafkaError(error)),
  highWatermark: -1,
  logStartOffset,
  abortedTransactions: null,
  records: Buffer.alloc(0),
});
const diverging = (partitionIndex: number, epoch: number, endOffset: number): PartitionAnswer => ({
  ...data(partitionIndex, ''),
  divergingEpoch: { epoch, endOffset },
});

/** `index@offset` of what a request names, and `-index` of what it forgets. */
const names = ({ topics, forgottenTopicsData }: FetchBody): string[] => [
  ...topics.flatMap(({ partitions }) => partitions.map(({ partition, fetchOffset }) => `${partition}@${fetchOffset}`)),
  ...forgottenTopicsData.flatMap(({ partitions }) => partitions.map((partition) => `-${partition}`)),
];

describe('what a request says', () => {
  test('the first one is version 17 under the replica id and broker epoch, and begins a session with all partitions', async () => {
    const { leader, follow } = await following();
    const [first, second] = [new FakeFollowed(TOPIC, 0), new FakeFollowed(TOPIC, 3)];
    second.bytes = Buffer.from('abc');
    second.leaderEpoch = 7;
    await follow(first, second);
    const { version, clientId, body } = leader.last();
    expect([version, clientId]).toEqual([17, 'broker-2-fetcher-0']);
    // The session's id is not known before the answer, so nothing could overtake this request if it waited.
    expect(body).toMatchObject({ replicaState: { replicaId: 2, replicaEpoch: 5 }, sessionId: 0, sessionEpoch: 0, maxWaitMs: 0 });
    expect(body.topics).toMatchObject([
      {
        topicId: TOPIC,
        partitions: [
          { partition: 0, currentLeaderEpoch: 1, fetchOffset: 0, lastFetchedEpoch: -1, logStartOffset: 0, partitionMaxBytes: 1048576 },
          { partition: 3, currentLeaderEpoch: 7, fetchOffset: 3, lastFetchedEpoch: 7, logStartOffset: 0, partitionMaxBytes: 1048576 },
        ],
      },
    ]);
  });

  test('the next ones wait for a byte, 500 ms at most, and name only what changed', async () => {
    const { leader, begin, answer } = await following();
    await begin(new FakeFollowed(TOPIC, 0), new FakeFollowed(TOPIC, 1));
    expect(leader.last().body).toMatchObject({ sessionId: SESSION, sessionEpoch: 1, maxWaitMs: 500, minBytes: 1, maxBytes: 10485760 });
    expect(names(leader.last().body)).toEqual([]);
    await answer([data(1, 'xy')]);
    expect(leader.last().body.sessionEpoch).toBe(2);
    expect(names(leader.last().body)).toEqual(['1@2']);
    await answer([data(1, '', 2)]); // only the high watermark has moved
    expect([leader.asked.length, names(leader.last().body)]).toEqual([4, []]);
  });

  test('config says how much is asked for, and how long it may wait', async () => {
    const { leader, begin } = await following({
      'replica.fetch.max.bytes': '1000',
      'replica.fetch.response.max.bytes': '5000',
      'replica.fetch.wait.max.ms': '50',
      'replica.fetch.min.bytes': '7',
    });
    await begin(new FakeFollowed(TOPIC, 0));
    expect(leader.asked[0]!.body.topics[0]!.partitions[0]!.partitionMaxBytes).toBe(1000);
    expect(leader.last().body).toMatchObject({ maxWaitMs: 50, minBytes: 7, maxBytes: 5000 });
  });

  test('what is not to be fetched yet is not asked for, until it is handed over again', async () => {
    const { leader, follow } = await following();
    const partition = new FakeFollowed(TOPIC, 0);
    partition.held = true;
    await follow(partition);
    expect(leader.asked).toHaveLength(0);
    partition.held = false;
    await follow(partition);
    expect(names(leader.last().body)).toEqual(['0@0']);
  });

  test('a broker that is not registered fetches nothing', async () => {
    const { leader, follow, state } = await following();
    state.epoch = -1;
    const partition = new FakeFollowed(TOPIC, 0);
    await follow(partition);
    expect(leader.connections()).toBe(0);
    state.epoch = 9;
    await follow(partition);
    expect(leader.last().body.replicaState.replicaEpoch).toBe(9);
  });
});

describe('records', () => {
  test('are appended as views of the response, in the epoch that asked for them', async () => {
    const { answer, begin } = await following();
    const [first, second] = [new FakeFollowed(TOPIC, 0), new FakeFollowed(TOPIC, 1)];
    const memory: unknown[] = [];
    for (const partition of [first, second]) {
      const append = partition.appendFetched.bind(partition);
      partition.appendFetched = (epoch, fetched, done) => {
        memory.push(fetched.records.buffer);
        append(epoch, fetched, done);
      };
    }
    await begin(first, second);
    await answer([data(0, 'a'.repeat(20_000), 7), data(1, 'b'.repeat(20_000))]);
    expect(first.calls).toEqual([{ append: 'a'.repeat(20_000), epoch: 1, highWatermark: 7 }]);
    expect(memory[0]).toBe(memory[1]); // one buffer, that of the frame
  });

  test('the memory of a response goes back to the pool when the last of its writes is finished', async () => {
    const { clock, pool, answer, begin } = await following();
    const [slow, quick] = [new FakeFollowed(TOPIC, 0), new FakeFollowed(TOPIC, 1)];
    slow.slow = true;
    await begin(slow, quick);
    await answer([data(0, 'a'.repeat(20_000)), data(1, 'b'.repeat(20_000))]);
    expect(pool.idleBytes()).toBe(0);
    slow.finish();
    await clock.settle();
    expect(pool.idleBytes()).toBe(65_536); // the smallest buffer that is pooled
  });

  test('while a write is under way its partition leaves the session, and the others go on', async () => {
    const { leader, answer, begin } = await following();
    const [slow, quick] = [new FakeFollowed(TOPIC, 0), new FakeFollowed(TOPIC, 1)];
    slow.slow = true;
    await begin(slow, quick);
    await answer([data(0, 'abc'), data(1, 'x')]);
    expect(names(leader.last().body)).toEqual(['1@1', '-0']);
    await answer([data(1, 'y')]);
    expect(names(leader.last().body)).toEqual(['1@2']);
  });

  test('when the write is finished its partition is asked for at once, behind the request that waits', async () => {
    const { clock, leader, answer, begin } = await following();
    const [slow, quick] = [new FakeFollowed(TOPIC, 0), new FakeFollowed(TOPIC, 1)];
    slow.slow = true;
    await begin(slow, quick);
    await answer([data(0, 'abc'), data(1, 'x')]);
    slow.finish();
    await clock.settle();
    expect(leader.asked).toHaveLength(4);
    expect([leader.last().body.sessionEpoch, names(leader.last().body)]).toEqual([3, ['0@3']]);
  });

  test('a partition that is alone in the session stays there while it is written, and nothing is asked for', async () => {
    const { clock, leader, answer, begin } = await following();
    const partition = new FakeFollowed(TOPIC, 0);
    partition.slow = true;
    await begin(partition);
    await answer([data(0, 'abc')]);
    expect(leader.asked).toHaveLength(2);
    partition.finish();
    await clock.settle();
    expect(names(leader.last().body)).toEqual(['0@3']);
  });

  test('a failed write is asked for again, after pauses that grow to replica.fetch.backoff.ms', async () => {
    const { clock, leader, answer, begin } = await following({ 'replica.fetch.backoff.ms': '100' });
    const partition = new FakeFollowed(TOPIC, 0);
    partition.slow = true;
    await begin(partition);
    const pauses: number[] = [];
    for (let round = 0; round < 6; round++) {
      await answer([data(0, 'abc')]);
      partition.finish(new Error('no space left'));
      const { length } = leader.asked;
      let pause = 0;
      while (leader.asked.length === length) {
        await clock.advance(1);
        pause++;
      }
      pauses.push(pause);
      expect(names(leader.last().body)).toEqual([]); // the session still has offset 0
    }
    expect(pauses).toEqual([10, 20, 40, 80, 100, 100]);
  });
});

describe('answers that do not count', () => {
  test('an answer to the earlier of two requests does not count where the later one asks for another offset', async () => {
    const { clock, leader, answer, begin } = await following();
    const [slow, quick] = [new FakeFollowed(TOPIC, 0), new FakeFollowed(TOPIC, 1)];
    slow.slow = true;
    await begin(slow, quick);
    await answer([data(0, 'abc'), data(1, 'x')]);
    slow.finish(); // a second request is on its way now
    await clock.settle();
    await answer([data(1, 'y')]); // the first is answered: partition 1 is at 2, which a third request says
    expect(names(leader.last().body)).toEqual(['1@2']);
    await answer([data(1, 'y'), data(0, 'd')]); // the second asked for partition 1 at 1
    expect(quick.bytes.toString()).toBe('xy');
    expect(slow.calls).toHaveLength(2);
    await answer([data(1, 'z')]);
    expect(quick.bytes.toString()).toBe('xyz');
  });

  test('an answer asked for in an earlier epoch does not count', async () => {
    const { leader, answer, begin, follow } = await following();
    const partition = new FakeFollowed(TOPIC, 0);
    await begin(partition);
    partition.leaderEpoch = 2;
    await follow(partition); // the same leader, elected again
    expect(leader.last().body.topics[0]!.partitions[0]!.currentLeaderEpoch).toBe(2);
    await answer([data(0, 'old')]);
    expect(partition.calls).toEqual([]);
    await answer([data(0, 'new')]);
    expect(partition.bytes.toString()).toBe('new');
  });

  test('an answer of the old leader does not count once another one is followed', async () => {
    const { network, clock, fetchers, leader, answer, begin } = await following();
    const next = await scriptedLeader(network.transport('leader-3'), 'leader-3');
    const [moved, stays] = [new FakeFollowed(TOPIC, 0), new FakeFollowed(TOPIC, 1)];
    await begin(moved, stays);
    moved.leaderEpoch = 2;
    fetchers.follow(moved, 3);
    await clock.settle();
    expect(names(next.last().body)).toEqual(['0@0']);
    await answer([data(0, 'old')]);
    expect(moved.calls).toEqual([]);
    expect(names(leader.last().body)).toEqual(['-0']);
  });

  test('an answer does not count for a partition that was given up and is followed again in the same epoch', async () => {
    const { clock, fetchers, leader, answer, begin } = await following();
    const [again, other] = [new FakeFollowed(TOPIC, 0), new FakeFollowed(TOPIC, 1)];
    await begin(again, other);
    fetchers.unfollow(again);
    fetchers.follow(again, 1);
    await clock.settle();
    expect(names(leader.last().body)).toEqual(['0@0']);
    await answer([data(0, 'old')]);
    expect(again.calls).toEqual([]);
    await answer([data(0, 'new')]);
    expect(again.bytes.toString()).toBe('new');
  });

  test('under a new registration everything is asked for anew, and what the old one asked for does not count', async () => {
    const { clock, leader, answer, begin, state } = await following();
    const partition = new FakeFollowed(TOPIC, 0);
    await begin(partition);
    state.epoch = 6;
    await answer([data(0, 'old')]);
    await clock.advance(100);
    expect(partition.calls).toEqual([]);
    expect([leader.connections(), leader.open()]).toEqual([2, 1]);
    expect(leader.last().body).toMatchObject({ sessionEpoch: 0, replicaState: { replicaEpoch: 6 } });
  });
});

describe('truncation', () => {
  test('a diverging epoch is cut to, and asked for from there when that is done', async () => {
    const { clock, leader, answer, begin } = await following();
    const partition = new FakeFollowed(TOPIC, 0);
    partition.bytes = Buffer.from('abcdef');
    partition.slow = true;
    await begin(partition);
    await answer([diverging(0, 3, 4)]);
    expect(partition.calls).toEqual([{ truncate: { epoch: 3, endOffset: 4 }, epoch: 1 }]);
    expect(leader.asked).toHaveLength(2);
    partition.finish();
    await clock.settle();
    expect(names(leader.last().body)).toEqual(['0@4']);
  });

  test('a leader whose log begins behind our end has us begin there', async () => {
    const { leader, answer, begin } = await following();
    const partition = new FakeFollowed(TOPIC, 0);
    await begin(partition);
    await answer([failed(0, 'OFFSET_OUT_OF_RANGE', 900)]);
    expect(partition.calls).toEqual([{ restartAt: 900, epoch: 1 }]);
    expect(leader.last().body.topics[0]!.partitions[0]).toMatchObject({ fetchOffset: 900, logStartOffset: 900 });
  });

  test('out of range without a log start behind our end deletes nothing', async () => {
    const { answer, begin } = await following();
    const partition = new FakeFollowed(TOPIC, 0);
    partition.bytes = Buffer.from('abcdef');
    await begin(partition);
    await answer([failed(0, 'OFFSET_OUT_OF_RANGE', 0)]);
    expect(partition.calls).toEqual([]);
  });
});

describe('errors', () => {
  test('of one partition take it out of the session for a while, and no other', async () => {
    const { clock, leader, answer, begin } = await following();
    const [bad, good] = [new FakeFollowed(TOPIC, 0), new FakeFollowed(TOPIC, 1)];
    await begin(bad, good);
    await answer([failed(0, 'UNKNOWN_LEADER_EPOCH'), data(1, 'x')]);
    expect(names(leader.last().body)).toEqual(['1@1', '-0']);
    await clock.advance(9);
    expect(leader.asked).toHaveLength(3);
    await clock.advance(1);
    expect(names(leader.last().body)).toEqual(['0@0']);
  });

  test('a pause after an error ends when the partition is handed over again', async () => {
    const { clock, leader, answer, begin, follow } = await following();
    const partition = new FakeFollowed(TOPIC, 0);
    await begin(partition);
    for (let i = 0; i < 3; i++) {
      await answer([failed(0, 'FENCED_LEADER_EPOCH')]);
      await clock.advance(i < 2 ? 100 : 0);
    }
    partition.leaderEpoch = 2;
    const { length } = leader.asked;
    await follow(partition);
    expect(leader.asked).toHaveLength(length + 1);
    expect(leader.last().body.topics[0]!.partitions[0]!.currentLeaderEpoch).toBe(2);
  });

  test.each(['FETCH_SESSION_ID_NOT_FOUND', 'INVALID_FETCH_SESSION_EPOCH'] as const)('%s begins a new session at once', async (error) => {
    const { leader, answer, begin } = await following();
    await begin(new FakeFollowed(TOPIC, 0), new FakeFollowed(TOPIC, 1));
    await answer([], { errorCode: errorCodeOf(new KafkaError(error)), sessionId: 0 });
    expect(leader.last().body).toMatchObject({ sessionEpoch: 0, sessionId: SESSION }); // which closes the old one
    expect(names(leader.last().body)).toEqual(['0@0', '1@0']);
    expect(leader.connections()).toBe(1);
  });

  test('a leader that loses every session is not asked without a pause', async () => {
    const { clock, leader, answer, begin } = await following();
    const lost = { errorCode: errorCodeOf(new KafkaError('FETCH_SESSION_ID_NOT_FOUND')), sessionId: 0 };
    await begin(new FakeFollowed(TOPIC, 0));
    await answer([], lost);
    await answer(); // the new session
    await answer([], lost);
    expect(leader.asked).toHaveLength(4);
    await clock.advance(40);
    expect(leader.asked).toHaveLength(5);
    expect(leader.last().body.sessionEpoch).toBe(0);
  });

  test('a leader that gives no session is asked for everything each time', async () => {
    const { leader, follow, answer } = await following();
    await follow(new FakeFollowed(TOPIC, 0), new FakeFollowed(TOPIC, 1));
    await answer([data(0, 'a')], { sessionId: 0 });
    expect(names(leader.last().body)).toEqual(['0@1', '1@0']);
    expect(leader.last().body).toMatchObject({ sessionId: 0, sessionEpoch: 0, maxWaitMs: 50 }); // it asks for a session again
    await answer([data(1, 'b')], { sessionId: 0 });
    expect(names(leader.last().body)).toEqual(['0@1', '1@1']);
  });

  test('a broken connection is opened again after pauses that grow to replica.fetch.backoff.ms', async () => {
    const { clock, network, leader, begin, tries } = await following({ 'replica.fetch.backoff.ms': '100' });
    await begin(new FakeFollowed(TOPIC, 0));
    await leader.close();
    leader.hangUp();
    const before = tries.length;
    await clock.advance(360);
    expect(tries.slice(before)).toEqual([20, 40, 80, 100, 100]);
    const back = await scriptedLeader(network.transport('leader'), 'leader');
    await clock.advance(100);
    expect(back.last().body).toMatchObject({ sessionId: SESSION, sessionEpoch: 0 });
  });

  test('a leader that is not reached is tried again at once when the cluster has news', async () => {
    const { clock, leader, state, follow } = await following();
    state.address = undefined;
    const partition = new FakeFollowed(TOPIC, 0);
    await follow(partition);
    await clock.advance(10_000); // the pause is a second now
    state.address = { host: 'leader', port: 9092 };
    await follow(partition);
    expect(leader.asked).toHaveLength(1);
  });

  test('what is no response ends the connection, and all is asked for anew', async () => {
    const { clock, leader, begin } = await following();
    const partition = new FakeFollowed(TOPIC, 0);
    await begin(partition);
    leader.write(Buffer.from('00000008000000010000ffff', 'hex'));
    await clock.advance(50);
    expect([leader.connections(), leader.open(), leader.last().body.sessionEpoch]).toEqual([2, 1, 0]);
  });

  test('a silent leader is given up after the wait and replica.socket.timeout.ms', async () => {
    const { clock, leader, begin } = await following({ 'replica.socket.timeout.ms': '2000' });
    await begin(new FakeFollowed(TOPIC, 0));
    await clock.advance(2499);
    expect(leader.connections()).toBe(1);
    await clock.advance(100);
    expect(leader.connections()).toBe(2);
  });

  test('the connection to a leader that is followed no more is closed', async () => {
    const { clock, fetchers, leader, begin } = await following();
    const partition = new FakeFollowed(TOPIC, 0);
    await begin(partition);
    fetchers.unfollow(partition);
    await clock.settle();
    expect([leader.open(), fetchers.count(), fetchers.heldBytes(), clock.pending()]).toEqual([0, 0, 0, 0]);
  });

  test('close leaves no connection and no timer', async () => {
    const { clock, fetchers, leader, answer, begin } = await following();
    await begin(new FakeFollowed(TOPIC, 0), new FakeFollowed(TOPIC, 1));
    await answer([failed(0, 'UNKNOWN_TOPIC_ID')]);
    fetchers.close();
    await clock.settle();
    expect([leader.open(), clock.pending(), fetchers.heldBytes()]).toEqual([0, 0, 0]);
  });
});

describe('bounds', () => {
  test('one request waits and one stands behind it; more news is gathered', async () => {
    const { clock, leader, answer, begin, follow } = await following();
    await begin(new FakeFollowed(TOPIC, 0));
    for (let index = 1; index <= 5; index++) await follow(new FakeFollowed(TOPIC, index));
    expect(leader.asked).toHaveLength(3);
    await answer();
    await clock.settle();
    expect(names(leader.last().body)).toEqual(['2@0', '3@0', '4@0', '5@0']);
  });

  test('what is asked for and what is not written yet is at most twice replica.fetch.response.max.bytes', async () => {
    const { clock, fetchers, leader, answer, begin } = await following({ 'replica.fetch.response.max.bytes': '1000' });
    const all = Array.from({ length: 4 }, (_, index) => new FakeFollowed(TOPIC, index));
    for (const partition of all) partition.slow = true;
    await begin(...all);
    await answer([data(0, 'x'.repeat(900))]);
    expect(leader.last().body.maxBytes).toBe(1000);
    expect(fetchers.heldBytes()).toBe(1900);
    await answer([data(1, 'y'.repeat(1000))]);
    expect(leader.asked).toHaveLength(3); // 1900 bytes are not written: no room for a quarter of a response
    all[1]!.finish();
    await clock.settle();
    expect(leader.asked).toHaveLength(4);
    expect(leader.last().body.maxBytes).toBe(1000);
    all[0]!.finish();
    await clock.settle();
    expect(fetchers.heldBytes()).toBeLessThanOrEqual(2000);
  });

  test('a batch larger than the bound is taken, alone', async () => {
    const { clock, fetchers, leader, answer, begin } = await following({ 'replica.fetch.response.max.bytes': '1000' });
    const [large, other] = [new FakeFollowed(TOPIC, 0), new FakeFollowed(TOPIC, 1)];
    large.slow = true;
    await begin(large, other);
    await answer([data(0, 'x'.repeat(5000))]);
    expect([leader.asked.length, fetchers.heldBytes()]).toEqual([2, 5000]);
    large.finish();
    await clock.settle();
    expect([leader.asked.length, fetchers.heldBytes()]).toEqual([3, 1000]);
  });

  test('with thousands of partitions a request names those that changed, and looks at no other', async () => {
    const { leader, answer, begin } = await following();
    let looks = 0;
    const all = Array.from({ length: 5000 }, (_, index) => {
      const partition = new FakeFollowed(TOPIC, index);
      const nextFetch = partition.nextFetch.bind(partition);
      partition.nextFetch = () => {
        looks++;
        return nextFetch();
      };
      return partition;
    });
    await begin(...all);
    expect(names(leader.asked[0]!.body)).toHaveLength(5000);
    looks = 0;
    await answer([data(4711, 'x')]);
    expect(names(leader.last().body)).toEqual(['4711@1']);
    expect(looks).toBeLessThan(5);
  });

  test('a response of thousands of partitions lets other work of the loop pass', async () => {
    const { clock, answer, begin } = await following();
    const all = Array.from({ length: 1000 }, (_, index) => new FakeFollowed(TOPIC, index));
    await begin(...all);
    const seen: number[] = [];
    const look = () => {
      const done = all.filter(({ calls }) => calls.length > 0).length;
      if (seen.at(-1) !== done) seen.push(done);
      if (done < 1000) setImmediate(look);
    };
    look();
    await answer(all.map(({ index }) => data(index, 'x')));
    await clock.settle();
    expect(seen).toEqual([0, 200, 400, 600, 800, 1000]);
  });

  test('partitions of several topics are told apart', async () => {
    const { answer, begin } = await following();
    const [one, other] = [new FakeFollowed(TOPIC, 0), new FakeFollowed(OTHER, 0)];
    await begin(one, other);
    await answer([], { responses: [{ topicId: OTHER, partitions: [data(0, 'other')] }] });
    expect([one.bytes.toString(), other.bytes.toString()]).toEqual(['', 'other']);
  });
});
