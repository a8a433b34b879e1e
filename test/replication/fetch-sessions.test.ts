import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fakeClock } from '../../src/core/fake-clock.ts';
import { type FetchedState, FetchSessions, type FetchTarget, type SessionRequest } from '../../src/replication/fetch-sessions.ts';

const MINUTE = 60_000;

function setup(slots = 1000, maxRemembered?: number) {
  const clock = fakeClock();
  let lastId = 0;
  const sessions = new FetchSessions(
    clock,
    () => slots,
    () => ++lastId,
    () => {},
    maxRemembered,
  );
  return { clock, sessions };
}

const target = (index: number, more: Partial<FetchTarget> = {}): FetchTarget => ({
  topic: 'orders',
  topicId: '',
  index,
  fetchOffset: 0,
  maxBytes: 1000,
  currentLeaderEpoch: -1,
  lastFetchedEpoch: -1,
  logStartOffset: -1,
  ...more,
});

const request = (sessionId: number, sessionEpoch: number, more: Partial<SessionRequest> = {}): SessionRequest => ({
  sessionId,
  sessionEpoch,
  byTopicId: false,
  privileged: false,
  targets: [],
  forgotten: [],
  ...more,
});

const quiet: FetchedState = { errorCode: 0, hasRecords: false, highWatermark: 5, logStartOffset: 0, diverging: false, redirected: false };

/** Goes through a request as the handler does. `told`: the partitions in the response. */
function play(sessions: FetchSessions, asked: SessionRequest, stateOf: (target: FetchTarget) => FetchedState = () => quiet) {
  const context = sessions.begin(asked);
  if (typeof context === 'string') return { error: context, id: 0, read: [], told: [] };
  const states = new Map<FetchTarget, FetchedState>();
  const targets = [...context.targets()];
  for (const each of targets) if (context.mustTell(each, stateOf(each))) states.set(each, stateOf(each));
  const id = context.finish(states);
  return { error: null, id, read: targets.map(({ index }) => index), told: [...states.keys()].map(({ index }) => index) };
}

describe('the first fetch', () => {
  test('without a session tells all and remembers nothing', () => {
    const { sessions } = setup();
    expect(play(sessions, request(0, -1, { targets: [target(0), target(1)] }))).toEqual({ error: null, id: 0, read: [0, 1], told: [0, 1] });
    expect(sessions.count()).toBe(0);
  });

  test('epoch 0 begins a session: it tells all, and an id', () => {
    const { sessions } = setup();
    expect(play(sessions, request(0, 0, { targets: [target(0), target(1)] }))).toEqual({ error: null, id: 1, read: [0, 1], told: [0, 1] });
    expect(sessions.count()).toBe(1);
  });

  test('an id is never 0 and never one in use', () => {
    const ids = [0, 7, 7, 0, 8];
    const sessions = new FetchSessions(
      fakeClock(),
      () => 10,
      () => ids.shift()!,
      () => {},
    );
    expect([1, 2].map(() => play(sessions, request(0, 0, { targets: [target(0)] })).id)).toEqual([7, 8]);
  });
});

describe('epochs', () => {
  test('count up by one; any other is INVALID_FETCH_SESSION_EPOCH and leaves the session as it was', () => {
    const { sessions } = setup();
    const { id } = play(sessions, request(0, 0, { targets: [target(0)] }));
    expect(play(sessions, request(id, 2)).error).toBe('INVALID_FETCH_SESSION_EPOCH');
    expect(play(sessions, request(id, 1)).error).toBeNull();
    expect(play(sessions, request(id, 1, { targets: [target(9)] })).error).toBe('INVALID_FETCH_SESSION_EPOCH');
    expect(play(sessions, request(id, 2))).toMatchObject({ error: null, read: [0] });
  });

  test('an unknown id is FETCH_SESSION_ID_NOT_FOUND, an id of 0 with an epoch above 0 too', () => {
    const { sessions } = setup();
    expect(play(sessions, request(77, 1)).error).toBe('FETCH_SESSION_ID_NOT_FOUND');
    expect(play(sessions, request(0, 1)).error).toBe('FETCH_SESSION_ID_NOT_FOUND');
  });

  test('epoch 0 with an id closes that session and begins another; epoch -1 closes it and begins none', () => {
    const { sessions } = setup();
    const { id: first } = play(sessions, request(0, 0, { targets: [target(0)] }));
    const { id: second } = play(sessions, request(first, 0, { targets: [target(0)] }));
    expect([second, sessions.count()]).toEqual([2, 1]);
    expect(play(sessions, request(first, 1)).error).toBe('FETCH_SESSION_ID_NOT_FOUND');
    expect(play(sessions, request(second, -1, { targets: [target(0)] }))).toMatchObject({ id: 0, told: [0] });
    expect(sessions.count()).toBe(0);
  });

  test('after 2147483647 comes 1', () => {
    const { sessions } = setup();
    const { id } = play(sessions, request(0, 0, { targets: [target(0)] }));
    // Two thousand million requests are too many for a test: the epoch is put near its end.
    const inside = Reflect.get(sessions, 'sessions') as Map<number, { epoch: number }>;
    inside.get(id)!.epoch = 2_147_483_646;
    for (const epoch of [2_147_483_646, 2_147_483_647, 1, 2]) expect(play(sessions, request(id, epoch)).error).toBeNull();
  });

  test('a session of topic names takes no topic ids, nor the other way round (KIP-516)', () => {
    const { sessions } = setup();
    const byName = play(sessions, request(0, 0, { targets: [target(0)] })).id;
    const byId = play(sessions, request(0, 0, { byTopicId: true, targets: [target(0)] })).id;
    expect(play(sessions, request(byName, 1, { byTopicId: true })).error).toBe('FETCH_SESSION_TOPIC_ID_ERROR');
    expect(play(sessions, request(byId, 1)).error).toBe('FETCH_SESSION_TOPIC_ID_ERROR');
    expect(play(sessions, request(byName, 1)).error).toBeNull();
  });
});

