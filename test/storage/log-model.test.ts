import { expect, test } from 'vitest';
import { type FakeClock, fakeClock } from '../../src/core/fake-clock.ts';
import { type MemoryFiles, memoryFiles } from '../../src/core/memory-files.ts';
import { BatchView } from '../../src/protocol/records/batch.ts';
import { buildBatch } from '../../src/protocol/records/build.ts';
import type { LogConfig } from '../../src/storage/log-config.ts';
import type { LogStore } from '../../src/storage/log-store.ts';
import type { PartitionLog } from '../../src/storage/partition-log.ts';
import {
  append,
  appendFetched,
  closeStore,
  flush,
  openStore,
  orders,
  read,
  readAll,
  recordsOf,
  restartAt,
  testConfig,
  truncate,
} from '../support/log-fixture.ts';
import { endOf, LogModel, type ModelBatch } from '../support/log-model.ts';
import { prng } from '../support/prng.ts';

/** By hand: LOG_MODEL_OPERATIONS=200000 LOG_MODEL_SEED=7 npx vitest run test/storage/log-model.test.ts */
const OPERATIONS = Number(process.env.LOG_MODEL_OPERATIONS ?? 20_000);
const SEED = Number(process.env.LOG_MODEL_SEED ?? Date.now() % 1_000_000);

const NEVER = Number.MAX_SAFE_INTEGER;
const FOLDER = '/data/orders-0';
const PRODUCERS = 3;
/** The model is searched from the front, so the log stays short. */
const MAX_RECORDS = 250;

const failure = (errorName: string) => expect.objectContaining({ errorName });
/** More than any flush here takes. */
const FLUSH_TURNS = 200;
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** One log, its model, and what may happen to them. */
class Run {
  private readonly random: () => number;
  private readonly files: MemoryFiles = memoryFiles();
  private readonly model = new LogModel();
  private clock!: FakeClock;
  private store!: LogStore;
  private log!: PartitionLog;
  private config: Partial<LogConfig> & { segmentBytes: number } = { segmentBytes: 8000, indexIntervalBytes: 300 };
  private leaderEpoch = 0;
  private timestamp = Date.UTC(2026, 0, 1);
  private serial = 0;
  private runs = 0;
  /** The last epoch that each producer used, be it in the log or not. */
  private readonly producerEpochs = Array.from({ length: PRODUCERS }, () => 0);
  /** Its leader's log is compacted. */
  private readonly hasGaps: boolean;
  /** The last operations, for the report of a failure. */
  trail: string[] = [];
  readonly counts = new Map<string, number>();

  constructor(seed: number) {
    this.random = prng(seed);
    this.hasGaps = this.below(2) === 0;
    this.config = { ...this.config, compacted: this.hasGaps };
    this.reopen();
  }

  private below(n: number): number {
    return Math.floor(this.random() * n);
  }
  private pick<T>(...values: readonly T[]): T {
    return values[this.below(values.length)]!;
  }

  private reopen(): void {
    // What a broker that is dead had planned must not happen to the files of the next.
    const run = ++this.runs;
    const clock = fakeClock(this.timestamp + 60_000);
    this.clock = { ...clock, soon: (fire) => clock.soon(() => run === this.runs && fire()) };
    this.store = openStore(this.files, '/data', this.clock, 4);
    this.log = orders(this.store, this.config);
    this.model.committed = Number.POSITIVE_INFINITY;
    this.log.startEpoch(++this.leaderEpoch); // as whoever is elected does
  }

  private readonly operations: Record<string, [weight: number, act: () => Promise<void>]> = {
    append: [40, () => this.append()],
    'append what a leader sent': [20, () => this.appendFetched()],
    'refuse what a leader sent': [2, () => this.refuseFetched()],
    read: [20, () => this.read()],
    'find by time': [6, async () => this.findByTime()],
    'find by epoch': [6, async () => this.findByEpoch()],
    repeat: [4, () => this.repeat()],
    gap: [2, async () => this.gap()],
    configure: [4, async () => this.configure()],
    'new epoch': [2, async () => this.log.startEpoch(++this.leaderEpoch)],
    flush: [2, () => this.flush()],
    wait: [3, () => this.wait()],
    checkpoint: [3, async () => this.checkpoint()],
    'delete records': [3, async () => this.deleteRecords()],
    'retain bytes': [2, async () => this.retain({ retentionBytes: this.pick(0, 1, 500, 5000, 100_000) })],
    'retain ms': [2, async () => this.retain({ retentionMs: this.below(20_000) })],
    commit: [3, async () => this.commit()],
    truncate: [3, () => this.truncate()],
    'begin anew': [1, () => this.beginAnew()],
    restart: [2, () => this.restart()],
    kill: [2, () => this.interrupt('kill')],
    'lose power': [2, () => this.interrupt('crash')],
    'tear the end': [2, () => this.interrupt('torn')],
    'fail a write': [2, () => this.failWrite()],
    'fail a sync': [1, () => this.failSync()],
  };

