import { describe, expect, test } from 'vitest';
import { errorCodeOf, KafkaError } from '../../src/core/errors.ts';
import { FakeFollowed } from './fake-followed.ts';
import { data, diverging, failed, following, names, OTHER, SESSION, TOPIC } from './fetcher-fixture.ts';
import { scriptedLeader } from './scripted-leader.ts';

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
