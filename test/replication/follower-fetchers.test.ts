import { describe, expect, test } from 'vitest';
import { FakeFollowed } from './fake-followed.ts';
import { data, following, names, SESSION, TOPIC } from './fetcher-fixture.ts';
import { scriptedLeader } from './scripted-leader.ts';

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