  async step(): Promise<void> {
    const all = Object.entries(this.operations);
    let at = this.below(all.reduce((sum, [, [weight]]) => sum + weight, 0));
    const [name, [weight, act]] = all.find(([, [each]]) => (at -= each) < 0)!;
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
    this.trail = [...this.trail.slice(-9), `${name} [${this.model.start},${this.model.end})`];
    await act();
    if (this.model.end - this.model.start > MAX_RECORDS) {
      this.log.commitTo(Number.POSITIVE_INFINITY);
      this.model.committed = Number.POSITIVE_INFINITY;
      this.retain({ retentionBytes: this.below(3000) });
    }
    this.model.epochsFrom = Math.max(this.model.epochsFrom, this.model.start);
    expect([this.log.logStartOffset, this.log.logEndOffset]).toEqual([this.model.start, this.model.end]);
    if (weight < 4 || this.below(10) === 0) await this.checkAll();
  }

  async checkAll(): Promise<void> {
    const { log, model } = this;
    expect(await readAll(log)).toEqual(model.records());
    expect(log.recoveryPoint).toBeLessThanOrEqual(model.end);
    if (model.start > 0) await expect(read(log, model.start - 1)).rejects.toEqual(failure('OFFSET_OUT_OF_RANGE'));
    await expect(read(log, model.end + 1)).rejects.toEqual(failure('OFFSET_OUT_OF_RANGE'));
  }

  /** A batch that the log must take: of a producer that goes on, of one that begins an epoch, or of none. Null: too large for a segment. */
  private nextBatch(offset: number): { batch: ModelBatch; bytes: Buffer } | null {
    const keys = Array.from({ length: 1 + this.below(5) }, () => `k${this.serial++}`);
    const producerId = this.below(PRODUCERS + 2) - 2;
    const isIdempotent = producerId >= 0;
    const last = this.model.lastOf(producerId);
    const goesOn = isIdempotent && last && this.below(10) > 0;
    const producerEpoch = !isIdempotent ? -1 : goesOn ? last.producerEpoch : this.producerEpochs[producerId]! + 1;
    const sequence = !isIdempotent ? -1 : goesOn ? last.sequence + last.keys.length : 0;
    const value = Buffer.alloc(this.pick(0, 10, 10, 300, 300, this.pick(300, 3000, 20_000)), keys[0]);
    const records = keys.map((key, i) => ({ key: Buffer.from(key), value, timestamp: this.timestamp + i }));
    const attributes = this.pick(0, 0, 0, 1);
    const producer = isIdempotent ? { producerId, producerEpoch, baseSequence: sequence } : {};
    const bytes = buildBatch({ records, attributes, ...producer });
    if (bytes.byteLength > this.config.segmentBytes) return null;
    if (isIdempotent) this.producerEpochs[producerId] = Math.max(producerEpoch, this.producerEpochs[producerId]!);
    const { timestamp, leaderEpoch } = this;
    const common = { offset, keys, timestamp, leaderEpoch, bytes: bytes.byteLength };
    this.timestamp += this.below(400) - 50;
    return { batch: { ...common, producerId: isIdempotent ? producerId : -1, producerEpoch, sequence }, bytes };
  }

  /** Appends up to `count` batches at once, in the model too; the answers are pending. */
  private start(count: number): Promise<void>[] {
    const pending: Promise<void>[] = [];
    for (let i = 0; i < count; i++) {
      const next = this.nextBatch(this.model.end);
      if (!next) continue;
      const { info, done } = append(this.log, next.bytes, this.leaderEpoch);
      expect(info).toMatchObject({ baseOffset: this.model.end, count: next.batch.keys.length, batchBytes: next.batch.bytes });
      this.model.add(next.batch);
      pending.push(done);
    }
    return pending;
  }