describe('an incremental fetch', () => {
  function begun(states: Record<number, FetchedState> = {}) {
    const { sessions } = setup();
    const stateOf = ({ index }: FetchTarget) => states[index] ?? quiet;
    const { id } = play(sessions, request(0, 0, { targets: [target(0), target(1), target(2)] }), stateOf);
    let epoch = 0;
    return { states, next: (more: Partial<SessionRequest> = {}) => play(sessions, request(id, ++epoch, more), stateOf), sessions };
  }

  test('reads all that the session remembers, and tells nothing when nothing changed', () => {
    const { next } = begun();
    expect(next()).toMatchObject({ id: 1, read: [0, 1, 2], told: [] });
  });

  test.each<[string, Partial<FetchedState>]>([
    ['records', { hasRecords: true }],
    ['another high watermark', { highWatermark: 6 }],
    ['another log start offset', { logStartOffset: 1 }],
    ['a diverging epoch', { diverging: true }],
    ['an error', { errorCode: 6, highWatermark: -1 }],
  ])('tells a partition with %s', (_what, change) => {
    const { next, states } = begun();
    states[1] = { ...quiet, ...change };
    expect(next().told).toEqual([1]);
  });

  test('tells a change once, an error each time, and the partition again when its error is gone', () => {
    const { next, states } = begun();
    states[0] = { ...quiet, highWatermark: 9 };
    states[1] = { ...quiet, errorCode: 6, highWatermark: -1 };
    expect([next().told, next().told]).toEqual([[0, 1], [1]]);
    states[1] = quiet;
    expect([next().told, next().told]).toEqual([[1], []]);
  });

  test('a partition that had an error when the session began is told when its error is gone', () => {
    const { next, states } = begun({ 2: { ...quiet, errorCode: 3, highWatermark: -1 } });
    states[2] = quiet;
    expect([next().told, next().told]).toEqual([[2], []]);
  });

  test('asking whether to tell changes nothing, however often a waiting fetch asks', () => {
    const { sessions } = setup();
    const { id } = play(sessions, request(0, 0, { targets: [target(0)] }));
    const context = sessions.begin(request(id, 1));
    if (typeof context === 'string') throw new Error(context);
    const changed = { ...quiet, highWatermark: 9 };
    for (let i = 0; i < 3; i++) expect(context.mustTell([...context.targets()][0]!, changed)).toBe(true);
    context.finish(new Map());
    expect(play(sessions, request(id, 2), () => changed).told).toEqual([0]);
  });

  test('new partitions are added and told, known ones take the new offset, forgotten ones go', () => {
    const { sessions } = setup();
    const { id } = play(sessions, request(0, 0, { targets: [target(0), target(1)] }));
    const context = sessions.begin(request(id, 1, { targets: [target(0, { fetchOffset: 42 }), target(5)], forgotten: [target(1)] }));
    if (typeof context === 'string') throw new Error(context);
    expect([...context.targets()].map(({ index, fetchOffset }) => [index, fetchOffset])).toEqual([
      [0, 42],
      [5, 0],
    ]);
    context.finish(new Map());
    expect(play(sessions, request(id, 2))).toMatchObject({ read: [0, 5], told: [5] });
  });

  test('a partition that gave records goes to the end, so that the budget reaches the others', () => {
    const { next, states } = begun();
    states[0] = { ...quiet, hasRecords: true };
    expect(next().told).toEqual([0]);
    expect(next().read).toEqual([1, 2, 0]);
  });

  test('a session that forgets its last partition is closed', () => {
    const { next, sessions } = begun();
    expect(next({ forgotten: [target(0), target(1), target(2)] })).toMatchObject({ error: null, id: 0, read: [] });
    expect(sessions.count()).toBe(0);
  });
});

