import { describe, expect, test } from 'vitest';
import { fakeClock } from '../../src/core/fake-clock.ts';
import { Purgatory } from '../../src/core/purgatory.ts';
import {
  type FetchContext,
  type FetchedState,
  FetchSessions,
  type FetchTarget,
  type SessionRequest,
  type Watched,
  type Watcher,
} from '../../src/replication/fetch-sessions.ts';

const MINUTE = 60_000;
const TOPIC = 'AAAAAAAAAAAAAAAAAAAAAQ';
const quiet: FetchedState = { errorCode: 0, hasRecords: false, highWatermark: 5, logStartOffset: 0, diverging: false, redirected: false };

/** A partition that tells who watches it. */
class FakePartition implements Watched {
  readonly watchers = new Set<Watcher>();
  watch(watcher: Watcher): void {
    this.watchers.add(watcher);
  }
  unwatch(watcher: Watcher): void {
    this.watchers.delete(watcher);
  }
  changes(): void {
    for (const watcher of this.watchers) watcher.stirred();
  }
}

const replica = (index: number, fetchOffset = 0): FetchTarget => ({
  ...{ topic: '', topicId: TOPIC, index, fetchOffset, maxBytes: 1000 },
  ...{ currentLeaderEpoch: 1, lastFetchedEpoch: -1, logStartOffset: 0 },
});
const request = (sessionId: number, sessionEpoch: number, more: Partial<SessionRequest> = {}): SessionRequest => ({
  ...{ sessionId, sessionEpoch, byTopicId: true, privileged: true, targets: [], forgotten: [] },
  ...more,
});
const indexes = (targets: Iterable<FetchTarget>) => [...targets].map(({ index }) => index);

/** A session of a follower, of which every partition rests. */
function resting(count: number) {
  const clock = fakeClock();
  const purgatory = new Purgatory(clock);
  let lastId = 0;
  const sessions = new FetchSessions(
    clock,
    () => 1000,
    () => ++lastId,
    (key) => purgatory.wake(key),
  );
  const partitions = Array.from({ length: count }, () => new FakePartition());
  const begin = (asked: SessionRequest): FetchContext => {
    const context = sessions.begin(asked);
    if (typeof context === 'string') throw new Error(context);
    return context;
  };
  const settle = (context: FetchContext) => {
    for (const target of context.targets()) {
      context.watch(target, partitions[target.index]!, 'follower');
      context.rest(target);
    }
    context.finish(new Map());
  };
  const id = begin(request(0, 0, { targets: partitions.map((_, index) => replica(index)) })).finish(new Map());
  settle(begin(request(id, 1)));
  let epoch = 1;
  const next = (more: Partial<SessionRequest> = {}) => begin(request(id, ++epoch, more));
  return { clock, purgatory, sessions, partitions, id, next, settle };
}

describe('a session looks', () => {
  test('only at partitions that changed, or that the request names', () => {
    const { partitions, next } = resting(1000);
    expect(indexes(next().targets())).toEqual([]);
    partitions[7]!.changes();
    partitions[9]!.changes();
    expect(indexes(next().targets())).toEqual([7, 9]);
    expect(indexes(next().targets())).toEqual([7, 9]); // until they rest again
    const context = next({ targets: [replica(3, 5)] });
    expect([indexes(context.targets()), indexes(context.named)]).toEqual([[7, 9, 3], [3]]);
  });

  test('at a partition that is not watched each time', () => {
    const { next } = resting(1);
    const context = next({ targets: [replica(5)] });
    for (const target of context.targets()) context.rest(target);
    expect(indexes(next().targets())).toEqual([5]);
  });

  test('again at what changes after it was read, while others are', () => {
    const { partitions, next } = resting(2);
    partitions[0]!.changes();
    const context = next();
    for (const target of context.targets()) context.rest(target);
    partitions[0]!.changes();
    context.finish(new Map());
    expect(indexes(next().targets())).toEqual([0]);
  });

  test('last at what gave records the last time', () => {
    const { partitions, next } = resting(3);
    for (const index of [2, 0, 1]) partitions[index]!.changes();
    const context = next();
    const [first] = context.targets();
    context.finish(new Map([[first!, { ...quiet, hasRecords: true }]]));
    expect(indexes(next().targets())).toEqual([0, 1, 2]);
  });

  test('at another partition that has taken the place of the one it watched', () => {
    const { partitions, next } = resting(1);
    const anew = new FakePartition();
    partitions[0]!.changes(); // as one does that is closed
    const context = next();
    const [target] = context.targets();
    context.watch(target!, anew, 'follower');
    context.rest(target!);
    partitions[0]!.changes();
    expect([partitions[0]!.watchers.size, indexes(next().targets())]).toEqual([0, []]);
    anew.changes();
    expect(indexes(next().targets())).toEqual([0]);
  });
});

test('a fetch that waits is woken by any partition of its session', async () => {
  const { clock, purgatory, partitions, next } = resting(5);
  const context = next();
  const found: number[][] = [];
  purgatory.watch(
    [context.key!],
    1000,
    () => indexes(context.targets()).length > 0,
    () => found.push(indexes(context.targets())),
  );
  await clock.settle();
  expect(found).toEqual([]);
  partitions[4]!.changes();
  await clock.settle();
  expect(found).toEqual([[4]]);
});

test('news are offsets that the session was not told', () => {
  const { partitions, next } = resting(1);
  partitions[0]!.changes();
  const context = next();
  const [target] = context.targets();
  expect(context.isNews(target!, 5, 0)).toBe(true);
  context.finish(new Map([[target!, quiet]]));
  const after = next();
  expect([after.isNews(target!, 5, 0), after.isNews(target!, 6, 0), after.isNews(target!, 5, 1)]).toEqual([false, true, true]);
});

test('a partition that is forgotten, and those of a session that ends, are watched no more', () => {
  const { sessions, partitions, id, next } = resting(2);
  next({ forgotten: [{ topic: '', topicId: TOPIC, index: 0 }] });
  expect(partitions.map(({ watchers }) => watchers.size)).toEqual([0, 1]);
  sessions.begin(request(id, -1));
  expect([partitions.map(({ watchers }) => watchers.size), sessions.count()]).toEqual([[0, 0], 0]);
});

test('followers get a session however many there are; one that was left behind goes when it is idle for two minutes', async () => {
  const { clock, sessions } = resting(2);
  const full = new FetchSessions(
    clock,
    () => 0,
    () => 1,
    () => {},
    0,
  );
  expect((full.begin(request(0, 0, { targets: [replica(0)] })) as FetchContext).finish(new Map())).toBe(1);
  await clock.advance(2 * MINUTE);
  (sessions.begin(request(0, 0, { targets: [replica(0)] })) as FetchContext).finish(new Map());
  expect(sessions.count()).toBe(1);
});
