import { expect } from 'vitest';
import { type FakeClock, fakeClock } from '../../src/core/fake-clock.ts';
import type { Logger } from '../../src/core/logger.ts';
import { type MemoryFiles, memoryFiles } from '../../src/core/memory-files.ts';
import { BatchView } from '../../src/protocol/records/batch.ts';
import { buildBatch } from '../../src/protocol/records/build.ts';
import { readRecords } from '../../src/protocol/records/walk.ts';
import type { CompactionResult } from '../../src/storage/log-compacting.ts';
import type { LogConfig } from '../../src/storage/log-config.ts';
import type { LogStore } from '../../src/storage/log-store.ts';
import type { PartitionLog } from '../../src/storage/partition-log.ts';
import { append, openStore, orders, read, testConfig } from '../support/log-fixture.ts';
import { LogModel, type ModelBatch, type SeenBatch } from '../support/log-model.ts';
import { prng } from '../support/prng.ts';

export const NEVER = Number.MAX_SAFE_INTEGER;
export const FOLDER = '/data/orders-0';
export const PRODUCERS = 3;
/** Of a compacted log: few, so that most records are replaced soon. */
const KEYS = 30;
/** What a folder of a log that is open, and was not trimmed lately, may hold. */
const KEPT_FILES = /^(\d{20}\.(log|index|timeindex|snapshot)|leader-epoch-checkpoint|partition\.metadata)$/;

export const failure = (errorName: string) => expect.objectContaining({ errorName });
export const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Of a broker, or of its machine: some of what was not synced is lost, or any sectors of it. */
export type End = 'kill' | 'crash' | 'torn';

/** What is done to a log, and how often, one against the other. */
export type Operations = Record<string, [weight: number, act: () => Promise<void>]>;

/** One log on a disk in memory, its model, and what every kind of operation needs. */
export abstract class LogRun {
  protected readonly random: () => number;
  protected readonly files: MemoryFiles = memoryFiles();
  protected readonly model: LogModel;
  protected clock!: FakeClock;
  protected store!: LogStore;
  protected log!: PartitionLog;
  protected config: Partial<LogConfig> & { segmentBytes: number };
  protected leaderEpoch = 0;
  protected timestamp = Date.UTC(2026, 0, 1);
  /** Counts openings: what a broker that is dead had planned must not happen to the files of the next. */
  protected runs = 0;
  /** The last epoch that each producer used, be it in the log or not. */
  private readonly producerEpochs = Array.from({ length: PRODUCERS }, () => 0);
  /** Compaction makes gaps here, and did in its leader's log. */
  protected readonly compacted: boolean;
  private serial = 0;
  /** When the last compaction began. */
  protected compactedAtMs = 0;
  /** The last operations, and lines of the log, for the report of a failure. */
  trail: string[] = [];

  constructor(seed: number, compacted: boolean) {
    this.random = prng(seed);
    this.compacted = compacted;
    this.model = new LogModel(compacted, this.pick(0, 5000, 100_000, NEVER));
    this.config = this.anyConfig();
    this.model.flushMessages = NEVER;
    this.config = { ...this.config, flushMessages: NEVER };
    this.reopen();
  }

  protected below(n: number): number {
    return Math.floor(this.random() * n);
  }
  protected pick<T>(...values: readonly T[]): T {
    return values[this.below(values.length)]!;
  }

  protected note(line: string): void {
    this.trail = [...this.trail.slice(-19), line];
  }

  protected anyConfig(): Partial<LogConfig> & { segmentBytes: number } {
    return {
      compacted: this.compacted,
      deleteRetentionMs: this.model.deleteRetentionMs,
      minCompactionLagMs: this.pick(0, 0, 0, 2000),
      maxCompactionLagMs: this.pick(NEVER, NEVER, 5000),
      segmentBytes: this.pick(700, 8000, 30_000),
      indexIntervalBytes: this.pick(0, 300, 4096),
      segmentIndexBytes: this.pick(100, 10_000_000),
      segmentMs: this.pick(NEVER, 2000),
      flushMs: this.pick(NEVER, 500),
      flushMessages: this.pick(NEVER, NEVER, 1, 3, 10),
    };
  }