  private async append(): Promise<void> {
    const pending = this.start(1 + this.below(4));
    if (this.below(2) === 0) await turn(); // what follows comes while these are written, or synced
    pending.push(...this.start(this.below(3)));
    await Promise.all(pending);
    if (pending.length > 0) this.model.acknowledged();
  }

  /** As a follower: a few batches in one piece, in the epoch that is, or a new one, maybe with gaps. */
  private fetched(count: number): { bytes: Buffer; batches: ModelBatch[] } {
    const pieces: Buffer[] = [];
    const batches: ModelBatch[] = [];
    for (let i = 0; i < count; i++) {
      if (this.below(10) === 0) this.leaderEpoch++;
      const gap = this.hasGaps && this.below(3) === 0 ? this.below(30) : 0;
      const next = this.nextBatch(this.model.end + gap);
      if (!next) continue;
      const view = new BatchView(next.bytes);
      view.setBaseOffset(next.batch.offset);
      view.setPartitionLeaderEpoch(this.leaderEpoch);
      pieces.push(next.bytes);
      batches.push(next.batch);
      this.model.add(next.batch);
    }
    return { bytes: Buffer.concat(pieces), batches };
  }

  private async appendFetched(): Promise<void> {
    const pending: Promise<void>[] = [];
    for (let i = this.below(3); i >= 0; i--) {
      pending.push(appendFetched(this.log, this.fetched(1 + this.below(5)).bytes));
      if (this.below(2) === 0) await turn();
    }
    await Promise.all(pending);
    this.model.acknowledged();
  }

  private async refuseFetched(): Promise<void> {
    const { end } = this.model;
    const { bytes, batches } = this.fetched(1 + this.below(3));
    const isStale = this.below(2) === 0 && end > this.model.start;
    this.model.batches = this.model.batches.filter((batch) => !batches.includes(batch));
    this.model.end = end;
    if (batches.length === 0) return;
    if (isStale) new BatchView(bytes).setBaseOffset(end - 1);
    else bytes[bytes.byteLength - 1]! ^= 1;
    const why = isStale ? expect.stringMatching(/^(OFFSET_OUT_OF_RANGE|CORRUPT_MESSAGE)$/) : 'CORRUPT_MESSAGE';
    await expect(appendFetched(this.log, bytes)).rejects.toMatchObject({ errorName: why });
  }

  private commit(): void {
    const { model, log } = this;
    const to = this.pick(Number.POSITIVE_INFINITY, model.start + this.below(model.end - model.start + 1), model.end + 5);
    log.commitTo(to);
    model.committed = to === Number.POSITIVE_INFINITY ? to : Math.min(to, model.end);
    expect(log.highWatermark).toBe(model.highWatermark);
  }

  private async beginAnew(): Promise<void> {
    const { model } = this;
    const offset = this.pick(0, model.start, model.end, model.end + this.below(100), this.below(model.end + 1));
    await restartAt(this.log, offset);
    model.emptyAt(offset);
    model.committed = offset;
    if (this.files.exists(FOLDER)) model.durable = offset;
  }

  private async repeat(): Promise<void> {
    const last = this.model.lastOf(this.below(PRODUCERS));
    if (!last) return;
    const { info, done } = append(this.log, this.again(last, last.sequence), this.leaderEpoch);
    expect(info.baseOffset).toBe(last.offset);
    await done;
  }
  private gap(): void {
    const last = this.model.lastOf(this.below(PRODUCERS));
    if (!last) return;
    const bytes = this.again(last, last.sequence + last.keys.length + 1);
    expect(() => append(this.log, bytes, this.leaderEpoch)).toThrow(failure('OUT_OF_ORDER_SEQUENCE_NUMBER'));
  }
  private again({ keys, timestamp, producerId, producerEpoch }: ModelBatch, baseSequence: number): Buffer {
    const records = keys.map((key, i) => ({ key: Buffer.from(key), timestamp: timestamp + i }));
    return buildBatch({ records, producerId, producerEpoch, baseSequence });
  }

