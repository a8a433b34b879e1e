import { expect } from 'vitest';
import { SHORT_READ } from '../../src/core/memory-files.ts';
import { flush, isNamed, read, truncate } from '../support/log-fixture.ts';
import { endOf } from '../support/log-model.ts';
import { batchesOf, type End, FOLDER, failure, type Operations, turn } from './log-run.ts';
import { LogRunDamage } from './log-run-damage.ts';

/** Batches in a log before its oldest go: the model is searched from the front. */
const MAX_RECORDS = 250;
const DISK_BYTES = 2 ** 30;

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await turn();
}

/** What a crash may have met in the middle of. */
interface Unfinished {
  /** Segments that retention was deleting, oldest first, and where the log goes on when all are gone. */
  readonly deleting?: readonly number[];
  /** Where the log was being cut. */
  readonly cutting?: number;
}

/** What goes wrong: brokers and machines that end, disks that fail. */
export class LogRunFaults extends LogRunDamage {
  readonly operations: Operations = {
    ...this.regular,
    ...this.damages,
    kill: [2, () => this.interrupt('kill')],
    'lose power': [2, () => this.interrupt('crash')],
    'lose power, sectors torn': [2, () => this.interrupt('torn')],
    'fail a write': [2, () => this.failWrite()],
    'fail a sync': [1, () => this.failSync()],
    'fail reads': [2, () => this.failReads()],
    'fail opens': [2, () => this.failOpens()],
    'fill the disk': [2, () => this.fillDisk()],
    'break an append': [2, () => this.breakDown(async () => Promise.all(this.start(4)))],
    'break a flush': [1, () => this.breakDown(async () => this.flush())],
    'break retention': [1, () => this.breakRetention()],
    'break a truncation': [1, () => this.breakTruncation()],
    ...(this.compacted && { 'break a compaction': [3, () => this.breakDown(async () => this.compact())] }),
    'break an opening': [2, () => this.breakOpening()],
  };

  async step(): Promise<string> {
    const all = Object.entries(this.operations);
    let at = this.below(all.reduce((sum, [, [weight]]) => sum + weight, 0));
    const [name, [weight, act]] = all.find(([, [each]]) => (at -= each) < 0)!;
    this.note(`${name} [${this.model.start},${this.model.end})`);
    await act();
    if (this.model.end - this.model.start > MAX_RECORDS) this.shorten();
    this.model.epochsFrom = Math.max(this.model.epochsFrom, this.model.start);
    expect([this.log.logStartOffset, this.log.logEndOffset]).toEqual([this.model.start, this.model.end]);
    if (weight < 4 || this.below(10) === 0) await this.checkAll();
    return name;
  }

  private shorten(): void {
    this.log.commitTo(Number.POSITIVE_INFINITY);
    this.model.committed = Number.POSITIVE_INFINITY;
    this.retain({ retentionBytes: this.below(3000) });
  }

  /** The broker or the machine ends in the middle of appends, and of a compaction. */
  private async interrupt(how: End): Promise<void> {
    const { model } = this;
    const before = model.end;
    if (this.compacted && this.below(2) === 0) this.compact().catch(() => {});
    this.start(this.below(4));
    for (let turns = this.below(4); turns > 0; turns--) {
      await turn();
      if (this.below(3) === 0) this.start(1);
    }
    if (this.compacted) for (let turns = this.below(30); turns > 0; turns--) await turn();
    // What can be read now is kept by the disk; by the machine as far as flush.messages says.
    const visible = this.log.logEndOffset;
    if (visible > before) model.durable = Math.max(model.durable, visible - (model.flushMessages - 1));
    this.end(how);
    this.afterCrash(how === 'kill' ? visible : model.durable, how !== 'kill');
  }

  /** Of the process, or of the machine. */
  protected end(how: End): void {
    this.runs++;
    if (how === 'kill') this.files.kill();
    else if (how === 'torn') this.files.crash(this.random, { torn: true });
    else this.files.crash(this.below(4) === 0 ? undefined : this.random);
  }

