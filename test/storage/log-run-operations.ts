import { expect } from 'vitest';
import { BatchView } from '../../src/protocol/records/batch.ts';
import { buildBatch } from '../../src/protocol/records/build.ts';
import type { LogConfig } from '../../src/storage/log-config.ts';
import { append, appendFetched, closeStore, flush, read, restartAt, truncate } from '../support/log-fixture.ts';
import { countOf, endOf, type ModelBatch } from '../support/log-model.ts';
import { batchesOf, FOLDER, failure, LogRun, NEVER, type Operations, PRODUCERS, turn } from './log-run.ts';

/** More than any flush here takes. */
const FLUSH_TURNS = 200;

/** What happens to a log on a disk that works, under a broker that lives. */
export abstract class LogRunOperations extends LogRun {
  protected readonly regular: Operations = {
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
    'delete records': [2, async () => this.deleteRecords()],
    'retain bytes': [2, async () => this.retain({ retentionBytes: this.pick(0, 1, 500, 5000, 100_000) })],
    'retain ms': [2, async () => this.retain({ retentionMs: this.below(20_000) })],
    commit: [3, async () => this.commit()],
    truncate: [3, () => this.truncate()],
    'begin anew': [1, () => this.beginAnew()],
    restart: [2, () => this.restart()],
    ...(this.compacted && { compact: [8, () => this.compactBeside()] }),
  };

  private async append(): Promise<void> {
    const pending = this.start(1 + this.below(4));
    if (this.below(2) === 0) await turn(); // what follows comes while these are written, or synced
    pending.push(...this.start(this.below(3)));
    await Promise.all(pending);
    if (pending.length > 0) this.model.acknowledged();
  }

  /** As a follower: a few batches in one piece, in the epoch that is, or a new one, maybe with gaps. */
  protected fetched(count: number): { bytes: Buffer; batches: ModelBatch[] } {
    const pieces: Buffer[] = [];
    const batches: ModelBatch[] = [];
    for (let i = 0; i < count; i++) {
      if (this.below(10) === 0) this.leaderEpoch++;
      const gap = this.compacted && this.below(3) === 0 ? this.below(30) : 0;
      const next = this.nextBatch(this.model.end + gap);
      if (!next) continue;
      const view = new BatchView(next.bytes);
      view.setBaseOffset(next.batch.offset);
      view.setPartitionLeaderEpoch(this.leaderEpoch);
      const batch = { ...next.batch, leaderEpoch: this.leaderEpoch };
      pieces.push(next.bytes);
      batches.push(batch);
      this.model.add(batch);
    }
    return { bytes: Buffer.concat(pieces), batches };
  }

  private async appendFetched(): Promise<void> {
    const pending: Promise<void>[] = [];
    const { end } = this.model;
    for (let i = this.below(3); i >= 0; i--) {
      pending.push(appendFetched(this.log, this.fetched(1 + this.below(5)).bytes));
      if (this.below(2) === 0) await turn();
    }
    await Promise.all(pending);
    if (this.model.end > end) this.model.acknowledged(); // else no batch fits a segment, and nothing was written that would be synced
  }

  private async refuseFetched(): Promise<void> {
    const { end } = this.model;
    const { bytes, batches } = this.fetched(1 + this.below(3));
    const isStale = this.below(2) === 0 && end > this.model.start;
    this.model.takeBack(batches, end);
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
    const bytes = this.again(last, last.sequence + countOf(last) + 1);
    expect(() => append(this.log, bytes, this.leaderEpoch)).toThrow(failure('OUT_OF_ORDER_SEQUENCE_NUMBER'));
  }
  private again(batch: ModelBatch, baseSequence: number): Buffer {
    const { producerId, producerEpoch } = batch;
    const records = Array.from({ length: countOf(batch) }, () => ({ key: Buffer.from('k'), timestamp: this.timestamp }));
    return buildBatch({ records, producerId, producerEpoch, baseSequence });
  }

  protected async read(): Promise<void> {
    const { model, log } = this;
    const from = model.start + this.below(model.end - model.start + 1);
    const upTo = from + this.below(40);
    const maxBytes = this.pick(1, 100, 5000, 200_000);
    const minOneBatch = this.below(4) > 0;
    const chunk = await read(log, from, maxBytes, upTo, minOneBatch);
    const got = chunk ? batchesOf(chunk.bytes).map(({ offset, crc }) => ({ offset, crc })) : [];
    const { byteLength: bytes = 0 } = chunk?.bytes ?? {};
    const nextOffset = chunk?.nextOffset ?? -1;
    chunk?.release();
    const first = from < model.end ? model.batchAt(from) : undefined;
    const comes = first && endOf(first) <= upTo && (minOneBatch || first.bytes <= maxBytes);
    expect(got.length > 0).toBe(comes === true);
    if (!first || !comes) return;
    const expected = model.batches.filter((batch) => batch.offset >= first.offset && endOf(batch) <= nextOffset);
    expect(got).toEqual(expected.map(({ offset, crc }) => ({ offset, crc })));
    expect(model.isBatchEnd(nextOffset) && nextOffset <= upTo).toBe(true);
    expect(bytes).toBe(model.bytesBetween(from, nextOffset));
    expect(log.sizeBetween(from, nextOffset)).toBe(bytes);
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
    this.config = this.anyConfig();
    this.model.flushMessages = this.config.flushMessages!;
    this.configureLog();
  }