  private async read(): Promise<void> {
    const { model, log } = this;
    const from = model.start + this.below(model.end - model.start + 1);
    const upTo = from + this.below(40);
    const maxBytes = this.pick(1, 100, 5000, 200_000);
    const minOneBatch = this.below(4) > 0;
    const chunk = await read(log, from, maxBytes, upTo, minOneBatch);
    const got = chunk ? recordsOf(chunk.bytes).map(({ offset, key, timestamp }) => ({ offset, key: key!.toString(), timestamp })) : [];
    const bytes = chunk?.bytes.byteLength ?? 0;
    chunk?.release();
    const first = from < model.end ? model.batchAt(from) : undefined;
    const comes = first && endOf(first) <= upTo && (minOneBatch || first.bytes <= maxBytes);
    expect(got.length > 0).toBe(comes === true);
    if (!first || !comes) return;
    const last = got.at(-1)!.offset;
    expect(got).toEqual(model.records(first.offset).filter(({ offset }) => offset <= last));
    expect(model.isBatchEnd(last + 1) && last < upTo).toBe(true);
    expect(bytes).toBe(model.bytesBetween(from, last + 1));
    expect(log.sizeBetween(from, last + 1)).toBe(bytes);
    if (bytes > maxBytes) expect(bytes).toBe(first.bytes);
  }

  private findByTime(): void {
    const records = this.model.records();
    const timestamp = this.timestamp - this.below(10_000);
    const expected = records.find((record) => record.timestamp >= timestamp);
    const found = this.log.offsetForTimestamp(timestamp);
    expect(found && { offset: found.offset, timestamp: found.timestamp }).toEqual(
      expected ? { offset: expected.offset, timestamp: expected.timestamp } : null,
    );
    if (found) expect(found.leaderEpoch).toBe(this.model.batchAt(found.offset)!.leaderEpoch);
    if (this.model.start > this.model.firstSegment) return; // the highest of what is on the disk may be before the start
    const highest = Math.max(-1, ...records.map((record) => record.timestamp));
    const max = this.log.maxTimestamp();
    expect(max?.timestamp ?? -1).toBe(highest);
    if (max) expect(max.offset).toBe(records.find((record) => record.timestamp === highest)!.offset);
  }

  private findByEpoch(): void {
    const { model, log } = this;
    if (model.epochsFrom === model.end) return;
    const batch = model.batchAt(model.epochsFrom + this.below(model.end - model.epochsFrom));
    if (!batch) return; // a gap at the end
    const { leaderEpoch } = batch;
    const found = log.endOffsetForEpoch(leaderEpoch);
    const { least, most } = model.endOfEpoch(leaderEpoch);
    expect(found.leaderEpoch).toBe(leaderEpoch);
    expect(found.endOffset).toBeGreaterThanOrEqual(least);
    expect(found.endOffset).toBeLessThanOrEqual(most);
    expect(log.epochOf(Math.max(batch.offset, model.epochsFrom))).toBe(leaderEpoch);
  }

  private configure(): void {
    this.model.flushMessages = this.pick(NEVER, NEVER, 1, 3, 10);
    this.config = {
      compacted: this.hasGaps,
      segmentBytes: this.pick(700, 8000, 30_000),
      indexIntervalBytes: this.pick(0, 300, 4096),
      segmentIndexBytes: this.pick(100, 10_000_000),
      segmentMs: this.pick(NEVER, 2000),
      flushMs: this.pick(NEVER, 500),
      flushMessages: this.model.flushMessages,
    };
    this.log.configure(testConfig(this.config));
  }

  private async flush(): Promise<void> {
    await flush(this.log);
    this.model.durable = this.model.end;
    expect(this.log.recoveryPoint).toBe(this.model.end);
  }

  private async wait(): Promise<void> {
    const isLong = this.below(3) === 0;
    await this.clock.advance(isLong ? 60_000 : 500); // 500: flush.ms
    if (isLong) expect(this.files.list(FOLDER).filter((name) => name.endsWith('.deleted'))).toEqual([]);
    if (this.config.flushMs !== 500) return;
    // The flush has begun; it takes some turns. Without them the recovery point says nothing where flush.messages has synced the records.
    for (let turns = 0; turns < FLUSH_TURNS && this.log.recoveryPoint < this.model.end; turns++) await turn();
    this.model.durable = this.model.end;
  }

  private checkpoint(): void {
    this.store.writeCheckpoints();
    if (this.log.isOpen) this.model.checkpointed = this.model.start;
  }

  private deleteRecords(): void {
    const { model, log } = this;
    const to = model.start + this.below(model.end - model.start + 1);
    log.deleteRecordsBefore(to);
    model.start = to;
    expect(() => log.deleteRecordsBefore(model.end + 1)).toThrow(failure('OFFSET_OUT_OF_RANGE'));
  }