describe('bounds', () => {
  test('when all slots are taken by sessions in use, new fetchers go on without one', () => {
    const { sessions } = setup(2);
    const ids = [1, 2, 3].map(() => play(sessions, request(0, 0, { targets: [target(0)] })).id);
    expect([ids, sessions.count()]).toEqual([[1, 2, 0], 2]);
  });

  test('a session that was idle for two minutes makes room for a new one', async () => {
    const { sessions, clock } = setup(2);
    const [first, second] = [1, 2].map(() => play(sessions, request(0, 0, { targets: [target(0)] })).id);
    await clock.advance(2 * MINUTE - 1);
    play(sessions, request(first!, 1));
    expect(play(sessions, request(0, 0, { targets: [target(0)] })).id).toBe(0);
    await clock.advance(1);
    expect(play(sessions, request(0, 0, { targets: [target(0)] })).id).toBe(3);
    expect(play(sessions, request(second!, 1)).error).toBe('FETCH_SESSION_ID_NOT_FOUND');
    expect(play(sessions, request(first!, 2)).error).toBeNull();
  });

  test('max.incremental.fetch.session.cache.slots=0 switches sessions off', () => {
    const { sessions } = setup(0);
    expect(play(sessions, request(0, 0, { targets: [target(0)] })).id).toBe(0);
  });

  test('partitions are remembered up to a bound over all sessions: a new session beyond it is refused', () => {
    const { sessions } = setup(1000, 100);
    const many = (from: number, count: number) => Array.from({ length: count }, (_, i) => target(from + i));
    const { id } = play(sessions, request(0, 0, { targets: many(0, 99) }));
    expect(id).toBe(1);
    expect(play(sessions, request(0, 0, { targets: many(0, 2) })).id).toBe(0);
    const { id: small } = play(sessions, request(0, 0, { targets: many(0, 1) }));
    expect(small).toBe(2);
    // One that grows beyond it is forgotten, and the memory is free again.
    expect(play(sessions, request(small, 1, { targets: many(5, 1) })).error).toBe('FETCH_SESSION_ID_NOT_FOUND');
    expect(sessions.count()).toBe(1);
    expect(play(sessions, request(0, 0, { targets: many(0, 1) })).id).toBe(3);
  });
});

test('sessions of followers that were started again go when a follower begins one two minutes later', async () => {
  const { clock, sessions } = setup();
  const follower = { privileged: true, targets: [target(0)] };
  play(sessions, request(0, 0, follower));
  const { id } = play(sessions, request(0, 0, follower));
  for (let epoch = 1; epoch <= 4; epoch++) {
    await clock.advance(MINUTE / 2);
    play(sessions, request(id, epoch));
  }
  play(sessions, request(0, 0, follower));
  expect(sessions.count()).toBe(2);
  expect(play(sessions, request(id, 5)).error).toBeNull();
});

test('a fetcher with a session sees what one without sees, whatever happens to the partitions', () => {
  const step = fc.record({
    watch: fc.array(fc.nat(5), { maxLength: 2 }),
    forget: fc.array(fc.nat(5), { maxLength: 2 }),
    changes: fc.array(
      fc.record({
        index: fc.nat(5),
        highWatermark: fc.nat(3),
        logStartOffset: fc.nat(2),
        errorCode: fc.constantFrom(0, 0, 0, 6),
        hasRecords: fc.boolean(),
      }),
      { maxLength: 3 },
    ),
    lost: fc.boolean(), // the response never arrives: the fetcher begins again
  });
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 30 }), (steps) => {
      const { sessions } = setup(3);
      const truth = new Map<number, FetchedState>();
      const stateOf = ({ index }: { index: number }) => truth.get(index) ?? quiet;
      const seen = (state: FetchedState) => (state.errorCode === 0 ? [state.highWatermark, state.logStartOffset] : [state.errorCode]);
      const wanted = new Set<number>();
      const view = new Map<number, number[]>();
      let [id, epoch] = [0, 0];
      for (const { watch, forget, changes, lost } of steps) {
        for (const { index, ...state } of changes) truth.set(index, { ...quiet, ...state });
        const added = watch.filter((index) => !wanted.has(index));
        const gone = forget.filter((index) => wanted.has(index) && !watch.includes(index));
        for (const index of added) wanted.add(index);
        for (const index of gone) {
          wanted.delete(index);
          view.delete(index);
        }
        const full = id === 0;
        const targets = (full ? [...wanted] : [...new Set(added)]).map((index) => target(index));
        const asked = full
          ? request(0, 0, { targets })
          : request(id, epoch, { targets, forgotten: [...new Set(gone)].map((index) => target(index)) });
        const { error, id: given, read, told } = play(sessions, asked, stateOf);
        expect(error).toBeNull();
        expect([...read].sort()).toEqual([...wanted].sort());
        if (lost) {
          [id, epoch] = [0, 0];
          continue;
        }
        for (const index of told) view.set(index, seen(stateOf({ index })));
        for (const index of wanted) expect(view.get(index)).toEqual(seen(stateOf({ index })));
        // What has records must be told every time, or they would be missed.
        for (const index of wanted) if (stateOf({ index }).hasRecords) expect(told).toContain(index);
        [id, epoch] = given === 0 ? [0, 0] : [given, full ? 1 : epoch + 1];
      }
    }),
    { numRuns: 300 },
  );
});
