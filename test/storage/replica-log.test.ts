import { beforeEach, describe, expect, test } from 'vitest';
import { KafkaError } from '../../src/core/errors.ts';
import type { FileHandle } from '../../src/core/files.ts';
import { type MemoryFiles, memoryFiles } from '../../src/core/memory-files.ts';
import { safetyRules } from '../../src/core/safety-rules.ts';
import { BatchView } from '../../src/protocol/records/batch.ts';
import { type BatchInput, buildBatch } from '../../src/protocol/records/build.ts';
import type { LogConfig } from '../../src/storage/log-config.ts';
import type { LogStore } from '../../src/storage/log-store.ts';
import type { PartitionLog } from '../../src/storage/partition-log.ts';
import {
  append,
  appendFetched,
  closeStore,
  flush,
  openStore,
  produced,
  read,
  readAll,
  restartAt,
  TOPIC_ID,
  testConfig,
} from '../support/log-fixture.ts';

const FOLDER = '/data/orders-0';
const LOG = `${FOLDER}/00000000000000000000.log`;

let files: MemoryFiles;
let store: LogStore;
beforeEach(() => {
  files = memoryFiles();
  store = openStore(files, '/data');
});

/** A replica's log: of what is in it nothing is committed that nobody said was. */
const follower = (config: Partial<LogConfig> = {}, of = store): PartitionLog =>
  of.log({ topic: 'orders', partition: 0 }, TOPIC_ID, testConfig(config));
/** After the power of the machine, or the process alone, was lost. */
function again(how: 'crash' | 'kill', config: Partial<LogConfig> = {}): PartitionLog {
  files[how]();
  store = openStore(files, '/data');
  return follower(config);
}
const truncateTo = (log: PartitionLog, offset: number) =>
  new Promise<void>((resolve, reject) => log.truncateTo(offset, (error) => (error ? reject(error) : resolve())));
const refused = (errorName: string) => expect.objectContaining({ errorName });
const keysOf = async (log: PartitionLog) => (await readAll(log)).map(({ offset, key }) => `${offset}${key}`);

/** A batch as it lies in a leader's log. */
function stored(baseOffset: number, keys: readonly string[], partitionLeaderEpoch = 0, more: Partial<BatchInput> = {}): Buffer {
  const records = keys.map((key) => ({ key: Buffer.from(key), value: Buffer.from(key), timestamp: 1000 + baseOffset }));
  return buildBatch({ records, baseOffset, partitionLeaderEpoch, ...more });
}
const several = (...batches: readonly Buffer[]) => Buffer.concat(batches);