  /** Whole segments go, oldest first, and no more than may; when all went, the log goes on behind them. */
  private retain(retained: Partial<LogConfig>): void {
    const { model, log } = this;
    const bases = () => log.segmentStarts().map(({ baseOffset }) => baseOffset);
    const before = bases();
    const nowMs = this.clock.now();
    const { highWatermark } = model;
    log.configure(testConfig({ ...this.config, ...retained }));
    const count = log.applyRetention();
    log.configure(testConfig(this.config));
    const after = bases();
    const left = before.slice(count);
    expect(after).toEqual(left.length > 0 ? left : [model.end]);
    const { retentionBytes = -1, retentionMs = -1 } = retained;
    const isOld = (i: number, list: number[]) =>
      retentionMs >= 0 &&
      model.batches.every((batch) => {
        const inSegment = batch.offset >= list[i]! && batch.offset < (list[i + 1] ?? NEVER);
        return !inSegment || batch.timestamp + batch.keys.length - 1 < nowMs - retentionMs;
      });
    for (let i = 0; i < count; i++) {
      const next = before[i + 1] ?? model.end;
      const spared = retentionBytes >= 0 && model.bytesBetween(next, model.end) >= retentionBytes;
      expect(next <= model.start || spared || isOld(i, before)).toBe(true);
    }
    if (count > 0) expect(after[0]).toBeLessThanOrEqual(highWatermark);
    if (highWatermark === model.end && left.length > 0 && model.bytesBetween(after[0]!, after[1] ?? model.end) > 0) {
      const next = after[1] ?? model.end;
      if (retentionBytes >= 0) expect(model.bytesBetween(next, model.end)).toBeLessThan(retentionBytes);
      else expect(isOld(0, after)).toBe(false);
    }
    model.trimTo(after[0]!);
  }

  private async truncate(): Promise<void> {
    const { model } = this;
    // Mostly a little, as replicas do; now and then to the very beginning, or beyond it.
    const back = this.below(this.pick(5, 20, model.end - model.start + 5));
    const target = Math.max(0, model.end - back);
    await truncate(this.log, target);
    if (target < model.end && target <= model.start) model.emptyAt(target);
    else model.cutTo(Math.min(target, model.batchAt(target)?.offset ?? target));
    model.committed = Number.POSITIVE_INFINITY;
  }

  private async restart(): Promise<void> {
    await closeStore(this.store);
    this.model.durable = this.model.end;
    this.model.checkpointed = this.model.start;
    this.reopen();
  }

  /** The broker or the machine ends in the middle of appends. */
  private async interrupt(how: 'kill' | 'crash' | 'torn'): Promise<void> {
    const { model, files } = this;
    const before = model.end;
    this.start(this.below(4));
    for (let turns = this.below(4); turns > 0; turns--) {
      await turn();
      if (this.below(3) === 0) this.start(1);
    }
    // What can be read now is kept by the disk; by the machine as far as flush.messages says.
    const visible = this.log.logEndOffset;
    if (visible > before) model.durable = Math.max(model.durable, visible - (model.flushMessages - 1));
    const least = how === 'kill' ? visible : model.durable;
    const { recoveryPoint } = this.log;
    this.runs++;
    if (how === 'kill') files.kill();
    else files.crash(this.below(4) === 0 ? undefined : this.random);
    const checkpointed = /^orders 0 (\d+)$/m.exec(files.read('/data/recovery-point-offset-checkpoint')?.toString() ?? '')?.[1] ?? 0;
    if (how === 'torn') this.damage(Math.max(model.durable, recoveryPoint, Number(checkpointed)));
    this.afterCrash(least, how !== 'kill');
  }

  /** Sectors of the last segment that were not durable hold zeros, though others behind them are there. */
  private damage(durable: number): void {
    const { files, model } = this;
    const name = files.list(FOLDER).findLast((each) => each.endsWith('.log'));
    if (!name) return;
    const base = Number(name.slice(0, 20));
    const handle = files.open(`${FOLDER}/${name}`, 'rw');
    const from = durable > base ? model.bytesBetween(base, durable) : 0;
    const left = handle.size() - from;
    if (left > 0) {
      const at = from + this.below(left);
      handle.writeSync([Buffer.alloc(Math.min(64 + this.below(600), handle.size() - at))], at);
      handle.syncSync();
    }
    handle.close();
  }

