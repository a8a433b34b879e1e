import { describe, expect, test } from 'vitest';
import { type FakeClock, fakeClock } from '../../../src/core/fake-clock.ts';
import { type MemoryFiles, memoryFiles } from '../../../src/core/memory-files.ts';
import { buildBatch, type RecordInput } from '../../../src/protocol/records/build.ts';
import type { CleanerSettings } from '../../../src/storage/cleaner/settings.ts';
import type { LogConfig } from '../../../src/storage/log-config.ts';
import type { LogStore } from '../../../src/storage/log-store.ts';
import type { PartitionLog } from '../../../src/storage/partition-log.ts';
import { type ModelBatch, modelBatches } from '../../support/cleaner-model.ts';
import { append, appendFetched, closeStore, openStore, orders, read, testConfig } from '../../support/log-fixture.ts';

const DELETE_RETENTION_MS = 1_000;
/** Two batches do not fit into a segment. */
const CONFIG: Partial<LogConfig> = { compacted: true, deletes: false, segmentBytes: 120, deleteRetentionMs: DELETE_RETENTION_MS };
const ABORT = Buffer.from([0, 0, 0, 0]);
const COMMIT = Buffer.from([0, 0, 0, 1]);

class Log {
  readonly clock: FakeClock = fakeClock();
  readonly files: MemoryFiles = memoryFiles();
  store: LogStore;
  log: PartitionLog;

  constructor(cleaner?: CleanerSettings) {
    this.store = openStore(this.files, '/data', this.clock, undefined, undefined, cleaner);
    this.log = orders(this.store, CONFIG);
  }

  async data(pairs: Record<string, string | null>, more: { producerId?: number; baseSequence?: number; attributes?: number } = {}) {
    const records = Object.entries(pairs).map(
      ([key, value]): RecordInput => ({
        key: Buffer.from(key),
        value: value === null ? null : Buffer.from(value),
        timestamp: this.clock.now(),
      }),
    );
    const batch = buildBatch({ records, ...(more.producerId && { producerEpoch: 0, baseSequence: 0 }), ...more });
    const { info, done } = append(this.log, batch);
    await done;
    return { batch, info };
  }

  marker(key: Buffer, producerId: number) {
    const records = [{ key, value: Buffer.from([0, 0, 0, 0, 0, 0]), timestamp: this.clock.now() }];
    return appendFetched(
      this.log,
      buildBatch({ records, attributes: 0x30, producerId, producerEpoch: 0, baseOffset: this.log.logEndOffset }),
    );
  }

  compact() {
    return new Promise<void>((resolve, reject) => this.log.compact((error) => (error ? reject(error) : resolve())));
  }

  async batches(): Promise<ModelBatch[]> {
    const all: ModelBatch[] = [];
    for (let offset = this.log.logStartOffset; ; ) {
      const chunk = await read(this.log, offset);
      if (!chunk) return all;
      all.push(...modelBatches(Buffer.from(chunk.bytes)));
      offset = chunk.nextOffset;
    }
  }

  async restart(): Promise<void> {
    await closeStore(this.store);
    this.store = openStore(this.files, '/data', this.clock);
    this.log = orders(this.store, CONFIG);
  }
}

