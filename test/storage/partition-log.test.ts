import { Parser } from 'binary-parser';
import { beforeEach, describe, expect, test } from 'vitest';
import { type FakeClock, fakeClock } from '../../src/core/fake-clock.ts';
import { type MemoryFiles, memoryFiles } from '../../src/core/memory-files.ts';
import { BatchView } from '../../src/protocol/records/batch.ts';
import { buildBatch } from '../../src/protocol/records/build.ts';
import type { LogStore } from '../../src/storage/log-store.ts';
import {
  append,
  closeStore,
  flush,
  openStore,
  orders,
  produced,
  read,
  readAll,
  recordsOf,
  testConfig,
  truncate,
} from '../support/log-fixture.ts';
import { producedBatches } from '../support/produced-batches.ts';

const FOLDER = '/data/orders-0';
const LOG = `${FOLDER}/00000000000000000000.log`;

let files: MemoryFiles;
let clock: FakeClock;
let store: LogStore;
beforeEach(() => {
  files = memoryFiles();
  clock = fakeClock();
  store = openStore(files, '/data', clock);
});

const refused = (errorName: string) => expect.objectContaining({ errorName });
const keysOf = async (log = orders(store)) => (await readAll(log)).map(({ key }) => key);

describe('append', () => {
  test('offsets are given at once, readers see them when the write has finished', async () => {
    const log = orders(store);
    const first = append(log, produced(['a', 'b']), 3);
    const second = append(log, produced(['c']), 3);
    expect([first.info, second.info]).toMatchObject([
      { baseOffset: 0, lastOffset: 1, logAppendTime: -1, maxTimestamp: 1001, count: 2 },
      { baseOffset: 2, lastOffset: 2 },
    ]);
    expect(log.logEndOffset).toBe(0);
    await second.done;
    expect(log.logEndOffset).toBe(3);
    expect(await keysOf(log)).toEqual(['a', 'b', 'c']);
  });

  test('base offset and leader epoch are stamped into the batch, whatever the client said, and the rest stays as it came', async () => {
    const log = orders(store);
    await append(log, produced(['x'])).done;
    const { records } = producedBatches().find(({ client }) => client === 'kafkajs-2.2.4')!;
    const sent = Buffer.from(records);
    await append(log, records, 9).done;
    const stored = files.read(LOG)!.subarray(-sent.byteLength);
    expect(stored.readBigInt64BE(0)).toBe(1n);
    expect(stored.readInt32BE(12)).toBe(9);
    expect(stored.subarray(16)).toEqual(sent.subarray(16));
  });

  test('what is appended in one turn leaves in one write', async () => {
    const log = orders(store);
    await append(log, produced(['first'])).done;
    files.failNext('write', 'ENOSPC', { path: '.log' });
    const results = await Promise.allSettled(['a', 'b', 'c'].map((key) => append(log, produced([key])).done));
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']); // one fault, so one write
    await append(log, produced(['d'])).done;
    expect(await readAll(log)).toMatchObject([
      { offset: 0, key: 'first' },
      { offset: 1, key: 'd' },
    ]);
  });

  test('a refused batch takes no offset and is not reported to done', () => {
    const log = orders(store);
    const damaged = produced(['a']);
    damaged[damaged.byteLength - 1]! ^= 1;
    let called = false;
    expect(() => log.append(damaged, { leaderEpoch: 0 }, () => (called = true))).toThrow(refused('CORRUPT_MESSAGE'));
    expect(append(log, produced(['b'])).info.baseOffset).toBe(0);
    expect(called).toBe(false);
  });

  test('log append time is the clock of the broker', async () => {
    const log = orders(store, { timestampType: 'LogAppendTime' });
    const { info, done } = append(log, produced(['a']));
    await done;
    expect(info.logAppendTime).toBe(clock.now());
    expect((await readAll(log))[0]!.timestamp).toBe(clock.now());
  });

  test('a new configuration counts from the next append on', () => {
    const log = orders(store);
    log.configure(testConfig({ maxMessageBytes: 70 }));
    expect(() => append(log, produced(['a']))).toThrow(refused('MESSAGE_TOO_LARGE'));
  });

  test('a full disk fails what is queued and nothing else: the log goes on when there is room', async () => {
    files = memoryFiles({ maxBytes: 2000 });
    store = openStore(files, '/data', clock);
    const log = orders(store);
    await append(log, produced(['kept'])).done;
    await expect(append(log, produced(['large'], 1000, 3000)).done).rejects.toEqual(refused('KAFKA_STORAGE_ERROR'));
    await append(log, produced(['small'])).done;
    expect(await keysOf(log)).toEqual(['kept', 'small']);
    expect(new BatchView(files.read(LOG)!).sizeInBytes * 2).toBeLessThan(files.read(LOG)!.byteLength + 10); // nothing of the large one is left
  });

  test('when a failed write cannot be taken back the log goes offline, and stays so', async () => {
    const log = orders(store);
    await append(log, produced(['a'])).done;
    files.failNext('write', 'EIO', { path: '.log', prefixBytes: 5 });
    files.failNext('truncate', 'EIO', { path: '.log' });
    await expect(append(log, produced(['b'])).done).rejects.toEqual(refused('KAFKA_STORAGE_ERROR'));
    expect(() => append(log, produced(['c']))).toThrow(refused('KAFKA_STORAGE_ERROR'));
    expect(() => log.logEndOffset).toThrow(refused('KAFKA_STORAGE_ERROR'));
    await expect(read(log, 0)).rejects.toEqual(refused('KAFKA_STORAGE_ERROR'));
    expect(log.isOffline).toBe(true);
  });

  test('the queue says when it is congested, and refuses what goes beyond its bound', async () => {
    const log = orders(store, { maxMessageBytes: 2 ** 28 });
    const batch = produced(['large'], 1000, 15 * 2 ** 20);
    const done = [append(log, Buffer.from(batch)).done];
    expect(log.congested).toBe(false);
    done.push(append(log, Buffer.from(batch)).done);
    expect(log.congested).toBe(true);
    expect(log.queuedBytes).toBe(2 * batch.byteLength);
    while (log.queuedBytes + batch.byteLength <= 256 * 2 ** 20) done.push(append(log, Buffer.from(batch)).done);
    expect(() => append(log, Buffer.from(batch))).toThrow(refused('KAFKA_STORAGE_ERROR'));
    await Promise.all(done);
    expect([log.queuedBytes, log.congested]).toEqual([0, false]);
    await append(log, batch).done;
  });
});