  /** @param least records before it must be there */
  protected afterCrash(least: number, lostPower: boolean, unfinished: Unfinished = {}): void {
    const { files, model } = this;
    // A folder that does not say whose it is was never synced: it is set aside, with batches that nobody was promised.
    const isEmpty = !isNamed(files, FOLDER) || !files.list(FOLDER).some((name) => name.endsWith('.log') || name.endsWith('.log.swap'));
    this.reopen();
    const end = this.log.logEndOffset;
    this.takeOver(unfinished, end);
    const promised = model.batches.some((batch) => endOf(batch) <= least && endOf(batch) > model.start); // nobody is promised what was deleted
    if (promised || (!isEmpty && least > model.start)) expect(end).toBeGreaterThanOrEqual(model.recordsEndBefore(least));
    if (isEmpty) {
      // No record was durable: it begins anew where the checkpoint says, which a truncation may have written too.
      expect(this.log.logStartOffset).toBe(end);
      expect(end).toBeGreaterThanOrEqual(model.checkpointed);
      expect(end).toBeLessThanOrEqual(model.start);
      model.emptyAt(end);
      return;
    }
    if (lostPower) model.recall(this.onDisk(), this.log.segmentStarts()[0]!.baseOffset);
    expect(end).toBeLessThanOrEqual(model.end);
    expect(this.compacted ? model.isBetween(end) : model.isBatchEnd(end)).toBe(true);
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
    if (this.compacted) model.adopt(this.onDisk(), { nowMs: this.compactedAtMs, limit: model.end, doneTo: null });
    this.checkFolder();
  }

  private takeOver({ deleting, cutting }: Unfinished, end: number): void {
    const { model } = this;
    const first = this.log.segmentStarts()[0]!.baseOffset;
    if (deleting?.includes(first)) model.trimTo(first);
    if (cutting !== undefined && end === cutting && first === cutting && cutting <= model.start) model.emptyAt(cutting);
  }

  /** Something cannot be read: whoever asked is told, and the next has it. */
  private async failReads(): Promise<void> {
    const error = this.pick('EIO', SHORT_READ);
    const path = this.pick('.log', 'index', FOLDER);
    this.files.failNext('read', error, { path, times: 1 + this.below(3), prefixBytes: this.below(100) });
    for (let i = this.below(5); i >= 0; i--) {
      const { start, end } = this.model;
      if (this.log.isOffline) break;
      try {
        const chunk = await read(this.log, start + this.below(end - start + 1), this.pick(1, 5000));
        if (!chunk) continue;
        for (const batch of batchesOf(chunk.bytes)) expect(this.model.batchAt(batch.offset)).toMatchObject({ crc: batch.crc });
        chunk.release();
      } catch (failed) {
        expect(failed).toMatchObject({ errorName: expect.stringMatching(/^(KAFKA_STORAGE_ERROR|CORRUPT_MESSAGE)$/) });
      }
    }
    this.files.forgetFaults();
    if (!this.log.isOffline) return;
    this.end('kill');
    this.afterCrash(this.model.end, false);
  }

  /** Too many files are open, for a moment: what was asked for fails, and the log goes on. */
  private async failOpens(): Promise<void> {
    this.files.failNext('open', this.pick('EMFILE', 'ENFILE'), { path: this.pick('.log', '.index', FOLDER), times: 1 + this.below(4) });
    await this.appendWhatFits();
    this.files.forgetFaults();
    expect(this.log.isOffline).toBe(false);
  }

  /** There is room for a little more: what does not fit is refused, and what comes when there is room again is taken. */
  private async fillDisk(): Promise<void> {
    this.files.resize(this.files.usedBytes() + this.below(this.pick(100, 3000)));
    for (let i = 1 + this.below(3); i > 0; i--) await this.appendWhatFits();
    for (const act of [() => this.store.writeCheckpoints(), () => this.log.startEpoch(this.leaderEpoch + 1)]) {
      try {
        if (this.below(2) === 0) act();
      } catch (error) {
        expect(error).toMatchObject({ message: expect.stringMatching(/ENOSPC/) });
      }
    }
    this.leaderEpoch++;
    this.files.resize(DISK_BYTES);
    expect(this.log.isOffline).toBe(false);
  }

  private async appendWhatFits(): Promise<void> {
    const inFile = this.model.end;
    const pending: Promise<void>[] = [];
    try {
      for (let i = 1 + this.below(4); i > 0; i--) pending.push(...this.start(1));
    } catch (error) {
      expect(error).toMatchObject({ errorName: 'KAFKA_STORAGE_ERROR' });
    }
    this.settle(inFile, await this.allSettled(pending));
  }

  /** What could not be synced for want of a handle is tried again after a while. */
  private async allSettled(pending: readonly Promise<void>[]): Promise<PromiseSettledResult<void>[]> {
    const settled = Promise.allSettled(pending);
    for (;;) {
      const results = await Promise.race([settled, turns(50)]);
      if (results) return results;
      await this.clock.advance(1000);
    }
  }