describe('what a leader sent', () => {
  test('is in the follower’s log, byte for byte, with its offsets, epochs and producers', async () => {
    const leaderFiles = memoryFiles();
    const leader = follower({}, openStore(leaderFiles, '/data'));
    for (const [i, epoch] of [0, 0, 2, 5].entries()) {
      const records = [{ key: Buffer.from(`k${i}`), timestamp: 1000 }, { timestamp: 900 }];
      await append(leader, buildBatch({ records, producerId: 7, producerEpoch: 1, baseSequence: i * 2 }), epoch).done;
    }
    const log = follower();
    const chunk = await read(leader, 0);
    await appendFetched(log, chunk!.bytes);
    expect(files.read(LOG)).toEqual(leaderFiles.read(LOG));
    expect(files.read(`${FOLDER}/leader-epoch-checkpoint`)).toEqual(leaderFiles.read(`${FOLDER}/leader-epoch-checkpoint`));
    for (const epoch of [0, 1, 2, 3, 5, 6]) expect(log.endOffsetForEpoch(epoch)).toEqual(leader.endOffsetForEpoch(epoch));
    // Elected, it knows a batch that is sent again, and one that cannot be next.
    const last = buildBatch({ records: [{}, {}], producerId: 7, producerEpoch: 1, baseSequence: 6 });
    expect(append(log, last, 6).info).toMatchObject({ baseOffset: 6, lastOffset: 7 });
    const gap = buildBatch({ records: [{}], producerId: 7, producerEpoch: 1, baseSequence: 9 });
    expect(() => append(log, gap, 6)).toThrow(refused('OUT_OF_ORDER_SEQUENCE_NUMBER'));
  });

  test('is not judged: the leader has taken it, whatever the follower knows of its producers', async () => {
    const log = follower({ maxMessageBytes: 70, compacted: true });
    const producer = { producerId: 7, producerEpoch: 3 };
    await appendFetched(
      log,
      several(stored(4, ['a'], 0, { ...producer, baseSequence: 9 }), stored(8, ['b'], 0, { ...producer, baseSequence: 2 })),
    );
    expect(await keysOf(log)).toEqual(['4a', '8b']);
  });

  test('leaves in one write, and is there whole or not at all', async () => {
    const log = follower();
    await appendFetched(log, stored(0, ['a']));
    files.failNext('write', 'ENOSPC', { path: '.log', prefixBytes: 100 });
    const batches = Array.from({ length: 2000 }, (_, i) => stored(1 + i, ['b']));
    await expect(appendFetched(log, several(...batches))).rejects.toEqual(refused('KAFKA_STORAGE_ERROR'));
    expect([log.logEndOffset, files.read(LOG)!.byteLength]).toEqual([1, stored(0, ['a']).byteLength]);
    await appendFetched(log, several(...batches));
    expect(log.logEndOffset).toBe(2001);
  });

  test('counts when its write has finished, not before', async () => {
    const log = follower();
    const pending = appendFetched(log, several(stored(0, ['a']), stored(1, ['b'], 3)));
    expect(log.logEndOffset).toBe(0);
    await pending;
    expect(log.logEndOffset).toBe(2);
  });

  test('rolls as appends do', async () => {
    const log = follower({ segmentBytes: 200 });
    await appendFetched(log, several(...Array.from({ length: 10 }, (_, i) => stored(i, ['a']))));
    expect(log.segmentCount).toBe(5);
    await closeStore(store);
    store = openStore(files, '/data');
    expect((await keysOf(follower())).length).toBe(10);
  });

  test('may end in the middle of a batch, which is left out', async () => {
    const log = follower();
    await appendFetched(log, several(stored(0, ['a']), stored(1, ['b'])).subarray(0, -3));
    expect(await keysOf(log)).toEqual(['0a']);
    await appendFetched(log, Buffer.alloc(0));
    expect(log.logEndOffset).toBe(1);
  });

  test.each<[string, () => Buffer]>([
    ['has a flipped bit', () => flipped(several(stored(1, ['b'], 2), stored(2, ['c'], 2)))],
    ['is of another magic', () => withByte(stored(1, ['b'], 2), 16, 1)],
    ['is no whole batch', () => stored(1, ['b'], 2).subarray(0, 60)],
    ['goes back', () => several(stored(5, ['b', 'c'], 2), stored(6, ['d'], 2))],
    ['goes back to an earlier epoch', () => several(stored(1, ['b'], 4), stored(2, ['c'], 3))],
    ['is of an epoch before the last one here', () => stored(1, ['b'], 1)],
    ['says that it has less than no records', () => withCrc(withByte(stored(1, ['b'], 2), 23, 0xff))],
  ])('is refused when it %s, and nothing of it is appended', async (_, records) => {
    const log = follower();
    await appendFetched(log, stored(0, ['a'], 2));
    await expect(appendFetched(log, records())).rejects.toEqual(refused('CORRUPT_MESSAGE'));
    expect([log.logEndOffset, log.latestLeaderEpoch]).toEqual([1, 2]);
    await appendFetched(log, stored(1, ['b'], 2));
    expect(await keysOf(log)).toEqual(['0a', '1b']);
  });

  test('is refused when it begins before the end of the log', async () => {
    const log = follower();
    await appendFetched(log, stored(0, ['a', 'b']));
    for (const offset of [0, 1])
      await expect(appendFetched(log, stored(offset, ['x', 'y']))).rejects.toEqual(refused('OFFSET_OUT_OF_RANGE'));
    expect(await keysOf(log)).toEqual(['0a', '1b']);
  });

  test('is refused by a log that is offline', async () => {
    const log = follower();
    await appendFetched(log, stored(0, ['a']));
    files.failNext('write', 'EIO', { path: '.log' });
    files.failNext('truncate', 'EIO', { path: '.log' });
    await expect(appendFetched(log, stored(1, ['b']))).rejects.toEqual(refused('KAFKA_STORAGE_ERROR'));
    await expect(appendFetched(log, stored(1, ['b']))).rejects.toEqual(refused('KAFKA_STORAGE_ERROR'));
    expect(log.isOffline).toBe(true);
  });

  test('takes the place of an epoch that began here without a record', async () => {
    const log = follower();
    await appendFetched(log, stored(0, ['a'], 1));
    log.startEpoch(4); // it led for a moment
    await appendFetched(log, stored(1, ['b'], 3));
    expect(log.latestLeaderEpoch).toBe(3);
    log.startEpoch(5);
    await appendFetched(log, stored(2, ['c'], 6));
    expect([4, 5, 6].map((epoch) => log.endOffsetForEpoch(epoch).leaderEpoch)).toEqual([3, 3, 6]);
  });
});

