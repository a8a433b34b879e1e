import { expect, test } from 'vitest';
import type { OpenLog } from '../../src/coordinator/coordinator-log.ts';
import type { Perform } from '../../src/coordinator/keyed-timers.ts';
import { CoordinatorRuntime, type Shard, type Write } from '../../src/coordinator/runtime.ts';
import { KafkaError } from '../../src/core/errors.ts';
import { fakeClock } from '../../src/core/fake-clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { MemoryCoordinatorLog } from './memory-coordinator-log.ts';

/** The simplest state on a log: a sum. */
class Sum implements Shard {
  sum = 0;
  isLoaded = false;
  unloadedWith: string | undefined;
  readonly perform: Perform;
  constructor(perform: Perform) {
    this.perform = perform;
  }
  replay(key: Buffer): void {
    this.sum += Number(key);
  }
  endTransaction(): void {}
  loaded(): void {
    this.isLoaded = true;
  }
  unloaded(error: KafkaError): void {
    this.unloadedWith = error.errorName;
  }
}

const add = (n: number): Write => ({ records: [{ key: Buffer.from(String(n)), value: null }], replay: true });

async function runtimeFixture(openLog?: OpenLog) {
  const clock = fakeClock();
  const log = new MemoryCoordinatorLog();
  const shards: Sum[] = [];
  const leads = { refusal: null as KafkaError | null };
  let opened = 0;
  const runtime = new CoordinatorRuntime<Sum>({
    openLog: async (partition) => {
      opened++;
      return openLog ? openLog(partition) : log;
    },
    requireLeader: () => {
      if (leads.refusal) throw leads.refusal;
    },
    makeShard: (_partition, perform) => {
      const shard = new Sum(perform);
      shards.push(shard);
      return shard;
    },
    clock,
    logger: silentLogger,
    writeTimeoutMs: () => 5000,
  });
  return { clock, log, runtime, shards, leads, opened: () => opened };
}

const errorOf = (call: () => unknown) => {
  try {
    call();
    return 'NONE';
  } catch (error) {
    return error instanceof KafkaError ? error.errorName : error;
  }
};

test('a partition is loaded on first use, once, and says so meanwhile', async () => {
  const { clock, log, opened, runtime } = await runtimeFixture();
  const use = () => errorOf(() => runtime.run(0, () => null));
  expect([use(), use()]).toEqual(['COORDINATOR_LOAD_IN_PROGRESS', 'COORDINATOR_LOAD_IN_PROGRESS']);
  await clock.settle();
  expect(use()).toBe('NONE');
  expect([opened(), log.replays]).toEqual([1, 1]);
});

test('the state is what the log says', async () => {
  const { log, runtime } = await runtimeFixture();
  log.records.push(...add(1).records, ...add(2).records);
  await runtime.load(0);
  expect(await runtime.read(0, (shard) => [shard.sum, shard.isLoaded])).toEqual([3, true]);
});

test('an operation’s records change the state at once, and its reply leaves when they are committed', async () => {
  const { clock, log, runtime } = await runtimeFixture();
  await runtime.load(0);
  log.isHeld = true;
  const replies: string[] = [];
  runtime.runAndReply(0, () => ({ reply: 'one', write: add(1) })).then((reply) => replies.push(reply));
  runtime.runAndReply(0, (shard) => ({ reply: `sum was ${shard.sum}`, write: add(10) })).then((reply) => replies.push(reply));
  await clock.settle();
  expect(replies).toEqual([]);
  log.commit();
  await clock.settle();
  expect(replies).toEqual(['one', 'sum was 1']);
});

test('an operation that writes nothing is answered when nothing of what it may rest on can be lost any more, or told that it was', async () => {
  const { clock, log, runtime } = await runtimeFixture();
  await runtime.load(0);
  const outcomes: string[] = [];
  const ask = () =>
    runtime
      .runAndReply(0, () => ({ reply: 'it is so', write: null }))
      .then(
        (reply) => outcomes.push(reply),
        (error: KafkaError) => outcomes.push(error.errorName),
      );
  ask();
  await clock.settle();
  log.isHeld = true;
  runtime.run(0, () => add(1));
  ask();
  await clock.settle();
  expect(outcomes).toEqual(['it is so']);
  log.commit();
  await clock.settle();
  log.isHeld = true;
  runtime.run(0, () => add(1));
  ask();
  runtime.unload(0);
  await clock.settle();
  expect(outcomes).toEqual(['it is so', 'it is so', 'NOT_COORDINATOR']);
});

test('what is read is answered when nothing of it can be lost any more', async () => {
  const { clock, log, runtime } = await runtimeFixture();
  await runtime.load(0);
  log.isHeld = true;
  runtime.run(0, () => add(1));
  let sum: number | undefined;
  runtime.read(0, (shard) => shard.sum).then((read) => (sum = read));
  runtime.run(0, () => add(10)); // comes later and is not waited for in the value
  await clock.settle();
  expect(sum).toBeUndefined();
  log.commit();
  await clock.settle();
  expect(sum).toBe(1);
});