  private afterCrash(least: number, lostPower: boolean): void {
    const { files, model } = this;
    const isEmpty = !files.list(FOLDER).some((name) => name.endsWith('.log'));
    this.reopen();
    const end = this.log.logEndOffset;
    expect(end).toBeGreaterThanOrEqual(model.recordsEndBefore(least));
    if (isEmpty) {
      // No record was durable: it begins anew where the checkpoint says.
      expect([this.log.logStartOffset, end]).toEqual([model.checkpointed, model.checkpointed]);
      model.emptyAt(end);
      return;
    }
    expect(end).toBeLessThanOrEqual(model.end);
    expect(this.hasGaps ? model.isBetween(end) : model.isBatchEnd(end)).toBe(true);
    const { start } = model;
    model.cutTo(end);
    if (lostPower) model.durable = end;
    else model.acknowledged();
    // A deletion that no checkpoint has seen may be undone, but not that of a segment.
    const { logStartOffset } = this.log;
    expect(logStartOffset).toBeGreaterThanOrEqual(Math.min(Math.max(model.firstSegment, model.checkpointed), end));
    expect(logStartOffset).toBeLessThanOrEqual(Math.min(start, end));
    expect(this.log.segmentStarts()[0]!.baseOffset).toBe(model.firstSegment);
    model.start = logStartOffset;
    model.checkpointed = Math.min(model.checkpointed, end);
  }

  /** The disk is full for one write: what came before it is kept, be it not synced yet. */
  private async failWrite(): Promise<void> {
    const inFile = this.model.end;
    const pending = this.start(this.below(3));
    for (let turns = this.below(3); turns > 0; turns--) await turn();
    const started = this.model.batches.length;
    this.files.failNext('write', 'ENOSPC', { path: '.log', prefixBytes: this.below(400) });
    pending.push(...this.start(3));
    const results = await Promise.allSettled(pending);
    const kept = results.findIndex(({ status }) => status === 'rejected');
    if (kept === -1) {
      expect(this.model.batches.length).toBe(started); // nothing met the fault, which is still waiting
      this.runs++;
      this.files.kill();
      this.afterCrash(this.model.end, false);
      return;
    }
    for (const result of results.slice(kept))
      expect(result).toMatchObject({ status: 'rejected', reason: { errorName: 'KAFKA_STORAGE_ERROR' } });
    const last = this.model.batches.filter(({ offset }) => offset >= inFile)[kept - 1];
    this.model.cutTo(last ? endOf(last) : inFile);
    if (last) this.model.acknowledged();
  }

  /** What a failed sync should have made durable may be gone: nobody is told that it is there, and nobody gets to see it. */
  private async failSync(): Promise<void> {
    const { model, log, files } = this;
    log.configure(testConfig({ ...this.config, flushMessages: 1 }));
    const visible = model.end;
    files.failNext('sync', 'EIO', { path: '.log' });
    const results = await Promise.allSettled(this.start(3));
    for (const result of results) expect(result).toMatchObject({ status: 'rejected', reason: { errorName: 'KAFKA_STORAGE_ERROR' } });
    if (results.length > 0) {
      expect(() => log.logEndOffset).toThrow(failure('KAFKA_STORAGE_ERROR'));
      await expect(flush(log)).rejects.toEqual(failure('KAFKA_STORAGE_ERROR'));
    }
    const lostPower = this.below(2) === 0;
    this.runs++;
    if (lostPower) files.crash(this.random);
    else files.kill();
    this.afterCrash(lostPower ? model.durable : visible, lostPower);
  }
}

test(`a log is as a plain array through ${OPERATIONS} operations`, { timeout: Math.max(60_000, OPERATIONS * 5) }, async () => {
  console.info(`log model: seed ${SEED}, ${OPERATIONS} operations`);
  const run = new Run(SEED);
  for (let i = 0; i < OPERATIONS; i++) {
    try {
      await run.step();
    } catch (error) {
      const what = error instanceof Error ? error.message : String(error);
      throw new Error(`operation ${i} of seed ${SEED}: ${what}\nafter ${run.trail.join(', ')}`, { cause: error });
    }
  }
  await run.checkAll();
  if (OPERATIONS >= 20_000) expect(Math.min(...run.counts.values())).toBeGreaterThan(50);
});