function withCrc(bytes: Buffer): Buffer {
  bytes.writeUInt32BE(new BatchView(bytes).computeCrc(), 17);
  return bytes;
}
const flipped = (bytes: Buffer) => withByte(bytes, bytes.byteLength - 1, bytes.at(-1)! ^ 1);
function withByte(bytes: Buffer, at: number, value: number): Buffer {
  bytes[at] = value;
  return bytes;
}

describe('gaps that compaction left in the leader’s log', () => {
  const compacted = { compacted: true, segmentBytes: 200 };

  test('are kept, and are no damage after an unclean end', async () => {
    let log = follower(compacted);
    await appendFetched(log, several(stored(3, ['a']), stored(10, ['b']), stored(40, ['c']), stored(41, ['d']), stored(90, ['e'])));
    expect(log.segmentCount).toBe(3);
    const all = ['3a', '10b', '40c', '41d', '90e'];
    expect([await keysOf(log), log.logStartOffset, log.logEndOffset]).toEqual([all, 0, 91]);
    log = again('kill', compacted);
    expect([await keysOf(log), log.logStartOffset, log.logEndOffset]).toEqual([all, 0, 91]);
  });

  test('may have had the beginning of an epoch: it is taken to begin before them, so that a replica with other records there diverges', async () => {
    let log = follower(compacted);
    await appendFetched(log, several(stored(3, ['a'], 1), stored(40, ['b'], 5), stored(90, ['c'], 5)));
    expect([1, 3, 5].map((epoch) => log.endOffsetForEpoch(epoch).endOffset)).toEqual([4, 4, 91]);
    files.remove(`${FOLDER}/leader-epoch-checkpoint`);
    log = again('kill', compacted);
    expect([1, 3, 5].map((epoch) => log.endOffsetForEpoch(epoch).endOffset)).toEqual([4, 4, 91]);
  });

  test('may be larger than what an index can hold', async () => {
    const far = 2 ** 31;
    const indexed = { ...compacted, indexIntervalBytes: 0 };
    let log = follower(indexed);
    await appendFetched(log, several(stored(far, ['a']), stored(2 * far + 5, ['b']), stored(4 * far, ['c'])));
    await appendFetched(log, stored(5 * far, ['d']));
    const all = [`${far}a`, `${2 * far + 5}b`, `${4 * far}c`, `${5 * far}d`];
    expect(await keysOf(log)).toEqual(all);
    for (const { baseOffset } of log.segmentStarts()) expect(Number.isSafeInteger(baseOffset)).toBe(true);
    for (const isClean of [false, true]) {
      if (isClean) await closeStore(store);
      log = again('kill', indexed);
      expect(await keysOf(log)).toEqual(all);
      expect(log.logEndOffset).toBe(5 * far + 1);
    }
  });

  test('are where a log may be cut: it ends there, after the next start too', async () => {
    let log = follower(compacted);
    await appendFetched(log, several(stored(0, ['a']), stored(10, ['b']), stored(40, ['c']), stored(41, ['d'])));
    await truncateTo(log, 25);
    for (const how of ['crash', 'kill'] as const) {
      expect([await keysOf(log), log.logEndOffset]).toEqual([['0a', '10b'], 25]);
      log = again(how, compacted);
    }
    for (let i = 0; i < 2; i++) {
      files.failNext('write', 'ENOSPC', { path: '.log' });
      await expect(append(log, produced(['x'])).done).rejects.toEqual(refused('KAFKA_STORAGE_ERROR'));
      log = again('kill', compacted);
      expect(log.logEndOffset).toBe(25);
    }
    expect(append(log, produced(['e'])).info.baseOffset).toBe(25);
  });

  test('where a log was cut once, and was cut again before that, hold no segment that another batch would be written to', async () => {
    const log = follower({ ...compacted, segmentBytes: 350 });
    await appendFetched(log, several(stored(0, ['a']), stored(40, ['b'])));
    await truncateTo(log, 25); // an empty segment says so
    await truncateTo(log, 1);
    files.failNext('write', 'ENOSPC', { path: '.log' });
    const [first, second] = [
      stored(
        1,
        Array.from({ length: 24 }, () => 'c'),
      ),
      stored(25, ['d']),
    ];
    const lost = [appendFetched(log, first), appendFetched(log, second)];
    for (const { status } of await Promise.allSettled(lost)) expect(status).toBe('rejected');
    await appendFetched(log, stored(1, ['e', 'f']));
    expect(await keysOf(log)).toEqual(['0a', '1e', '2f']);
    expect(log.segmentStarts().map(({ baseOffset }) => baseOffset)).toEqual([0]);
  });

  test('are given back when the batch behind them cannot be written', async () => {
    const log = follower(compacted);
    await appendFetched(log, stored(0, ['a']));
    files.failNext('write', 'ENOSPC', { path: '.log' });
    await expect(appendFetched(log, stored(50, ['b'], 3))).rejects.toEqual(refused('KAFKA_STORAGE_ERROR'));
    expect([log.logEndOffset, log.latestLeaderEpoch]).toEqual([1, 0]);
    await appendFetched(log, stored(20, ['c'], 2)); // from another leader
    expect(await keysOf(log)).toEqual(['0a', '20c']);
  });
});