test('records that the log refuses never happened', async () => {
  const { log, runtime } = await runtimeFixture();
  await runtime.load(0);
  log.refusal = new KafkaError('MESSAGE_TOO_LARGE');
  await expect(runtime.runAndReply(0, () => ({ reply: 'x', write: add(1) }))).rejects.toMatchObject({ errorName: 'UNKNOWN_SERVER_ERROR' });
  expect(await runtime.read(0, (shard) => shard.sum)).toBe(0);
});

test.each([
  ['NOT_LEADER_OR_FOLLOWER', 'NOT_COORDINATOR'],
  ['KAFKA_STORAGE_ERROR', 'NOT_COORDINATOR'],
  ['NOT_ENOUGH_REPLICAS', 'COORDINATOR_NOT_AVAILABLE'],
  ['REQUEST_TIMED_OUT', 'COORDINATOR_NOT_AVAILABLE'],
  ['UNKNOWN_TOPIC_OR_PARTITION', 'COORDINATOR_NOT_AVAILABLE'],
  ['RECORD_LIST_TOO_LARGE', 'UNKNOWN_SERVER_ERROR'],
] as const)('a log’s %s is told as %s', async (error, told) => {
  const { log, runtime } = await runtimeFixture();
  await runtime.load(0);
  log.refusal = new KafkaError(error);
  await expect(runtime.runAndReply(0, () => ({ reply: 'x', write: add(1) }))).rejects.toMatchObject({ errorName: told });
});

test('when the log loses records the partition is unloaded, all that waits fails, and the next use loads it again', async () => {
  const { clock, log, runtime, shards } = await runtimeFixture();
  await runtime.load(0);
  log.isHeld = true;
  const outcomes = ['a', 'b'].map((reply) =>
    runtime.runAndReply(0, () => ({ reply, write: add(1) })).catch((error: KafkaError) => error.errorName),
  );
  log.fail(new KafkaError('NOT_ENOUGH_REPLICAS_AFTER_APPEND'));
  expect(await Promise.all(outcomes)).toEqual(['COORDINATOR_NOT_AVAILABLE', 'NOT_COORDINATOR']);
  expect(shards[0]!.unloadedWith).toBe('NOT_COORDINATOR');
  expect(errorOf(() => runtime.run(0, () => null))).toBe('COORDINATOR_LOAD_IN_PROGRESS');
  await clock.settle();
  expect(await runtime.read(0, (shard) => shard.sum)).toBe(0);
  expect(clock.pending()).toBe(0);
});

test('a partition of another broker is told so, and is not tried for each request', async () => {
  const { clock, opened, runtime } = await runtimeFixture(async () => {
    throw new KafkaError('NOT_LEADER_OR_FOLLOWER');
  });
  const use = () => errorOf(() => runtime.run(0, () => null));
  use();
  await clock.settle();
  expect([use(), use(), use()]).toEqual(['NOT_COORDINATOR', 'NOT_COORDINATOR', 'NOT_COORDINATOR']);
  expect(opened()).toBe(1);
  await clock.advance(500);
  expect(use()).toBe('COORDINATOR_LOAD_IN_PROGRESS');
  expect(opened()).toBe(2);
});

test('a broker that does not lead a partition says so at once, and does not read its log', async () => {
  const { leads, opened, runtime } = await runtimeFixture();
  leads.refusal = new KafkaError('NOT_LEADER_OR_FOLLOWER');
  expect(errorOf(() => runtime.run(0, () => null))).toBe('NOT_COORDINATOR');
  await expect(runtime.load(0)).rejects.toMatchObject({ errorName: 'NOT_COORDINATOR' });
  expect(opened()).toBe(0);
  leads.refusal = null;
  await runtime.load(0);
  expect(errorOf(() => runtime.run(0, () => null))).toBe('NONE');
});

test('a leader whose lease is in doubt answers nothing, and keeps its state for when it is not', async () => {
  const { leads, opened, runtime } = await runtimeFixture();
  await runtime.load(0);
  runtime.run(0, () => add(3));
  leads.refusal = new KafkaError('NOT_LEADER_OR_FOLLOWER');
  expect(errorOf(() => runtime.read(0, (shard) => shard.sum))).toBe('NOT_COORDINATOR');
  leads.refusal = null;
  expect(await runtime.read(0, (shard) => shard.sum)).toBe(3);
  expect(opened()).toBe(1);
});

