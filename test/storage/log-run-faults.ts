import { expect } from 'vitest';
import { flush } from '../support/log-fixture.ts';
import { endOf } from '../support/log-model.ts';
import { FOLDER, failure, type Operations, turn } from './log-run.ts';
import { LogRunOperations } from './log-run-operations.ts';

/** Batches in a log before its oldest go: the model is searched from the front. */
const MAX_RECORDS = 250;

/** What goes wrong: brokers and machines that end, disks that fail. */
export class LogRunFaults extends LogRunOperations {
  readonly operations: Operations = {
    ...this.regular,
    kill: [2, () => this.interrupt('kill')],
    'lose power': [2, () => this.interrupt('crash')],
    'lose power, sectors torn': [2, () => this.interrupt('torn')],
    'fail a write': [2, () => this.failWrite()],
    'fail a sync': [1, () => this.failSync()],
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
  private async interrupt(how: 'kill' | 'crash' | 'torn'): Promise<void> {
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
  protected end(how: 'kill' | 'crash' | 'torn'): void {
    this.runs++;
    if (how === 'kill') this.files.kill();
    else if (how === 'torn') this.files.crash(this.random, { torn: true });
    else this.files.crash(this.below(4) === 0 ? undefined : this.random);
  }

  /** @param least records before it must be there */
  protected afterCrash(least: number, lostPower: boolean): void {
    const { files, model } = this;
    const isEmpty = !files.list(FOLDER).some((name) => name.endsWith('.log') || name.endsWith('.log.swap'));
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
    if (this.compacted) model.adopt(this.onDisk(), { nowMs: this.clock.now(), limit: model.end, doneTo: null });
    this.checkFolder();
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
      this.end('kill');
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