describe('read', () => {
  test('batches come whole: the one that holds the offset, and none that reaches beyond the limits', async () => {
    const log = orders(store);
    for (const keys of [['a', 'b', 'c'], ['d'], ['e', 'f']]) await append(log, produced(keys)).done;
    const offsets = async (...args: [number, number?, number?, boolean?]) => {
      const chunk = await read(log, ...args);
      return chunk && recordsOf(chunk.bytes).map(({ offset }) => offset);
    };
    expect(await offsets(1)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(await offsets(3, 1)).toEqual([3]);
    expect(await offsets(3, 1, 99, false)).toBeNull();
    expect(await offsets(0, 2 ** 20, 5)).toEqual([0, 1, 2, 3]);
    expect(await offsets(0, 2 ** 20, 2)).toBeNull();
    expect(await offsets(6)).toBeNull();
    await expect(read(log, 7)).rejects.toEqual(refused('OFFSET_OUT_OF_RANGE'));
    await expect(read(log, -1)).rejects.toEqual(refused('OFFSET_OUT_OF_RANGE'));
    expect([log.sizeBetween(0, 6), log.sizeBetween(3, 6), log.sizeBetween(0, 3), log.sizeBetween(6, 6)]).toEqual([
      files.read(LOG)!.byteLength,
      produced(['d']).byteLength + produced(['e', 'f']).byteLength,
      produced(['a', 'b', 'c']).byteLength,
      0,
    ]);
  });

  test('a reader that went on from a position before a truncation finds what took its place', async () => {
    const log = orders(store);
    for (let i = 0; i < 4; i++) await append(log, produced([`old${i}`], 1000, 500)).done;
    for (let offset = 0; offset < 4; offset++) (await read(log, offset, 1))!.release();
    await truncate(log, 1);
    await Promise.all([1, 2, 3].map((i) => append(log, produced([`new${i}`], 1000, 20)).done)); // in one write: only its end is noted
    for (const offset of [3, 2, 1])
      expect(recordsOf((await read(log, offset, 1))!.bytes)).toMatchObject([{ offset, key: Buffer.from(`new${offset}`) }]);
  });

  test('a large read that a truncation overtakes is done again', async () => {
    const log = orders(store, { maxMessageBytes: 2 ** 20 });
    for (let i = 0; i < 3; i++) await append(log, produced([`old${i}`], 1000, 100_000)).done;
    const reading = read(log, 0, 2 ** 20);
    await truncate(log, 1);
    const chunk = (await reading)!;
    expect(recordsOf(chunk.bytes).map(({ key }) => key!.toString())).toEqual(['old0']);
    expect(chunk.nextOffset).toBe(1);
  });

  test('a log that cannot be read answers KAFKA_STORAGE_ERROR and can be read again later', async () => {
    const log = orders(store);
    await append(log, produced(['a'])).done;
    files.failNext('read', 'ENOMEM', { path: '.log' });
    await expect(read(log, 0)).rejects.toEqual(refused('KAFKA_STORAGE_ERROR'));
    expect(await keysOf(log)).toEqual(['a']);
  });
});

describe('time', () => {
  test('records are found by their own time, inside gzip batches too, in any order of times', async () => {
    const log = orders(store, { segmentBytes: 300 });
    const times = [[100, 300, 200], [50], [400, 400], [-1], [350]];
    for (const [i, batch] of times.entries()) {
      await append(
        log,
        buildBatch({ records: batch.map((timestamp) => ({ key: Buffer.from('k'), timestamp })), attributes: i % 2 ? 1 : 0 }),
        i,
      ).done;
    }
    const flat = times.flat();
    for (const target of [0, 51, 100, 101, 201, 300, 301, 400, 401]) {
      const expected = flat.findIndex((timestamp) => timestamp >= target);
      const found = log.offsetForTimestamp(target);
      if (expected === -1) expect(found).toBeNull();
      else expect(found).toMatchObject({ offset: expected, timestamp: flat[expected] });
    }
    expect(log.offsetForTimestamp(350)).toEqual({ offset: 4, timestamp: 400, leaderEpoch: 2 });
    expect(log.maxTimestamp()).toEqual({ offset: 4, timestamp: 400, leaderEpoch: 2 });
    expect(log.segmentCount).toBeGreaterThan(1);
  });

  test('an empty log has no highest timestamp, one without timestamps has its first record (seen at Apache Kafka)', async () => {
    const log = orders(store);
    expect([log.maxTimestamp(), log.offsetForTimestamp(0)]).toEqual([null, null]);
    await append(log, buildBatch({ records: [{}, {}] })).done;
    await append(log, buildBatch({ records: [{}] })).done;
    expect([log.maxTimestamp(), log.offsetForTimestamp(0)]).toEqual([{ offset: 0, timestamp: -1, leaderEpoch: expect.any(Number) }, null]);
  });
});

describe('files', () => {
  /** Kafka's layouts, decoded by another hand than ours. */
  const offsetIndex = new Parser()
    .endianness('big')
    .array('entries', { type: new Parser().int32('offset').int32('position'), readUntil: 'eof' });
  const timeIndex = new Parser()
    .endianness('big')
    .array('entries', { type: new Parser().int64('timestamp').int32('offset'), readUntil: 'eof' });

  test('an empty log has no folder; the first append makes it, with the files Kafka has', async () => {
    const log = orders(store);
    log.startEpoch(5);
    expect([log.logStartOffset, log.logEndOffset, files.exists(FOLDER)]).toEqual([0, 0, false]);
    await append(log, produced(['a']), 5).done;
    await closeStore(store);
    expect(files.list(FOLDER)).toEqual([
      '00000000000000000000.index',
      '00000000000000000000.log',
      '00000000000000000000.timeindex',
      '00000000000000000001.snapshot',
      'leader-epoch-checkpoint',
      'partition.metadata',
    ]);
    expect(files.read(`${FOLDER}/partition.metadata`)!.toString()).toBe('version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAQ\n');
    expect(files.read(`${FOLDER}/leader-epoch-checkpoint`)!.toString()).toBe('0\n1\n5 0\n');
  });

  test('index entries name the last offset of the batch at their position, time entries the last offset of the batch with the time', async () => {
    const log = orders(store, { indexIntervalBytes: 200, segmentBytes: 2000 });
    for (let i = 0; i < 30; i++) await append(log, produced(['a', 'b'], 1000 + (i % 7) * 100 + i, 30)).done;
    await closeStore(store);
    const bases = files.list(FOLDER).filter((name) => name.endsWith('.log'));
    expect(bases.length).toBeGreaterThan(1);
    let indexed = 0;
    for (const name of bases) {
      const base = Number(name.slice(0, 20));
      const bytes = files.read(`${FOLDER}/${name}`)!;
      expect(bytes.byteLength).toBeLessThanOrEqual(2000);
      const offsets = offsetIndex.parse(files.read(`${FOLDER}/${name.replace('.log', '.index')}`)!).entries as {
        offset: number;
        position: number;
      }[];
      const times = timeIndex.parse(files.read(`${FOLDER}/${name.replace('.log', '.timeindex')}`)!).entries as {
        timestamp: bigint;
        offset: number;
      }[];
      indexed += offsets.length;
      for (const entry of offsets) expect(new BatchView(bytes, entry.position).lastOffset - base).toBe(entry.offset);
      const batches = [...recordsOf(bytes)];
      for (const [i, entry] of times.entries()) {
        const upTo = batches.filter(({ offset }) => offset <= base + entry.offset);
        expect(Math.max(...upTo.map(({ timestamp }) => timestamp))).toBe(Number(entry.timestamp));
        if (i > 0) expect(entry.timestamp > times[i - 1]!.timestamp && entry.offset > times[i - 1]!.offset).toBe(true);
      }
      expect(Number(times.at(-1)!.timestamp)).toBe(Math.max(...batches.map(({ timestamp }) => timestamp)));
    }
    expect(indexed).toBeGreaterThan(10);
  });

  test('a full index makes the log roll', async () => {
    const log = orders(store, { indexIntervalBytes: 1, segmentIndexBytes: 60 });
    for (let i = 0; i < 20; i++) await append(log, produced(['a'], 1000 + i)).done;
    await closeStore(store);
    for (const name of files.list(FOLDER).filter((name) => name.endsWith('index')))
      expect(files.read(`${FOLDER}/${name}`)!.byteLength).toBeLessThanOrEqual(60);
    expect(log.segmentCount).toBeGreaterThan(3);
    expect((await keysOf(log)).length).toBe(20);
  });

  test('open files are bounded over all logs', async () => {
    store = openStore(files, '/data2', clock, 5);
    const logs = Array.from({ length: 6 }, (_, partition) =>
      store.log({ topic: 'many', partition }, 'AAAAAAAAAAAAAAAAAAAAAw', testConfig()),
    );
    for (let round = 0; round < 3; round++) await Promise.all(logs.map((log) => append(log, produced([`r${round}`], 1000 + round)).done));
    for (const log of logs) expect(await keysOf(log)).toEqual(['r0', 'r1', 'r2']);
    expect(store.openFiles()).toBe(5);
  });
});

describe('leader epochs', () => {
  test('the end of an epoch is where the next begins, the latest ends with the log', async () => {
    const log = orders(store);
    log.startEpoch(2);
    await append(log, produced(['a', 'b']), 2).done;
    log.startEpoch(5);
    await append(log, produced(['c']), 5).done;
    const ends = Object.fromEntries([-1, 0, 2, 4, 5, 6].map((epoch) => [epoch, log.endOffsetForEpoch(epoch)]));
    expect(ends).toEqual({
      '-1': { leaderEpoch: -1, endOffset: -1 },
      0: { leaderEpoch: 0, endOffset: 0 },
      2: { leaderEpoch: 2, endOffset: 2 },
      4: { leaderEpoch: 2, endOffset: 2 },
      5: { leaderEpoch: 5, endOffset: 3 },
      6: { leaderEpoch: -1, endOffset: -1 },
    });
    expect([log.epochOf(0), log.epochOf(2)]).toEqual([2, 5]);
    await truncate(log, 2);
    expect(log.latestLeaderEpoch).toBe(2);
    expect(log.endOffsetForEpoch(2)).toEqual({ leaderEpoch: 2, endOffset: 2 });
  });
});

describe('after an unclean end', () => {
  /** Appends one batch per key, kills the process, lets the test damage the file, and starts again. */
  async function damaged(keys: string[], damage: (path: string) => void, config = {}) {
    const log = orders(store, config);
    for (const key of keys) await append(log, produced([key])).done;
    files.kill();
    damage(LOG);
    store = openStore(files, '/data', clock);
    return orders(store, config);
  }
  const edit = (change: (bytes: Buffer) => Buffer | undefined) => (path: string) => {
    const bytes = files.read(path)!;
    files.replace(path, change(bytes) ?? bytes);
  };

  test.each<[string, (bytes: Buffer, size: number) => Buffer | undefined]>([
    ['a flipped bit in a record', (b, size) => void (b[2 * size + 70]! ^= 1)],
    ['a batch that ends in the middle', (b, size) => b.subarray(0, 3 * size - 5)],
    ['zeros behind the last write', (b, size) => Buffer.concat([b.subarray(0, 2 * size), Buffer.alloc(5000)])],
    ['an offset that goes back', (b, size) => void b.writeBigInt64BE(0n, 2 * size)],
    ['a length beyond the file', (b, size) => void b.writeInt32BE(2 ** 30, 2 * size + 8)],
    ['an unknown magic', (b, size) => void b.writeInt8(77, 2 * size + 16)],
  ])('%s: the log ends before it', async (_, change) => {
    const size = produced(['a']).byteLength;
    const log = await damaged(
      ['a', 'b', 'c', 'd'],
      edit((bytes) => change(bytes, size)),
    );
    expect(await keysOf(log)).toEqual(['a', 'b']);
    expect(append(log, produced(['e'])).info.baseOffset).toBe(2);
    expect(files.read(LOG)!.byteLength).toBe(2 * size);
  });

  const flipABit = edit((bytes) => void (bytes[70]! ^= 1));

  test('segments behind a bad batch are dropped', async () => {
    const log = await damaged(['a', 'b', 'c', 'd', 'e'], () => flipABit(`${FOLDER}/00000000000000000002.log`), { segmentBytes: 180 });
    expect(await keysOf(log)).toEqual(['a', 'b']);
    expect(files.list(FOLDER).filter((name) => name.endsWith('.log'))).toEqual(['00000000000000000000.log', '00000000000000000002.log']);
  });

  test('what lies before the recovery point is not verified again', async () => {
    const log = orders(store, { segmentBytes: 180 });
    for (const key of ['a', 'b', 'c', 'd', 'e']) await append(log, produced([key])).done;
    await clock.settle();
    expect(log.recoveryPoint).toBe(4);
    store.writeCheckpoints();
    files.kill();
    flipABit(LOG);
    store = openStore(files, '/data', clock);
    expect(orders(store, { segmentBytes: 180 }).logEndOffset).toBe(5);
  });

  test('a damaged or missing epoch file is rebuilt from the batches', async () => {
    const log = orders(store);
    await append(log, produced(['a']), 1).done;
    await append(log, produced(['b']), 4).done;
    files.kill();
    files.replace(`${FOLDER}/leader-epoch-checkpoint`, '0\n9\ngarbage');
    store = openStore(files, '/data', clock);
    expect(orders(store).endOffsetForEpoch(1)).toEqual({ leaderEpoch: 1, endOffset: 1 });
    expect(files.read(`${FOLDER}/leader-epoch-checkpoint`)!.toString()).toBe('0\n2\n1 0\n4 1\n');
  });

  test('a sound message of an old format is not cut off: the log refuses to be used', async () => {
    const { oldMessage } = await import('../support/old-message.ts');
    const log = await damaged(
      ['a'],
      edit((bytes) => Buffer.concat([bytes, oldMessage(1)])),
    );
    expect(() => log.logEndOffset).toThrow(refused('KAFKA_STORAGE_ERROR'));
    expect(files.read(LOG)!.byteLength).toBe(produced(['a']).byteLength + oldMessage(1).byteLength);
  });
});

describe('after a clean end', () => {
  test('nothing is scanned, missing or torn indexes are rebuilt', async () => {
    const config = { indexIntervalBytes: 100 };
    const log = orders(store, config);
    for (let i = 0; i < 20; i++) await append(log, produced([`k${i}`], 1000 + i)).done;
    await flush(log);
    await closeStore(store);
    const paths = [`${FOLDER}/00000000000000000000.index`, `${FOLDER}/00000000000000000000.timeindex`];
    const before = paths.map((path) => files.read(path));
    files.remove(paths[0]!);
    files.replace(paths[1]!, 'torn!');
    store = openStore(files, '/data', clock);
    expect((await keysOf(orders(store, config))).length).toBe(20);
    expect(orders(store, config).offsetForTimestamp(1007)).toMatchObject({ offset: 7 });
    await closeStore(store);
    expect(paths.map((path) => files.read(path))).toEqual(before);
  });
});
