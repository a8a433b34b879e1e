import { expect, test } from 'vitest';
import { type FakeClock, fakeClock } from '../../src/core/fake-clock.ts';
import { type MemoryFiles, memoryFiles } from '../../src/core/memory-files.ts';
import { eachBatch } from '../../src/protocol/records/batch.ts';
import { readRecords } from '../../src/protocol/records/walk.ts';
import type { LogConfig } from '../../src/storage/log-config.ts';
import type { LogStore } from '../../src/storage/log-store.ts';
import type { PartitionLog } from '../../src/storage/partition-log.ts';
import { openStore, orders, produced, recordsOf } from '../support/log-fixture.ts';
import { prng } from '../support/prng.ts';

const CONFIG: Partial<LogConfig> = {
  compacted: true,
  deletes: false,
  segmentBytes: 700,
  indexIntervalBytes: 100,
  minCleanableDirtyRatio: 0,
};
const KEYS = 9;
const BATCHES = 60;
/** More than a compaction of this log takes. */
const MOMENTS = 60;

/** A broker's disk and clock, of which the test does each turn of the loop by itself. */
class Machine {
  readonly turns: (() => void)[] = [];
  readonly clock: FakeClock = { ...fakeClock(), soon: (fire) => void this.turns.push(fire) };
  readonly files: MemoryFiles = memoryFiles({ clock: this.clock });
  store!: LogStore;
  log!: PartitionLog;

  start(): void {
    this.turns.length = 0;
    this.store = openStore(this.files, '/data', this.clock);
    this.log = orders(this.store, CONFIG);
  }

  /** Goes on for so many turns, or until nothing is left to do. */
  go(turns = Number.POSITIVE_INFINITY): void {
    for (let i = 0; i < turns && this.turns.length > 0; i++) this.turns.shift()!();
  }

  finished(act: (done: (error: Error | null) => void) => void): void {
    let outcome: Error | null | undefined;
    act((error) => {
      outcome = error;
    });
    this.go();
    expect(outcome).toBeNull();
  }

  records(): { offset: number; key: string }[] {
    const all: { offset: number; key: string }[] = [];
    for (let offset = this.log.logStartOffset; ; ) {
      const chunk = this.read(offset);
      if (!chunk) return all;
      for (const record of recordsOf(chunk.bytes)) all.push({ offset: record.offset, key: String(record.key) });
      offset = chunk.nextOffset;
    }
  }

  private read(offset: number): { bytes: Buffer; nextOffset: number } | null {
    let read: { bytes: Buffer; nextOffset: number } | null = null;
    this.finished((done) =>
      this.log.read(offset, 500, Number.MAX_SAFE_INTEGER, true, (error, chunk) => {
        read = chunk && { bytes: Buffer.from(chunk.bytes), nextOffset: chunk.nextOffset };
        chunk?.release();
        done(error);
      }),
    );
    return read;
  }
}

function filled(random: () => number): { machine: Machine; all: { offset: number; key: string }[] } {
  const machine = new Machine();
  machine.start();
  const all: { offset: number; key: string }[] = [];
  for (let i = 0; i < BATCHES; i++) {
    const batch = produced(Array.from({ length: 1 + Math.floor(random() * 3) }, () => `key ${Math.floor(random() * KEYS)}`));
    machine.finished((done) => machine.log.append(batch, { leaderEpoch: 0 }, done));
    for (const each of eachBatch(batch)) for (const { offset, key } of readRecords(each)) all.push({ offset, key: String(key) });
  }
  machine.finished((done) => machine.log.flush(done));
  machine.store.writeCheckpoints();
  return { machine, all };
}

const lastOffsets = (records: readonly { offset: number; key: string }[]) =>
  [...new Map(records.map(({ key, offset }) => [key, offset]))].sort();
const leftOver = (files: MemoryFiles) => files.list('/data/orders-0').filter((name) => /cleaned|swap|deleted/.test(name));