describe('beginning anew', () => {
  test('drops everything, durably, and goes on at the offset', async () => {
    let log = follower({ segmentBytes: 200 });
    await appendFetched(
      log,
      several(...Array.from({ length: 10 }, (_, i) => stored(i, ['a'], i, { producerId: 7, producerEpoch: 0, baseSequence: i }))),
    );
    await flush(log);
    await restartAt(log, 40);
    for (const how of ['crash', 'kill'] as const) {
      log = again(how);
      expect([log.logStartOffset, log.logEndOffset, log.latestLeaderEpoch, log.highWatermark]).toEqual([40, 40, -1, 40]);
      expect(files.list(FOLDER).filter((name) => name.endsWith('.log'))).toEqual(['00000000000000000040.log']);
    }
    // Nothing is left of producers: any sequence may be the next.
    await append(log, buildBatch({ records: [{}], producerId: 7, producerEpoch: 0, baseSequence: 3 }), 9).done;
    expect([log.logEndOffset, log.epochOf(40)]).toEqual([41, 9]);
  });

  test('forgets the producers, too', async () => {
    const log = follower();
    const producer = { producerId: 7, producerEpoch: 4 };
    await appendFetched(log, stored(0, ['a'], 0, { ...producer, baseSequence: 0 }));
    await restartAt(log, 5);
    expect(append(log, buildBatch({ records: [{}], ...producer, baseSequence: 9 })).info.baseOffset).toBe(5);
  });

  test('before the log start: what comes is not hidden by what a checkpoint says, nor trusted', async () => {
    let log = follower();
    await appendFetched(log, several(...Array.from({ length: 10 }, (_, i) => stored(i, ['a']))));
    log.commitTo(10);
    log.deleteRecordsBefore(8);
    await flush(log);
    store.writeCheckpoints();
    await restartAt(log, 2);
    await appendFetched(log, several(...Array.from({ length: 9 }, (_, i) => stored(2 + i, ['b'], 3))));
    log = again('kill');
    expect([log.logStartOffset, log.logEndOffset, log.highWatermark]).toEqual([2, 11, 2]);
    for (const name of ['recovery-point', 'log-start', 'replication'])
      expect(files.read(`/data/${name}-offset-checkpoint`)!.toString()).not.toMatch(/orders 0 (8|10)/);
  });

  test('in the middle of the leader’s first batch, which then comes whole', async () => {
    let log = follower();
    await appendFetched(log, stored(0, ['x']));
    await restartAt(log, 12);
    await expect(appendFetched(log, stored(5, ['old']))).rejects.toEqual(refused('OFFSET_OUT_OF_RANGE'));
    files.failNext('write', 'ENOSPC', { path: '.log' });
    const first = several(stored(10, ['a', 'b', 'c', 'd'], 4), stored(14, ['e'], 4));
    await expect(appendFetched(log, first)).rejects.toEqual(refused('KAFKA_STORAGE_ERROR'));
    expect([log.logStartOffset, log.logEndOffset]).toEqual([12, 12]);
    await appendFetched(log, first);
    for (let i = 0; i < 2; i++) {
      expect([log.logStartOffset, log.logEndOffset, log.epochOf(12)]).toEqual([12, 15, 4]);
      expect(await keysOf(log)).toEqual(['12c', '13d', '14e']);
      store.writeCheckpoints();
      log = again('kill');
    }
  });

  test('of a log without a folder leaves no trace until something is appended', async () => {
    const log = follower();
    await restartAt(log, 7);
    expect(files.exists(FOLDER)).toBe(false);
    await appendFetched(log, stored(7, ['a']));
    expect([log.logStartOffset, log.logEndOffset]).toEqual([7, 8]);
  });

  test('takes the log offline when the disk fails half way', async () => {
    const log = follower();
    await appendFetched(log, stored(0, ['a']));
    files.failNext('open', 'EIO', { path: '00000000000000000009.log' });
    await expect(restartAt(log, 9)).rejects.toEqual(refused('KAFKA_STORAGE_ERROR'));
    expect(log.isOffline).toBe(true);
  });
});