  /** The disk gives errors in the middle of something, and then the broker or the machine ends. */
  private async breakDown(
    act: () => Promise<unknown>,
    unfinished: Unfinished = {},
    mayGo: number = Number.POSITIVE_INFINITY,
  ): Promise<void> {
    const { model, files } = this;
    const visible = model.end;
    const how = this.pick<End>('kill', 'kill', 'crash', 'torn');
    const operation = this.pick('write', 'write', 'sync', 'sync', 'rename', 'truncate', 'remove', 'open', 'replace', 'read');
    const path = this.pick('', '.log', '.index', '.timeindex', '.snapshot', 'checkpoint', '.cleaned', '.swap', FOLDER);
    for (let turns = this.below(3); turns > 0; turns--) await turn();
    this.note(`(${operation} ${path}, then ${how})`);
    const times = this.pick(1, 1, 1000);
    files.failNext(operation, 'EIO', { path, times, prefixBytes: this.below(300), losesNothing: how === 'kill' });
    await act().catch((error: unknown) => expect(error).toMatchObject({ errorName: 'KAFKA_STORAGE_ERROR' }));
    for (let turns = this.below(20); turns > 0; turns--) await turn();
    this.end(how);
    this.afterCrash(Math.min(how === 'kill' ? visible : model.durable, mayGo), how !== 'kill', unfinished);
  }

  private async breakRetention(): Promise<void> {
    const { log, model } = this;
    const deleting = [...log.segmentStarts().map(({ baseOffset }) => baseOffset), model.end];
    this.configureLog({ retentionBytes: this.below(3000) });
    await this.breakDown(async () => void log.applyRetention(), { deleting });
  }

  private async breakTruncation(): Promise<void> {
    const target = this.truncationTarget();
    const { batches, end } = this.model;
    // All of it goes, and a power failure brings back any part of it.
    const deleting = target <= this.model.start ? this.log.segmentStarts().map(({ baseOffset }) => baseOffset) : [];
    await this.breakDown(
      async () => truncate(this.log, target),
      { cutting: target, deleting },
      this.model.batchAt(target)?.offset ?? target,
    );
    this.model.cutInPart(batches, end);
  }

  /** The next broker meets a disk that fails as it opens the log, and the one after it a disk that works. */
  private async breakOpening(): Promise<void> {
    const { model, files } = this;
    const how = this.pick<End>('kill', 'crash', 'torn');
    this.start(this.below(4));
    for (let turns = this.below(4); turns > 0; turns--) await turn();
    const least = how === 'kill' ? this.log.logEndOffset : model.durable;
    this.end(how);
    const operation = this.pick('read', 'open', 'write', 'sync', 'rename', 'truncate', 'remove');
    const error = this.pick('EIO', 'EMFILE', 'ENOSPC', ...(operation === 'read' ? [SHORT_READ] : []));
    files.failNext(operation, error, { path: FOLDER, prefixBytes: this.below(300), losesNothing: true, times: this.pick(1, 3) });
    this.note(`(${operation} ${error}, after ${how})`);
    try {
      this.reopen();
      void this.log.logEndOffset;
    } catch (failed) {
      expect(failed).toMatchObject({ errorName: expect.stringMatching(/^(KAFKA_STORAGE_ERROR|CORRUPT_MESSAGE)$/) });
    }
    this.end('kill');
    this.afterCrash(least, how !== 'kill');
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
    if (results.every(({ status }) => status === 'fulfilled')) expect(this.model.batches.length).toBe(started);
    this.settle(inFile, results);
    this.files.forgetFaults();
  }

  /** What was refused is not there, nor what came behind it. @param end of the log before these appends */
  private settle(end: number, results: readonly PromiseSettledResult<void>[]): void {
    const kept = results.findIndex(({ status }) => status === 'rejected');
    if (kept === -1) {
      if (results.length > 0) this.model.acknowledged();
      return;
    }
    for (const result of results.slice(kept))
      expect(result).toMatchObject({ status: 'rejected', reason: { errorName: 'KAFKA_STORAGE_ERROR' } });
    const last = this.model.batches.filter(({ offset }) => offset >= end)[kept - 1];
    this.model.cutTo(last ? endOf(last) : end);
    if (last) this.model.acknowledged();
  }

  /** What a failed sync should have made durable may be gone: nobody is told that it is there, and nobody gets to see it. */
  private async failSync(): Promise<void> {
    const { model, log, files } = this;
    this.configureLog({ flushMessages: 1 });
    const visible = model.end;
    const lostPower = this.below(2) === 0;
    // What is lost shows when the machine was started again, which it is as a rule when its disk fails.
    files.failNext('sync', 'EIO', { path: '.log', losesNothing: !lostPower });
    const results = await Promise.allSettled(this.start(3));
    for (const result of results) expect(result).toMatchObject({ status: 'rejected', reason: { errorName: 'KAFKA_STORAGE_ERROR' } });
    if (results.length > 0) {
      expect(() => log.logEndOffset).toThrow(failure('KAFKA_STORAGE_ERROR'));
      await expect(flush(log)).rejects.toEqual(failure('KAFKA_STORAGE_ERROR'));
    }
    this.end(lostPower ? this.pick('crash', 'torn') : 'kill');
    this.afterCrash(lostPower ? model.durable : visible, lostPower);
  }
}