  protected async flush(): Promise<void> {
    await flush(this.log);
    this.model.durable = this.model.end;
    expect(this.log.recoveryPoint).toBe(this.model.end);
  }

  private async wait(): Promise<void> {
    const isLong = this.below(3) === 0;
    await this.clock.advance(isLong ? 60_000 : 500); // 500: flush.ms
    if (isLong) this.checkFolder();
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
    const most = model.end - model.start;
    const to = model.start + this.below(this.pick(most, Math.min(most, 20)) + 1);
    log.deleteRecordsBefore(to);
    model.start = to;
    expect(() => log.deleteRecordsBefore(model.end + 1)).toThrow(failure('OFFSET_OUT_OF_RANGE'));
  }

  /** Whole segments go, oldest first, and no more than may; when all went, the log goes on behind them. */
  protected retain(retained: Partial<LogConfig>): void {
    const { model, log } = this;
    const bases = () => log.segmentStarts().map(({ baseOffset }) => baseOffset);
    const before = bases();
    const nowMs = this.clock.now();
    const { highWatermark } = model;
    this.configureLog(retained);
    const count = log.applyRetention();
    this.configureLog();
    const after = bases();
    const left = before.slice(count);
    expect(after).toEqual(left.length > 0 ? left : [model.end]);
    const { retentionBytes = -1, retentionMs = -1 } = retained;
    const within = (i: number, list: number[]) =>
      model.records(0).filter(({ offset }) => offset >= list[i]! && offset < (list[i + 1] ?? NEVER));
    const isOld = (i: number, list: number[]) =>
      retentionMs >= 0 && within(i, list).every(({ timestamp }) => timestamp < nowMs - retentionMs);
    for (let i = 0; i < count; i++) {
      const next = before[i + 1] ?? model.end;
      const spared = retentionBytes >= 0 && model.bytesBetween(next, model.end) >= retentionBytes;
      expect(next <= model.start || spared || isOld(i, before)).toBe(true);
    }
    if (count > 0) expect(after[0]).toBeLessThanOrEqual(highWatermark);
    if (highWatermark === model.end && left.length > 0 && within(0, after).length > 0) {
      const next = after[1] ?? model.end;
      if (retentionBytes >= 0) expect(model.bytesBetween(next, model.end)).toBeLessThan(retentionBytes);
      else expect(isOld(0, after)).toBe(false);
    }
    model.trimTo(after[0]!);
  }

  protected async truncate(): Promise<void> {
    const { model } = this;
    const target = this.truncationTarget();
    await truncate(this.log, target);
    if (target < model.end && target <= model.start) model.emptyAt(target);
    else model.cutTo(Math.min(target, model.batchAt(target)?.offset ?? target));
    model.committed = Number.POSITIVE_INFINITY;
  }

  /** Mostly a little, as replicas do; now and then to the very beginning, or beyond it. */
  protected truncationTarget(): number {
    const { start, end } = this.model;
    return Math.max(0, end - this.below(this.pick(5, 20, end - start + 5)));
  }

  private async restart(): Promise<void> {
    await closeStore(this.store);
    this.model.durable = this.model.end;
    this.model.checkpointed = this.model.start;
    this.reopen();
  }

  /** While a compaction is under way the log is read and appended to. */
  private async compactBeside(): Promise<void> {
    const nowMs = this.clock.now();
    const limit = this.log.cleanable(nowMs).firstUncleanableOffset;
    const compaction = this.compact();
    const pending = this.start(this.below(3));
    if (this.below(2) === 0) await turn();
    if (this.below(2) === 0) await this.readWhatIsThere();
    const { firstDirtyOffset, segmentsBefore } = await compaction;
    await Promise.all(pending);
    if (pending.length > 0) this.model.acknowledged();
    this.model.adopt(this.onDisk(), { nowMs, limit, doneTo: segmentsBefore > 0 ? firstDirtyOffset : null });
  }

  /** The log may be compacted meanwhile: what is read must be what was appended, be it since replaced. */
  private async readWhatIsThere(): Promise<void> {
    const { start, end } = this.model;
    const chunk = await read(this.log, Math.min(start + this.below(end - start + 1), this.log.logEndOffset), 5000);
    if (!chunk) return;
    const appended = new Map(this.model.batches.map((batch) => [batch.offset, batch]));
    for (const view = new BatchView(chunk.bytes); view.isWhole(); view.next()) {
      expect(view.crcMatches()).toBe(true);
      expect(appended.get(view.baseOffset)?.lastOffset).toBe(view.lastOffset);
    }
    chunk.release();
  }
}