describe('a truncation', () => {
  test('is durable when it is done, also what the checkpoints say', async () => {
    let log = follower();
    await appendFetched(log, several(...Array.from({ length: 9 }, (_, i) => stored(i, ['a'], 1))));
    await flush(log);
    log.commitTo(9);
    store.writeCheckpoints();
    await truncateTo(log, 5);
    log = again('crash');
    expect([log.logEndOffset, log.latestLeaderEpoch, log.highWatermark]).toEqual([5, 1, 5]);
    expect(files.read('/data/recovery-point-offset-checkpoint')!.toString()).toBe('0\n1\norders 0 5\n');
  });

  test('that breaks off inside a batch has the checkpoint promise no record of that batch', async () => {
    const log = follower();
    await appendFetched(log, several(stored(0, ['a']), stored(1, ['b', 'c', 'd'])));
    await flush(log);
    store.writeCheckpoints();
    files.failNext('truncate', 'EIO', { path: '.log' });
    await expect(truncateTo(log, 3)).rejects.toEqual(refused('KAFKA_STORAGE_ERROR'));
    expect(files.read('/data/recovery-point-offset-checkpoint')!.toString()).toBe('0\n1\norders 0 1\n');
  });

  test('forgets an epoch that began at its end, though nothing is cut off', async () => {
    let log = follower();
    await appendFetched(log, stored(0, ['a', 'b'], 1));
    await flush(log);
    log.startEpoch(4);
    expect(log.latestLeaderEpoch).toBe(4);
    await truncateTo(log, 2);
    expect(log.latestLeaderEpoch).toBe(1);
    log = again('crash');
    expect([log.latestLeaderEpoch, log.logEndOffset]).toEqual([1, 2]);
  });

  test('keeps what is known of producers from before the log start', async () => {
    const log = follower({ segmentBytes: 200 });
    const producer = { producerId: 7, producerEpoch: 3 };
    await appendFetched(log, stored(0, ['a'], 0, { ...producer, producerEpoch: 2, baseSequence: 0 }));
    await closeStore(store); // a snapshot of epoch 2
    store = openStore(files, '/data');
    const again = follower();
    for (let i = 0; i < 3; i++) await appendFetched(again, stored(1 + i, ['b'], 0, { ...producer, baseSequence: i }));
    await appendFetched(again, several(stored(4, ['c']), stored(5, ['d'])));
    again.commitTo(4);
    again.deleteRecordsBefore(4);
    await truncateTo(again, 5);
    expect(append(again, buildBatch({ records: [{}], ...producer, baseSequence: 3 }), 1).info.baseOffset).toBe(5);
  });

  test('lowers what is committed, and does not let it rise by itself', async () => {
    const log = follower();
    await appendFetched(log, stored(0, ['a', 'b', 'c']));
    log.commitTo(Number.POSITIVE_INFINITY);
    await truncateTo(log, 1); // at the start of the batch
    await appendFetched(log, stored(0, ['x', 'y'], 1));
    expect([log.highWatermark, log.logEndOffset]).toEqual([0, 2]);
  });
});