  protected openOn(files: MemoryFiles, clock: FakeClock): { store: LogStore; log: PartitionLog } {
    const store = openStore(files, '/data', clock, 4, this.logger());
    return { store, log: orders(store, this.config) };
  }

  protected nextClock(): FakeClock {
    return fakeClock(Math.max(this.timestamp + 60_000, this.clock?.now() ?? 0));
  }

  protected reopen(): void {
    const run = ++this.runs;
    const clock = this.nextClock();
    this.clock = { ...clock, soon: (fire) => clock.soon(() => run === this.runs && fire()) };
    ({ store: this.store, log: this.log } = this.openOn(this.files, this.clock));
    this.model.committed = Number.POSITIVE_INFINITY;
    this.log.startEpoch(++this.leaderEpoch); // as whoever is elected does
  }

  private logger(): Logger {
    const line = (level: string) => (fields: object, message: string) => this.note(`${level} ${message} ${JSON.stringify(fields)}`);
    return { debug: () => {}, info: () => {}, warn: line('WARN'), error: line('ERROR'), child: () => this.logger() };
  }

  /** A batch that the log must take: of a producer that goes on, of one that begins an epoch, or of none. Null: too large for a segment. */
  protected nextBatch(offset: number): { batch: ModelBatch; bytes: Buffer } | null {
    const { timestamp, leaderEpoch } = this;
    const valueBytes = this.pick(10, 10, 10, 300, 300, this.pick(0, 300, 3000, 20_000));
    const records = Array.from({ length: 1 + this.below(5) }, (_, i) => {
      const key = this.compacted ? `k${this.below(KEYS)}` : `k${this.serial}`;
      const value = this.compacted && this.below(6) === 0 ? null : Buffer.alloc(valueBytes, `${this.serial++}.`);
      return { offset: offset + i, key, value, timestamp: timestamp + i };
    });
    const producerId = this.below(PRODUCERS + 2) - 2;
    const isIdempotent = producerId >= 0;
    const last = this.model.lastOf(producerId);
    const goesOn = isIdempotent && last && this.below(10) > 0;
    const producerEpoch = !isIdempotent ? -1 : goesOn ? last.producerEpoch : this.producerEpochs[producerId]! + 1;
    const sequence = !isIdempotent ? -1 : goesOn ? last.sequence + (last.lastOffset - last.offset + 1) : 0;
    const attributes = this.pick(0, 0, 0, 1);
    const producer = isIdempotent ? { producerId, producerEpoch, baseSequence: sequence } : {};
    const bytes = buildBatch({ records: records.map((each) => ({ ...each, key: Buffer.from(each.key) })), attributes, ...producer });
    if (bytes.byteLength > this.config.segmentBytes) return null;
    if (isIdempotent) this.producerEpochs[producerId] = Math.max(producerEpoch, this.producerEpochs[producerId]!);
    this.timestamp += this.below(400) - 50;
    const batch: ModelBatch = {
      offset,
      lastOffset: offset + records.length - 1,
      records: records.map((each) => ({ ...each, value: textOf(each.value), cleanedAtMs: null })),
      leaderEpoch,
      bytes: bytes.byteLength,
      crc: new BatchView(bytes).crc,
      producerId: isIdempotent ? producerId : -1,
      producerEpoch,
      sequence,
    };
    return { batch, bytes };
  }

  /** Appends up to `count` batches at once, in the model too; the answers are pending. */
  protected start(count: number): Promise<void>[] {
    const pending: Promise<void>[] = [];
    for (let i = 0; i < count; i++) {
      const next = this.nextBatch(this.model.end);
      if (!next) continue;
      const { info, done } = append(this.log, next.bytes, this.leaderEpoch);
      expect(info).toMatchObject({ baseOffset: this.model.end, count: next.batch.records.length, batchBytes: next.batch.bytes });
      this.model.add(next.batch);
      pending.push(done);
    }
    return pending;
  }