// metadata-store rule 8: what was replayed may be lost for as long as the high watermark has not passed it.
test('a partition serves once all that was replayed is committed', async () => {
  const { clock, log, runtime } = await runtimeFixture();
  log.records.push(...add(1).records);
  let commit = () => {};
  log.commitGate = new Promise((resolve) => (commit = resolve));
  let isLoaded = false;
  runtime.load(0).then(() => (isLoaded = true));
  await clock.advance(60_000);
  expect([isLoaded, log.replays]).toEqual([false, 1]);
  expect(errorOf(() => runtime.run(0, () => null))).toBe('COORDINATOR_LOAD_IN_PROGRESS');
  commit();
  await clock.settle();
  expect(await runtime.read(0, (shard) => shard.sum)).toBe(1);
});

test('a partition whose replayed records cannot be committed any more is not served', async () => {
  const { clock, log, runtime, shards } = await runtimeFixture();
  log.commitGate = Promise.reject(new KafkaError('NOT_LEADER_OR_FOLLOWER'));
  await expect(runtime.load(0)).rejects.toMatchObject({ errorName: 'NOT_COORDINATOR' });
  expect(shards.map(({ isLoaded }) => isLoaded)).toEqual([false]);
  expect(clock.pending()).toBe(0);
});

test('a partition that changed leader while it was loaded is dropped, and loaded anew when it comes back', async () => {
  const { clock, log, opened, runtime, shards } = await runtimeFixture();
  let open = () => {};
  log.replayGate = new Promise((resolve) => (open = resolve));
  const outcomes = [runtime.load(0)];
  await clock.settle();
  runtime.unload(0);
  outcomes.push(runtime.load(0)); // in a later leader epoch, while the first one still reads
  await clock.settle();
  log.records.push(...add(7).records);
  open();
  expect(await Promise.allSettled(outcomes)).toMatchObject([
    { status: 'rejected', reason: { errorName: 'NOT_COORDINATOR' } },
    { status: 'fulfilled' },
  ]);
  expect(shards.map(({ isLoaded, sum }) => [isLoaded, sum])).toEqual([
    [false, 0],
    [true, 7],
  ]);
  expect(await runtime.read(0, (shard) => shard.sum)).toBe(7);
  expect(opened()).toBe(2);
});

test('when the leadership is over, by request or by timer, the state goes, and everybody who waits is told', async () => {
  for (const isTimer of [false, true]) {
    const { log, runtime, shards } = await runtimeFixture();
    await runtime.load(0);
    log.isHeld = true;
    const outcome = runtime.runAndReply(0, () => ({ reply: 'x', write: add(1) })).catch((error: KafkaError) => error.errorName);
    log.isOver = true;
    if (isTimer) shards[0]!.perform(() => add(1));
    else expect(errorOf(() => runtime.run(0, () => add(1)))).toBe('COORDINATOR_LOAD_IN_PROGRESS');
    expect([shards[0]!.unloadedWith, log.pending()]).toEqual(['NOT_COORDINATOR', 1]);
    log.commit(); // it may be committed all the same: nobody was told
    log.isOver = false;
    expect(await outcome).toBe('NOT_COORDINATOR');
    await runtime.load(0);
    expect(await runtime.read(0, (shard) => shard.sum)).toBe(1);
  }
});

test('a commit that never comes does not collect writes for ever', async () => {
  const { log, runtime } = await runtimeFixture();
  await runtime.load(0);
  log.isHeld = true;
  for (let i = 0; i < 10_000; i++) runtime.run(0, () => add(0));
  expect(log.pending()).toBe(10_000);
  await expect(runtime.runAndReply(0, () => ({ reply: 'x', write: add(1) }))).rejects.toMatchObject({
    errorName: 'COORDINATOR_NOT_AVAILABLE',
  });
  expect(log.pending()).toBe(10_000);
});

test('each of several late writes is answered at its own time', async () => {
  const { clock, log, runtime } = await runtimeFixture();
  await runtime.load(0);
  log.isHeld = true;
  const late: string[] = [];
  const send = (name: string) => runtime.runAndReply(0, () => ({ reply: name, write: add(1) })).catch(() => late.push(name));
  send('first');
  await clock.advance(2000);
  send('second');
  await clock.advance(3000);
  expect(late).toEqual(['first']);
  await clock.advance(2000);
  expect(late).toEqual(['first', 'second']);
  log.commit();
  expect(clock.pending()).toBe(0);
});

test('a closed runtime loads nothing more, not even what it was loading', async () => {
  const { clock, log, runtime, shards } = await runtimeFixture();
  let open = () => {};
  log.replayGate = new Promise((resolve) => (open = resolve));
  const load = runtime.load(0).catch((error: KafkaError) => error.errorName);
  await clock.settle();
  runtime.close();
  open();
  expect(await load).toBe('COORDINATOR_NOT_AVAILABLE');
  expect(shards.map(({ isLoaded }) => isLoaded)).toEqual([false]);
  expect(errorOf(() => runtime.run(0, () => null))).toBe('COORDINATOR_NOT_AVAILABLE');
});