describe('coming to rest', () => {
  const NOT_LEADER = new KafkaError('NOT_LEADER_OR_FOLLOWER');
  const drain = (log: PartitionLog) => new Promise<Error | null>((resolve) => log.drain(NOT_LEADER, resolve));
  const large = () => produced(['large'], 1000, 200_000);

  // metadata-store rule 9
  test('waits for the write in flight, fails what is behind it, and the next epoch begins behind what was written', async () => {
    const log = follower();
    const first = append(log, large(), 1);
    await new Promise((resolve) => setImmediate(resolve)); // in flight
    const second = append(log, produced(['b']), 1);
    const order: string[] = [];
    first.done.then(() => order.push('written'));
    second.done.catch(() => order.push('failed'));
    expect(await drain(log)).toBe(null);
    order.push('drained');
    expect(order).toEqual(['failed', 'written', 'drained']);
    await expect(second.done).rejects.toBe(NOT_LEADER);
    log.startEpoch(2);
    expect([log.logEndOffset, log.endOffsetForEpoch(1).endOffset]).toEqual([1, 1]);
    expect(append(log, produced(['c']), 2).info.baseOffset).toBe(1);
  });

  test('gives back the epochs of what was not written', async () => {
    const log = follower();
    await appendFetched(log, stored(0, ['a'], 1));
    const first = appendFetched(log, stored(1, ['b'.repeat(100_000)], 2));
    await new Promise((resolve) => setImmediate(resolve)); // in flight
    const second = appendFetched(log, stored(9, ['c'], 3));
    second.catch(() => {});
    await drain(log);
    await first;
    await expect(second).rejects.toBe(NOT_LEADER);
    expect([log.latestLeaderEpoch, log.logEndOffset]).toEqual([2, 2]);
  });

  test('of a log that does nothing, or was never used, is done at once', () => {
    const log = follower();
    let drained = 0;
    log.drain(NOT_LEADER, () => drained++);
    expect([drained, log.isOpen]).toEqual([1, false]);
    expect(log.logEndOffset).toBe(0);
    log.drain(NOT_LEADER, () => drained++);
    expect(drained).toBe(2);
  });

  test('with the rule taken out, a truncation overtakes the write in flight, which leaves a hole', async () => {
    const log = follower();
    await append(log, produced(['a']), 1).done;
    const first = append(log, large(), 1);
    await new Promise((resolve) => setImmediate(resolve)); // in flight
    safetyRules.followerWaitsForWrite = false;
    try {
      await truncateTo(log, 0);
      expect(log.logEndOffset).toBe(0);
    } finally {
      safetyRules.followerWaitsForWrite = true;
    }
    await first.done;
    expect(log.logEndOffset).not.toBe(0);
  });
});