test.each(['power failure', 'kill'])(
  'a %s at any moment of a compaction loses no last record, brings none back and leaves no file',
  (how) => {
    for (let moment = 0; moment < MOMENTS; moment++) {
      const random = prng(moment);
      const { machine, all } = filled(random);
      machine.log.compact(() => {});
      machine.go(moment);
      if (how === 'kill') machine.files.kill();
      else machine.files.crash(random);
      machine.start();
      const left = machine.records();
      expect(lastOffsets(left), `moment ${moment}`).toEqual(lastOffsets(all));
      expect(left.map(({ offset }) => offset)).toEqual([...new Set(left.map(({ offset }) => offset))].sort((one, other) => one - other));
      expect(machine.log.logEndOffset).toBe(all.at(-1)!.offset + 1);
      expect(leftOver(machine.files)).toEqual([]);
      machine.finished((done) => machine.log.compact((error) => done(error)));
      expect(lastOffsets(machine.records())).toEqual(lastOffsets(all));
    }
  },
);

test('what is cut off at any moment of a compaction is never there again', () => {
  for (let moment = 0; moment < MOMENTS; moment++) {
    const random = prng(1_000 + moment);
    const { machine, all } = filled(random);
    const cutAt = Math.floor(random() * all.length);
    let ended = 0;
    machine.log.compact((error) => {
      expect(error).toBeNull();
      ended++;
    });
    machine.go(moment);
    if (moment % 2 === 0) machine.finished((done) => machine.log.truncateTo(cutAt, done));
    else machine.finished((done) => machine.log.restartAt(cutAt, done));
    expect(ended).toBe(1);
    expect(machine.log.logEndOffset, `moment ${moment}`).toBeLessThanOrEqual(cutAt);
    const before = machine.records();
    const end = machine.log.logEndOffset;
    machine.files.crash(random);
    machine.start();
    expect(machine.log.logEndOffset, `moment ${moment}, cut at ${cutAt}`).toBe(end);
    expect(machine.records()).toEqual(before);
    machine.finished((done) => machine.log.append(produced(['next']), { leaderEpoch: 1 }, done));
    expect(machine.records().at(-1)).toEqual({ offset: end, key: 'next' });
    expect(leftOver(machine.files)).toEqual([]);
  }
});

test('a log that is closed, or deleted, at any moment of its compaction ends it, and nothing touches the folder afterwards', () => {
  for (let moment = 0; moment < MOMENTS; moment++) {
    const random = prng(2_000 + moment);
    const { machine, all } = filled(random);
    let ended = 0;
    machine.log.compact((error) => {
      expect(error).toBeNull();
      ended++;
    });
    machine.go(moment);
    if (moment % 2 === 0) {
      machine.store.delete({ topic: 'orders', partition: 0 });
      machine.go();
      expect(machine.files.list('/data/orders-0')).toEqual([]);
    } else {
      machine.finished((done) => machine.store.close(done));
      const names = machine.files.list('/data/orders-0');
      machine.go();
      expect(machine.files.list('/data/orders-0')).toEqual(names);
      expect(names.filter((name) => name.endsWith('.swap'))).toEqual([]);
      machine.start();
      expect(lastOffsets(machine.records())).toEqual(lastOffsets(all));
    }
    expect(ended, `moment ${moment}`).toBe(1);
  }
});

test('retention at any moment of a compaction ends it, and what it deleted stays deleted', () => {
  for (let moment = 0; moment < MOMENTS; moment++) {
    const random = prng(3_000 + moment);
    const { machine } = filled(random);
    machine.log.compact(() => {});
    machine.go(moment);
    machine.log.deleteRecordsBefore(machine.log.segmentStarts()[Math.min(1, machine.log.segmentCount - 1)]!.baseOffset);
    machine.log.applyRetention();
    const { logStartOffset } = machine.log;
    const before = machine.records();
    machine.store.writeCheckpoints();
    machine.files.crash(random);
    machine.start();
    expect(machine.log.logStartOffset).toBe(logStartOffset);
    expect(lastOffsets(machine.records()), `moment ${moment}`).toEqual(lastOffsets(before));
  }
});