describe('what compaction leaves', () => {
  test('a tombstone stays until its horizon, and goes with the compaction at it', async () => {
    const at = new Log();
    await at.data({ gone: 'x' });
    await at.data({ gone: null });
    await at.data({ other: '1' });
    await at.data({ active: '' });
    await at.compact();
    const [tombstone] = await at.batches();
    expect(tombstone).toMatchObject({
      baseOffset: 1,
      horizonMs: at.clock.now() + DELETE_RETENTION_MS,
      records: [{ key: 'gone', value: null }],
    });
    await at.clock.advance(DELETE_RETENTION_MS - 1);
    await at.data({ active: '' });
    await at.compact();
    expect((await at.batches())[0]).toEqual(tombstone);
    await at.clock.advance(1);
    await at.data({ active: '' });
    await at.compact();
    expect((await at.batches()).some(({ records }) => records.some(({ key }) => key === 'gone'))).toBe(false);
  });

  test('the batch at the high watermark stays, be it empty, so that the log still ends there for who reads batches', async () => {
    const at = new Log();
    await at.data({ gone: null });
    await at.data({ other: '1' });
    await at.data({ active: '' });
    at.log.commitTo(1);
    await at.compact();
    await at.clock.advance(DELETE_RETENTION_MS);
    await at.data({ active: '' });
    at.log.commitTo(2);
    await at.compact();
    expect((await at.batches()).map(({ baseOffset }) => baseOffset)).toEqual([1, 2, 3]);
    const again = new Log();
    await again.data({ gone: null });
    await again.data({ active: '' });
    again.log.commitTo(1);
    await again.compact();
    await again.clock.advance(DELETE_RETENTION_MS);
    await again.restart();
    again.files.remove('/data/cleaner-offset-checkpoint');
    await again.restart();
    again.log.commitTo(1);
    await again.compact();
    expect(await again.batches()).toMatchObject([{ baseOffset: 0, lastOffset: 0, records: [] }, { baseOffset: 1 }]);
  });

  test("a producer's last batch keeps its sequence when its records go, so that what the producer repeats is known after a restart too", async () => {
    const at = new Log();
    const { batch, info } = await at.data({ a: 'x', b: 'y' }, { producerId: 7, baseSequence: 0 });
    await at.data({ a: '1', b: '2' });
    await at.data({ active: '' });
    await at.compact();
    expect((await at.batches())[0]).toMatchObject({ baseOffset: 0, lastOffset: 1, producer: '7/0/0', records: [] });
    for (const name of at.files.list('/data/orders-0')) if (name.endsWith('.snapshot')) at.files.remove(`/data/orders-0/${name}`);
    await at.restart();
    for (const name of at.files.list('/data/orders-0')) if (name.endsWith('.snapshot')) at.files.remove(`/data/orders-0/${name}`);
    at.files.kill();
    at.store = openStore(at.files, '/data', at.clock);
    at.log = orders(at.store, CONFIG);
    const end = at.log.logEndOffset;
    const repeated = append(at.log, batch);
    await repeated.done;
    expect(repeated.info.baseOffset).toBe(info.baseOffset);
    expect(at.log.logEndOffset).toBe(end);
  });

  test('an aborted transaction goes at once, its marker when its horizon has passed; a committed one stays', async () => {
    const at = new Log();
    await at.data({ a: 'committed' }, { producerId: 7, attributes: 0x10 });
    await at.marker(COMMIT, 7);
    await at.data({ a: 'aborted' }, { producerId: 8, attributes: 0x10 });
    await at.marker(ABORT, 8);
    await at.data({ later: '' }, { producerId: 7, baseSequence: 1 });
    await at.data({ later: '' }, { producerId: 8, baseSequence: 1 });
    const left = async () => (await at.batches()).map(({ baseOffset, marker }) => (marker ? `${marker} ${baseOffset}` : `${baseOffset}`));
    for (const expected of [
      ['0', 'commit 1', 'abort 3', '4', '5'], // the marker's transaction was there a moment ago
      ['0', 'commit 1', 'abort 3', '4', '5', '6'], // the marker gets a horizon
      ['0', 'commit 1', 'abort 3', '4', '6', '7'],
    ]) {
      await at.compact();
      expect(await left()).toEqual(expected);
      await at.data({ later: '' }, { producerId: 8, baseSequence: at.log.logEndOffset - 4 });
    }
    await at.clock.advance(DELETE_RETENTION_MS);
    await at.compact();
    expect((await left()).slice(0, 2)).toEqual(['0', 'commit 1']);
    expect(await left()).not.toContain('abort 3');
    expect((await at.batches())[0]!.records).toMatchObject([{ key: 'a', value: 'committed' }]);
  });

  test('a transaction that is open ends the compaction before its segment', async () => {
    const at = new Log();
    await at.data({ a: '1' });
    await at.data({ a: '2' });
    await at.data({ a: 'open' }, { producerId: 8, attributes: 0x10 });
    await at.data({ a: '3' });
    await at.data({ active: '' });
    expect(at.log.cleanable(at.clock.now())).toMatchObject({ firstUncleanableOffset: 2 });
    await at.compact();
    expect((await at.batches()).map(({ baseOffset }) => baseOffset)).toEqual([1, 2, 3, 4]);
  });
});

describe('what can be compacted', () => {
  test('a record younger than min.compaction.lag.ms, and all behind its segment, wait; one older than max.compaction.lag.ms does not', async () => {
    const at = new Log();
    at.log.configure({ ...testConfig(CONFIG), minCompactionLagMs: 100, maxCompactionLagMs: 5_000, minCleanableDirtyRatio: 1 });
    await at.data({ a: '1' });
    await at.clock.advance(101);
    await at.data({ a: '2' });
    await at.data({ active: '' });
    const first = at.log.cleanable(at.clock.now());
    expect(first).toMatchObject({
      firstDirtyOffset: 0,
      firstUncleanableOffset: 1,
      cleanBytes: 0,
      ratio: 1,
      mustClean: false,
      isDue: false,
    });
    await at.clock.advance(4_900);
    expect(at.log.cleanable(at.clock.now())).toMatchObject({ firstUncleanableOffset: 2, mustClean: true, isDue: true });
    await at.compact();
    expect(at.log.cleanable(at.clock.now())).toMatchObject({ firstDirtyOffset: 2, dirtyBytes: 0, ratio: 0, isDue: false });
  });

  test('max.compaction.lag.ms makes the log roll, as segment.ms does', async () => {
    const at = new Log();
    at.log.configure({ ...testConfig(CONFIG), segmentBytes: 1_000_000, maxCompactionLagMs: 5_000 });
    await at.data({ a: '1' });
    await at.clock.advance(5_000);
    await at.data({ a: '2' });
    expect(at.log.segmentCount).toBe(1);
    await at.clock.advance(1);
    await at.data({ a: '3' });
    expect(at.log.segmentCount).toBe(2);
  });

  test('keys that do not fit into memory wait for the next round', async () => {
    const at = new Log({ dedupeBufferBytes: 10 * 24, loadFactor: 0.5, ioBufferBytes: 1_000, maxBytesPerSecond: Number.POSITIVE_INFINITY });
    for (let i = 0; i < 40; i++) await at.data({ [`key ${i % 12}`]: `${i}` });
    const ends: number[] = [];
    while (at.log.cleanable(0).dirtyBytes > 0) {
      await at.compact();
      ends.push(at.log.firstDirtyOffset);
    }
    expect(ends.length).toBeGreaterThan(3);
    expect(ends).toEqual([...ends].sort((one, other) => one - other));
    const left = (await at.batches()).flatMap(({ records }) => records.map(({ offset }) => offset));
    expect(left).toEqual(Array.from({ length: 13 }, (_, i) => 27 + i)); // 39 is in the active segment
  });
});