describe('what is not committed', () => {
  test('is not deleted, however old or much it is', async () => {
    const log = follower({ segmentBytes: 100, retentionBytes: 0 });
    for (let i = 0; i < 6; i++) await appendFetched(log, stored(i, ['a']));
    expect(log.applyRetention()).toBe(0);
    log.commitTo(3);
    expect(log.applyRetention()).toBe(3);
    expect(await keysOf(log)).toEqual(['3a', '4a', '5a']);
    log.commitTo(Number.POSITIVE_INFINITY);
    expect(log.applyRetention()).toBe(3);
    expect([log.logStartOffset, log.logEndOffset, log.highWatermark]).toEqual([6, 6, 6]);
  });

  test('is not compacted, and does not replace what is committed', async () => {
    const log = follower({ segmentBytes: 100, compacted: true, minCleanableDirtyRatio: 0 });
    for (let i = 0; i < 6; i++) await appendFetched(log, stored(i, ['a']));
    const compact = () => new Promise<unknown>((resolve) => log.compact((error) => resolve(error)));
    await compact();
    expect((await keysOf(log)).length).toBe(6);
    log.commitTo(3);
    await compact();
    expect(await keysOf(log)).toEqual(['2a', '3a', '4a', '5a']);
  });
});

describe('a power failure that spares a later segment', () => {
  const compacted = { compacted: true, segmentBytes: 200, minCleanableDirtyRatio: 0 };
  const gappy = { compacted: true, segmentBytes: 100 };
  const base = (offset: number) => `${FOLDER}/${String(offset).padStart(20, '0')}.log`;
  const lose = (offset: number) => files.replace(base(offset), '');

  test('leaves no gap in a compacted log: what is behind a loss goes too', async () => {
    let log = follower(compacted);
    for (let i = 0; i < 8; i++) await appendFetched(log, stored(i, ['a']));
    expect(log.segmentStarts().map(({ baseOffset }) => baseOffset)).toEqual([0, 2, 4, 6]);
    files.kill();
    lose(4);
    for (const part of ['index', 'timeindex']) files.remove(base(4).replace('log', part));
    store = openStore(files, '/data');
    log = follower(compacted);
    expect([await keysOf(log), log.logEndOffset]).toEqual([['0a', '1a', '2a', '3a'], 4]);
  });

  test('and takes the last time entry of a full one: a cut in a gap waits for none that is on its way', async () => {
    let log = follower(gappy);
    await appendFetched(log, stored(0, ['a'])); // at 1000 ms
    await new Promise((resolve) => log.flush(resolve)); // from here on nobody looks into its batches again
    await appendFetched(log, several(stored(1, ['b']), stored(10, ['c'])));
    await truncateTo(log, 5);
    store.writeCheckpoints();
    log = again('crash', gappy);
    expect([log.logEndOffset, log.segmentStarts()[0]]).toEqual([5, { baseOffset: 0, maxTimestamp: 1000 }]);
  });

  test('gaps of this broker’s own compaction are none, be it killed at once; nor is any where the checkpoint was lost', async () => {
    let log = follower(compacted);
    for (let i = 0; i < 9; i++) await appendFetched(log, stored(i, [i === 2 ? 'kept' : 'a']));
    log.commitTo(9);
    await new Promise((resolve) => log.compact(resolve));
    const kept = ['2kept', '7a', '8a'];
    expect(await keysOf(log)).toEqual(kept);
    log = again('kill', compacted);
    expect([await keysOf(log), log.logEndOffset]).toEqual([kept, 9]);
    files.kill();
    files.remove('/data/recovery-point-offset-checkpoint');
    store = openStore(files, '/data');
    log = follower(compacted);
    expect([await keysOf(log), log.logEndOffset]).toEqual([kept, 9]);
  });
});

test('after a clean end a log that ends elsewhere is damaged: its last batch was moved in a gap, or is gone', async () => {
  const first = stored(0, ['a']);
  const damages: [string, (log: FileHandle) => void][] = [
    ['to offset 8', (log) => log.writeSync([Buffer.of(8)], first.byteLength + 7)],
    ['to offset 14', (log) => log.writeSync([Buffer.of(14)], first.byteLength + 7)],
    ['away', (log) => log.truncate(first.byteLength)],
  ];
  for (const [where, damage] of damages) {
    files = memoryFiles();
    store = openStore(files, '/data');
    await appendFetched(follower({ compacted: true }), several(first, stored(10, ['b'])));
    await closeStore(store);
    const log = files.open(LOG, 'rw');
    damage(log);
    log.close();
    store = openStore(files, '/data');
    expect(() => follower({ compacted: true }).logEndOffset, where).toThrow(refused('KAFKA_STORAGE_ERROR'));
  }
});