  protected compact(): Promise<CompactionResult> {
    this.compactedAtMs = this.clock.now();
    // What DeleteRecords has taken is not looked at; a death that brings it back leaves its repeated keys until later ones come.
    this.model.compactedFrom = Math.max(this.model.compactedFrom, this.model.start);
    return new Promise((resolve, reject) => this.log.compact((error, result) => (error ? reject(error) : resolve(result))));
  }

  /** What the files hold. */
  protected onDisk(): SeenBatch[] {
    const names = this.files.list(FOLDER).filter((name) => /^\d{20}\.log$/.test(name));
    return names.flatMap((name) => batchesOf(this.files.read(`${FOLDER}/${name}`)!));
  }

  /** Every record is read as a consumer does, and the log is what the model says, byte for byte. */
  async checkAll(): Promise<void> {
    const { log, model } = this;
    const expected = model.readable();
    const seen = await readThrough(log, log.logStartOffset);
    for (const [i, batch] of seen.entries()) {
      const { offset, lastOffset, leaderEpoch, bytes, crc } = expected[i] ?? {
        offset: -1,
        lastOffset: -1,
        leaderEpoch: -1,
        bytes: 0,
        crc: 0,
      };
      const isSame =
        batch.offset === offset &&
        batch.lastOffset === lastOffset &&
        batch.crc === crc &&
        batch.bytes === bytes &&
        batch.leaderEpoch === leaderEpoch;
      if (!isSame) throw new Error(`read ${JSON.stringify(batch)}, expected ${JSON.stringify(expected[i])}`);
    }
    if (seen.length < expected.length) throw new Error(`${JSON.stringify(expected[seen.length])} was not read`);
    expect(log.recoveryPoint).toBeLessThanOrEqual(model.end);
    if (model.start > 0) await expect(read(log, model.start - 1)).rejects.toEqual(failure('OFFSET_OUT_OF_RANGE'));
    await expect(read(log, model.end + 1)).rejects.toEqual(failure('OFFSET_OUT_OF_RANGE'));
  }

  protected checkFolder(): void {
    expect(this.files.list(FOLDER).filter((name) => !KEPT_FILES.test(name))).toEqual([]);
  }

  protected configureLog(changes: Partial<LogConfig> = {}): void {
    this.log.configure(testConfig({ ...this.config, ...changes }));
  }
}

function textOf(value: Buffer | null): string | null {
  return value === null ? null : value.toString('latin1', 0, 10);
}

/** The whole batches of a file, or of what a reader got. */
export function batchesOf(bytes: Buffer): SeenBatch[] {
  const batches: SeenBatch[] = [];
  for (const view = new BatchView(bytes); view.isWhole(); view.next()) {
    const { baseOffset: offset, lastOffset, partitionLeaderEpoch: leaderEpoch, sizeInBytes, crc } = view;
    const { producerId, producerEpoch, baseSequence: sequence, at } = view;
    const records = () =>
      readRecords(new BatchView(bytes.subarray(at, at + sizeInBytes))).map((record) => ({
        offset: record.offset,
        key: record.key!.toString('latin1'),
        value: textOf(record.value),
        timestamp: record.timestamp,
      }));
    batches.push({ offset, lastOffset, leaderEpoch, bytes: sizeInBytes, crc, producerId, producerEpoch, sequence, records });
  }
  return batches;
}

/** Everything from `from` on, chunk by chunk. A batch whose CRC is wrong, bytes that are none, and no progress are errors. */
async function readThrough(log: PartitionLog, from: number): Promise<SeenBatch[]> {
  const all: SeenBatch[] = [];
  for (let offset = from; ; ) {
    const chunk = await read(log, offset, 4096);
    if (!chunk) return all;
    for (const view = new BatchView(chunk.bytes); view.at < chunk.bytes.byteLength; view.next()) {
      if (!view.isWhole() || !view.crcMatches()) throw new Error(`damaged bytes were read at ${view.baseOffset}`);
    }
    all.push(...batchesOf(Buffer.from(chunk.bytes)));
    if (chunk.nextOffset <= offset) throw new Error(`no progress at ${offset}`);
    offset = chunk.nextOffset;
    chunk.release();
  }
}
