import fc from 'fast-check';
import { expect, test } from 'vitest';
import { batchBytes } from '../../src/conformance/batch-bytes.ts';
import { KafkaError } from '../../src/core/errors.ts';
import { fakeClock } from '../../src/core/fake-clock.ts';
import { type MemoryFiles, memoryFiles } from '../../src/core/memory-files.ts';
import { eachBatch, TRANSACTIONAL_BIT } from '../../src/protocol/records/batch.ts';
import { endMarkerOf } from '../../src/protocol/records/end-marker.ts';
import type { LogConfig } from '../../src/storage/log-config.ts';
import type { LogStore } from '../../src/storage/log-store.ts';
import type { Done } from '../../src/storage/log-types.ts';
import type { AppendInfo, PartitionLog } from '../../src/storage/partition-log.ts';
import type { VerificationGuard } from '../../src/storage/verifications.ts';
import { appendFetched, closeStore, flush, openStore, read, TOPIC_ID, testConfig } from '../support/log-fixture.ts';
import { prng } from '../support/prng.ts';
import { type ModelProducer, TransactionModel } from '../support/transaction-model.ts';

/** By hand: TRANSACTION_RUNS=5000 npx vitest run test/storage/transactions.property.test.ts */
const RUNS = Number(process.env.TRANSACTION_RUNS ?? 150);
const PRODUCERS = 4;
/** Writes offsets of a group, by way of the group's coordinator: without sequences. */
const OF_GROUP = 3;
const COORDINATOR_EPOCH = 5;
/** What its clock says, which stands still: the time of all markers. */
const NOW = fakeClock().now();
const FOLDER = '/data/orders-0';

const producer = fc.nat(PRODUCERS - 1);
const records = fc.record({
  kind: fc.constant('records' as const),
  producer,
  count: fc.integer({ min: 1, max: 3 }),
  /** ok: as a producer and its broker do it; late: with the guard of an earlier question. */
  how: fc.constantFrom('ok', 'ok', 'ok', 'ok', 'ok', 'ok', 'late', 'unverified', 'gap', 'old epoch', 'new epoch', 'plain'),
});
const marker = fc.record({
  kind: fc.constant('marker' as const),
  producer,
  commits: fc.boolean(),
  version: fc.constantFrom(1, 2),
  how: fc.constantFrom('ok', 'ok', 'ok', 'ok', 'ok', 'same epoch', 'old epoch', 'old coordinator'),
});
const write = fc.oneof(
  { weight: 8, arbitrary: records },
  { weight: 5, arbitrary: marker },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('plain' as const), count: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('verify' as const), producer }) },
);
/** Appended in one go, before anything of it is written. */
const writes = fc.array(write, { minLength: 1, maxLength: 8, size: 'max' });
const command = fc.oneof(
  { weight: 12, arbitrary: fc.record({ do: fc.constant('write' as const), writes }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('fail' as const), writes }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('commit' as const), by: fc.oneof(fc.nat(12), fc.constant(1000)) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('flush' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('checkpoint' as const), commitsAll: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('delete' as const), by: fc.nat(10) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('crash' as const), seed: fc.option(fc.nat(), { nil: undefined }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('kill' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('drain' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('truncate' as const), back: fc.nat(15) }) },
);
type Generated<A> = A extends fc.Arbitrary<infer T> ? T : never;
type Known = ModelProducer | undefined;

/** One log, its model, and what may happen to them. */
class Run {
  private readonly model = new TransactionModel();
  private readonly files: MemoryFiles = memoryFiles();
  private readonly config: Partial<LogConfig>;
  private log!: PartitionLog;
  private store!: LogStore;
  /** The last epoch that each producer got. */
  private readonly epochs = Array.from({ length: PRODUCERS }, () => 1);
  /** The last guard that each producer got, and whether it should still be good. */
  private readonly guards = new Map<number, { guard: VerificationGuard; isGood: boolean }>();
  private timestamp = 1000;
  private flushed = 0;

  constructor(config: Partial<LogConfig>) {
    this.config = config;
    this.reopen();
  }

  private reopen(): void {
    this.store = openStore(this.files, '/data', fakeClock(), 4);
    this.log = this.store.log({ topic: 'orders', partition: 0 }, TOPIC_ID, testConfig(this.config));
    this.forgetGuards();
  }

  private forgetGuards(): void {
    for (const known of this.guards.values()) known.isGood = false;
  }

  async step(c: Generated<typeof command>): Promise<void> {
    const { log, model, files } = this;
    switch (c.do) {
      case 'write':
        await Promise.all(c.writes.map((each) => this.write(each)));
        break;
      case 'fail': {
        const before = { entries: model.entries, end: model.end };
        files.failNext('write', 'ENOSPC', { path: '.log', prefixBytes: 70 });
        model.entries = [...model.entries];
        const told = c.writes.map((each) => this.write(each)).filter((each) => each !== null);
        await Promise.allSettled(told);
        Object.assign(model, before);
        if (told.length > 0) break;
        files.kill(); // the fault is still waiting
        this.reopen();
        model.start = this.log.logStartOffset;
        break;
      }
      case 'commit':
        log.commitTo(Math.max(log.highWatermark, model.batchEnd(log.highWatermark + c.by)));
        break;
      case 'flush':
        await flush(log);
        this.flushed = model.end;
        break;
      case 'checkpoint':
        if (c.commitsAll) log.commitTo(model.end);
        this.store.writeCheckpoints();
        break;
      case 'delete':
        model.start = Math.min(model.start + c.by, log.highWatermark);
        log.deleteRecordsBefore(model.start);
        break;
      case 'crash':
      case 'kill':
        if (c.do === 'crash') files.crash(c.seed === undefined ? undefined : prng(c.seed));
        else files.kill();
        if (!files.list(FOLDER).some((name) => name.endsWith('.log'))) model.entries = []; // it begins anew, where the checkpoint says
        this.reopen();
        expect(this.log.logEndOffset).toBeGreaterThanOrEqual(c.do === 'kill' ? model.end : this.flushed);
        model.cutTo(this.log.logEndOffset);
        model.start = this.log.logStartOffset; // a checkpoint may be older
        this.flushed = Math.min(this.flushed, model.end);
        break;
      case 'restart':
        await closeStore(this.store);
        this.flushed = model.end;
        this.reopen();
        break;
      case 'drain':
        await new Promise<void>((resolve) => log.drain(new KafkaError('NOT_LEADER_OR_FOLLOWER'), () => resolve()));
        this.forgetGuards();
        break;
      case 'truncate':
        await this.truncate(Math.max(model.end - c.back, 0));
        break;
    }
  }

  private async truncate(to: number): Promise<void> {
    const { model, log } = this;
    if (to >= model.end) return;
    await new Promise<void>((resolve, reject) => log.truncateTo(to, (error) => (error ? reject(error) : resolve())));
    if (to <= model.start) {
      model.entries = [];
      model.start = to;
    }
    model.cutTo(log.logEndOffset);
    this.flushed = Math.min(this.flushed, model.end);
    this.forgetGuards();
  }

  /** Resolves when it is written; null when nothing of it is, as it must be. */
  private write(w: Generated<typeof write>): Promise<void> | null {
    const timestamp = this.timestamp++;
    if (w.kind === 'plain') return this.plain(w.count, timestamp);
    const known = this.model.producers().get(w.producer);
    if (w.kind === 'marker') return this.marker(w, known);
    if (w.kind === 'records') return this.records(w, timestamp, known);
    if (!known || this.epochs[w.producer]! >= known.epoch) this.verify(w.producer, known);
    return null;
  }

  private plain(count: number, timestamp: number): Promise<void> {
    const bytes = batchBytes({ values: Array.from({ length: count }, () => 'x'), timestamp });
    const done = this.expectTaken(null, (told) => this.log.append(bytes, { leaderEpoch: 0 }, told))!;
    const nobody = { producerId: -1, epoch: -1, sequence: -1, transactional: false, coordinatorEpoch: -1 };
    this.model.add({ kind: 'data', count, timestamp, ...nobody });
    return done;
  }

  /** As Produce does before the first batch of a transaction. */
  private verify(producerId: number, known: Known): VerificationGuard | undefined {
    const producerEpoch = this.epochs[producerId]!;
    const baseSequence = 2 ** 31 - 1; // so that no batch counts as one that overtook another
    const guard = this.log.beginVerification({ producerId, producerEpoch, baseSequence, supportsEpochBump: false });
    expect(guard === null).toBe(known !== undefined && known.first >= 0 && known.epoch === producerEpoch);
    expect(this.log.hasOpenTransaction(producerId, producerEpoch)).toBe(guard === null);
    if (guard) this.guards.set(producerId, { guard, isGood: true });
    return guard ?? undefined;
  }

  private records({ producer: producerId, count, how }: Generated<typeof records>, timestamp: number, known: Known): Promise<void> | null {
    if (how === 'new epoch') this.epochs[producerId]!++;
    const epoch = this.epochs[producerId]! - (how === 'old epoch' ? 1 : 0);
    const transactional = how !== 'plain';
    const isStale = known !== undefined && epoch < known.epoch;
    const isOpen = known !== undefined && known.first >= 0;
    const next = known?.epoch === epoch ? known.lastSequence + 1 : 0;
    const isOfGroup = producerId === OF_GROUP;
    const sequence = isOfGroup ? -1 : next + (how === 'gap' ? 1 : 0);

    const asks = transactional && !isStale && how !== 'unverified' && how !== 'late' && how !== 'old epoch';
    const late = how === 'late' ? this.guards.get(producerId) : undefined;
    const verification = asks ? this.verify(producerId, known) : late?.guard;
    const isVerified = asks || late?.isGood === true;
    let refusal: string | null = null;
    if (isStale) refusal = 'INVALID_PRODUCER_EPOCH';
    else if (transactional && !(isOpen && known.epoch === epoch) && !isVerified)
      refusal = verification?.isOver ? 'NOT_LEADER_OR_FOLLOWER' : 'INVALID_TXN_STATE';
    else if (known && how === 'gap' && !isOfGroup) refusal = 'OUT_OF_ORDER_SEQUENCE_NUMBER';
    else if (isOpen && !transactional) refusal = 'INVALID_TXN_STATE';

    const attributes = transactional ? TRANSACTIONAL_BIT : 0;
    const values = Array.from({ length: count }, () => 'x');
    const bytes = batchBytes({ values, producerId, producerEpoch: epoch, baseSequence: sequence, attributes, timestamp });
    const origin = isOfGroup ? 'coordinator' : 'client';
    const done = this.expectTaken(refusal, (told) => this.log.append(bytes, { leaderEpoch: 0, origin, verification }, told));
    if (!done) return null;
    const common = { producerId, epoch, transactional, coordinatorEpoch: -1, timestamp: timestamp + count - 1 };
    this.model.add({ kind: 'data', count, sequence, ...common });
    if (transactional) this.spend(producerId);
    return done;
  }

  private marker(w: Generated<typeof marker>, known: Known): Promise<void> | null {
    const { producer: producerId, commits, version, how } = w;
    let epoch = Math.max(this.epochs[producerId]!, known?.epoch ?? 0);
    if (version === 2 && how === 'ok') epoch++;
    if (how === 'old epoch') epoch--;
    const coordinatorEpoch = COORDINATOR_EPOCH - (how === 'old coordinator' ? 1 : 0);
    let refusal: string | null = null;
    if (known && epoch < known.epoch) refusal = 'INVALID_PRODUCER_EPOCH';
    else if (known && version === 2 && epoch === known.epoch && known.first >= 0) refusal = 'INVALID_PRODUCER_EPOCH';
    else if (known && coordinatorEpoch < known.coordinatorEpoch) refusal = 'TRANSACTION_COORDINATOR_FENCED';

    const of = { producerId, producerEpoch: epoch, commits, coordinatorEpoch, transactionVersion: version };
    const done = this.expectTaken(refusal, (told) => this.log.appendMarker(of, 0, told));
    if (!done) return null;
    this.epochs[producerId] = Math.max(this.epochs[producerId]!, epoch);
    const common = { producerId, epoch, sequence: -1, transactional: true, coordinatorEpoch, timestamp: NOW };
    this.model.add({ kind: commits ? 'commit' : 'abort', count: 1, ...common });
    this.spend(producerId);
    return done;
  }

  private spend(producerId: number): void {
    const known = this.guards.get(producerId);
    if (known) known.isGood = false;
  }

  private expectTaken(refusal: string | null, act: (told: Done) => AppendInfo): Promise<void> | null {
    let told: Done = () => {};
    const done = new Promise<void>((resolve, reject) => {
      told = (error) => (error ? reject(error) : resolve());
    });
    done.catch(() => {});
    let answer: string | number;
    try {
      answer = act((error) => told(error)).baseOffset;
    } catch (error) {
      answer = error instanceof KafkaError ? error.errorName : String(error);
    }
    expect(answer).toBe(refusal ?? this.model.end);
    return refusal ? null : done;
  }

  async check(): Promise<void> {
    const { log, model } = this;
    const { highWatermark } = log;
    expect([log.logStartOffset, log.logEndOffset]).toEqual([model.start, model.end]);
    expect(log.lastStableOffset).toBe(model.lastStableOffset(highWatermark));
    expect(producersOf(log)).toEqual(model.producers());
    for (const from of [model.start, (model.start + model.end) >> 1, model.end])
      for (const to of [from, from + 1, (from + model.end) >> 1, model.end]) expectAborted(log, model, from, to);
    expect(await committedRecords(log)).toEqual(model.committed(model.start, log.lastStableOffset));
  }

  /** What is on the disk, and what a replica has that fetched it all. */
  async checkFiles(): Promise<void> {
    const { model } = this;
    this.log.commitTo(model.end);
    const replica = this.store.log({ topic: 'copies', partition: 0 }, TOPIC_ID, testConfig({ segmentBytes: 500 }));
    replica.commitTo(0);
    for (let offset = 0; offset < model.end; offset = replica.logEndOffset) {
      const chunk = await read(this.log, Math.max(offset, model.start), 300);
      if (!chunk || model.start > 0) break;
      await appendFetched(replica, Buffer.from(chunk.bytes));
      chunk.release();
      expect(replica.lastStableOffset).toBe(0);
    }
    if (model.start === 0) {
      for (let highWatermark = 0; highWatermark <= model.end; highWatermark++) {
        replica.commitTo(highWatermark);
        expect(replica.lastStableOffset).toBe(model.lastStableOffset(highWatermark));
      }
      expect(producersOf(replica)).toEqual(model.producers());
      expectAborted(replica, model, 0, model.end);
    }
    await closeStore(this.store);
    const names = this.files.list(FOLDER).filter((name) => name.endsWith('.txnindex'));
    const entries = names.flatMap((name) => entriesOf(this.files.read(`${FOLDER}/${name}`)!));
    const all = model.transactions().filter(({ aborted }) => aborted);
    expect(entries).toEqual(all.map(({ producerId, first, marker: at, lastStableOffset }) => [0, producerId, first, at, lastStableOffset]));
  }
}

function producersOf(log: PartitionLog): Map<number, ModelProducer> {
  return new Map(
    log.producers().map(([producerId, { epoch, batches, coordinatorEpoch, transactionFirstOffset: first, timestamp }]) => {
      const lastSequence = batches.at(-1)?.lastSequence ?? -1;
      return [producerId, { epoch, lastSequence, coordinatorEpoch, first, timestamp }];
    }),
  );
}

function expectAborted(log: PartitionLog, model: TransactionModel, from: number, to: number): void {
  const expected = model.aborted(from, to).map(({ producerId, first, marker: at }) => [producerId, first, at]);
  expect(log.abortedTransactions(from, to).map(({ producerId, firstOffset, lastOffset }) => [producerId, firstOffset, lastOffset])).toEqual(
    expected,
  );
}

/** Offsets, read as a consumer with read_committed does: by what is listed with each fetch alone. */
async function committedRecords(log: PartitionLog): Promise<number[]> {
  const found: number[] = [];
  const { logStartOffset, lastStableOffset } = log;
  for (let offset = logStartOffset; offset < lastStableOffset; ) {
    const chunk = await read(log, offset, 200, lastStableOffset);
    if (!chunk) throw new Error(`nothing can be read at ${offset}, before the last stable offset`);
    const listed = log.abortedTransactions(offset, chunk.nextOffset);
    const aborting = new Set<number>();
    for (const batch of eachBatch(chunk.bytes)) {
      while (listed.length > 0 && listed[0]!.firstOffset <= batch.lastOffset) aborting.add(listed.shift()!.producerId);
      if (batch.isControl) {
        if (endMarkerOf(batch)?.commits === false) aborting.delete(batch.producerId);
      } else if (!batch.isTransactional || !aborting.has(batch.producerId))
        for (let at = batch.baseOffset; at <= batch.lastOffset; at++) if (at >= logStartOffset) found.push(at);
    }
    offset = chunk.nextOffset;
    chunk.release();
  }
  return found;
}

/** Kafka's layout: version i16, producer id, first offset, last offset and last stable offset i64. */
function entriesOf(bytes: Buffer): number[][] {
  expect(bytes.byteLength % 34).toBe(0);
  return Array.from({ length: bytes.byteLength / 34 }, (_, i) => [
    bytes.readInt16BE(34 * i),
    ...[2, 10, 18, 26].map((at) => Number(bytes.readBigInt64BE(34 * i + at))),
  ]);
}

test('what is open, decided and aborted is what the batches say, whatever is refused, lost, cut off or read again', {
  timeout: 300_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(command, { minLength: 1, maxLength: 40, size: 'max' }),
      fc.constantFrom(250, 700, 100_000),
      async (commands, segmentBytes) => {
        const run = new Run({ segmentBytes, indexIntervalBytes: 150 });
        for (const each of commands) {
          await run.step(each);
          await run.check();
        }
        await run.checkFiles();
      },
    ),
    { numRuns: RUNS },
  );
});
