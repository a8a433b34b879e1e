import { readdirSync, readFileSync } from 'node:fs';
import { beforeEach, describe, expect, test } from 'vitest';
import { batchBytes } from '../../src/conformance/batch-bytes.ts';
import type { KafkaError } from '../../src/core/errors.ts';
import { type FakeClock, fakeClock } from '../../src/core/fake-clock.ts';
import { type MemoryFiles, memoryFiles } from '../../src/core/memory-files.ts';
import { BatchView, TRANSACTIONAL_BIT } from '../../src/protocol/records/batch.ts';
import type { LogConfig } from '../../src/storage/log-config.ts';
import type { LogStore } from '../../src/storage/log-store.ts';
import type { PartitionLog } from '../../src/storage/partition-log.ts';
import type { TransactionMarker } from '../../src/storage/producer-state.ts';
import {
  append,
  appendFetched,
  closeStore,
  flush,
  openStore,
  orders,
  produced,
  read,
  restartAt,
  TOPIC_ID,
  testConfig,
} from '../support/log-fixture.ts';

const FOLDER = '/data/orders-0';
const KAFKA_DATA = new URL('../cli/kafka-data/orders-0/', import.meta.url);

let files: MemoryFiles;
let clock: FakeClock;
let store: LogStore;
let log: PartitionLog;

function open(config: Partial<LogConfig> = {}): void {
  store = openStore(files, '/data', clock);
  log = store.log({ topic: 'orders', partition: 0 }, TOPIC_ID, testConfig(config));
}

beforeEach(() => {
  files = memoryFiles();
  clock = fakeClock();
  open();
});

/** One record of a transaction, which this broker takes as verified. */
function send(producerId: number, baseSequence: number, producerEpoch = 0): Promise<void> {
  const bytes = batchBytes({ values: ['x'], producerId, producerEpoch, baseSequence, attributes: TRANSACTIONAL_BIT });
  return done((told) => log.append(bytes, { leaderEpoch: 0, verification: 'off' }, told));
}
function end(producerId: number, commits: boolean, more: Partial<TransactionMarker> = {}): Promise<void> {
  const marker = { producerId, producerEpoch: 0, commits, coordinatorEpoch: 0, transactionVersion: 1, ...more };
  return done((told) => log.appendMarker(marker, 0, told));
}
function done(act: (told: (error: Error | null) => void) => unknown): Promise<void> {
  return new Promise((resolve, reject) => act((error) => (error ? reject(error) : resolve())));
}
const names = (suffix: string) => files.list(FOLDER).filter((name) => name.endsWith(suffix));
const aborted = (from = 0, to = 1000) => log.abortedTransactions(from, to).map(({ producerId, firstOffset }) => [producerId, firstOffset]);

describe('the last stable offset', () => {
  test('is before the first transaction that is open, or whose marker is not committed', async () => {
    await append(log, produced(['a'])).done; // 0
    await send(1, 0); // 1
    await send(2, 0); // 2
    await end(1, true); // 3
    await end(2, false); // 4
    const stable = (highWatermark: number) => {
      log.commitTo(highWatermark);
      return [log.highWatermark, log.lastStableOffset];
    };
    expect([0, 1, 2, 3, 4, 5].map(stable)).toEqual([
      [0, 0],
      [1, 1],
      [2, 1],
      [3, 1],
      [4, 2], // the commit marker is below the high watermark, the abort marker is not
      [5, 5],
    ]);
  });

  test('is the high watermark while what is open begins behind it', async () => {
    await append(log, produced(['a', 'b'])).done;
    await send(1, 0);
    log.commitTo(2);
    expect(log.lastStableOffset).toBe(2);
    log.commitTo(3);
    expect(log.lastStableOffset).toBe(2);
  });

  test('is not before the start of the log, though a transaction began there', async () => {
    await send(1, 0);
    await append(log, produced(['a', 'b'])).done;
    log.commitTo(3);
    expect(log.lastStableOffset).toBe(0);
    log.deleteRecordsBefore(2);
    expect(log.lastStableOffset).toBe(2);
    await end(1, false);
    log.commitTo(4);
    expect(log.lastStableOffset).toBe(4);
  });

  test.each(['restart', 'kill', 'crash'] as const)('is the same after a %s, markers that are not committed yet included', async (how) => {
    await send(1, 0); // 0
    await end(1, true); // 1
    await send(2, 0); // 2
    await append(log, produced(['a'])).done; // 3
    await end(2, true); // 4
    await send(3, 0); // 5
    log.commitTo(4);
    await flush(log);
    store.writeCheckpoints();
    expect(log.lastStableOffset).toBe(2);
    if (how === 'restart') await closeStore(store);
    else if (how === 'kill') files.kill();
    else files.crash();
    open();
    expect([log.highWatermark, log.lastStableOffset]).toEqual([4, 2]);
    log.commitTo(5);
    expect(log.lastStableOffset).toBe(5);
    log.commitTo(6);
    expect(log.lastStableOffset).toBe(5);
  });
});

describe('markers', () => {
  const refused = (marker: Partial<TransactionMarker>) => {
    const all = { producerId: 1, producerEpoch: 3, commits: true, coordinatorEpoch: 7, transactionVersion: 1, ...marker };
    try {
      log.appendMarker(all, 0, () => {});
      return null;
    } catch (error) {
      return (error as KafkaError).errorName;
    }
  };
  beforeEach(async () => {
    await send(1, 0, 3);
    await end(1, true, { producerEpoch: 3, coordinatorEpoch: 7 });
    await send(1, 1, 3);
  });

  test('of an older epoch of the producer are refused', () => {
    expect(refused({ producerEpoch: 2 })).toBe('INVALID_PRODUCER_EPOCH');
    expect(refused({})).toBeNull();
  });

  test('of transactions v2 need a newer epoch than the records, but for one that comes again', async () => {
    expect(refused({ transactionVersion: 2 })).toBe('INVALID_PRODUCER_EPOCH');
    expect(refused({ transactionVersion: 2, producerEpoch: 4 })).toBeNull();
    expect(refused({ transactionVersion: 2, producerEpoch: 4 })).toBeNull();
    expect(refused({ transactionVersion: 2, producerEpoch: 3 })).toBe('INVALID_PRODUCER_EPOCH');
    await send(1, 0, 4);
    expect(refused({ transactionVersion: 2, producerEpoch: 4 })).toBe('INVALID_PRODUCER_EPOCH');
  });

  test('of an older coordinator are refused', () => {
    expect(refused({ coordinatorEpoch: 6 })).toBe('TRANSACTION_COORDINATOR_FENCED');
    expect(refused({ coordinatorEpoch: 8 })).toBeNull();
    expect(refused({ coordinatorEpoch: 7 })).toBe('TRANSACTION_COORDINATOR_FENCED');
    expect(refused({ coordinatorEpoch: 8 })).toBeNull();
  });

  test('end what is not here as well: for producers that nobody knows, and twice', async () => {
    await end(1, false, { producerEpoch: 3, coordinatorEpoch: 7 });
    await end(1, false, { producerEpoch: 3, coordinatorEpoch: 7 });
    await end(99, false);
    expect(log.logEndOffset).toBe(6);
    expect(aborted()).toEqual([[1, 2]]);
  });

  test('have the time of the append as their type says, whatever the largest message may be', async () => {
    const stamped = store.log(
      { topic: 'stamped', partition: 0 },
      TOPIC_ID,
      testConfig({ timestampType: 'LogAppendTime', maxMessageBytes: 10 }),
    );
    const marker = { producerId: 1, producerEpoch: 3, commits: true, coordinatorEpoch: 7, transactionVersion: 1 };
    await done((told) => {
      expect(stamped.appendMarker(marker, 4, told)).toMatchObject({ baseOffset: 0, logAppendTime: clock.now(), maxTimestamp: clock.now() });
    });
    const batch = new BatchView((await read(stamped, 0))!.bytes);
    expect([batch.isLogAppendTime, batch.crcMatches(), batch.partitionLeaderEpoch]).toEqual([true, true, 4]);
  });
});

describe('aborted transactions', () => {
  test('are listed for every range that they overlap, by where they begin, over all segments', async () => {
    log = store.log({ topic: 'small', partition: 0 }, TOPIC_ID, testConfig({ segmentBytes: 250 }));
    await send(1, 0); // 0
    await send(2, 0); // 1
    for (let i = 0; i < 6; i++) await append(log, produced([`k${i}`])).done; // 2..7
    await end(2, false); // 8
    await send(3, 0); // 9
    await end(3, true); // 10
    await end(1, false); // 11
    expect(log.segmentCount).toBeGreaterThan(2);
    expect(aborted(0, 1)).toEqual([[1, 0]]);
    expect(aborted(0, 2)).toEqual([
      [1, 0],
      [2, 1],
    ]);
    expect(aborted(9, 10)).toEqual([[1, 0]]);
    expect(aborted(12, 20)).toEqual([]);
  });

  test('go with their segments, and are not made anew by a flush that is under way', async () => {
    orders(store).configure(testConfig({ segmentBytes: 160, fileDeleteDelayMs: 1000, retentionBytes: 0 }));
    await send(1, 0);
    await end(1, false);
    await send(1, 1);
    await end(1, false);
    await flush(log);
    expect(names('.txnindex').length).toBe(2);
    await append(log, produced(['later'])).done;
    await flush(log);
    expect(log.applyRetention()).toBeGreaterThan(1);
    expect(names('.txnindex')).toEqual([]);
    expect(names('.txnindex.deleted').length).toBe(2);
    await clock.advance(1000);
    await flush(log);
    expect(files.list(FOLDER).filter((name) => name.includes('txnindex'))).toEqual([]);
  });

  test('are gone with what a follower drops', async () => {
    await send(1, 0);
    await end(1, false);
    await flush(log);
    expect(names('.txnindex').length).toBe(1);
    await restartAt(log, 100);
    await flush(log);
    expect([names('.txnindex'), aborted(), log.lastStableOffset]).toEqual([[], [], 100]);
  });

  test('are not written before one has records here, nor for a commit', async () => {
    await send(1, 0);
    await end(1, true);
    await end(2, false);
    await closeStore(store);
    expect(names('.txnindex')).toEqual([]);
  });
});

describe('the transaction index of a segment', () => {
  /** Five transactions, each aborted, over several segments; what is committed and what is durable is in the checkpoints. */
  async function fill(flushes: boolean): Promise<void> {
    log.configure(testConfig({ segmentBytes: 300 }));
    for (let i = 0; i < 5; i++) {
      await send(1, i);
      await end(1, false);
    }
    expect(log.segmentCount).toBeGreaterThan(2);
    log.commitTo(10);
    if (flushes) await flush(log);
    store.writeCheckpoints();
  }
  const all = [0, 2, 4, 6, 8].map((first) => [1, first]);

  test.each([false, true])('is made anew where its segment is verified, flushed before: %s', async (flushes) => {
    await fill(flushes);
    await append(log, produced(['not flushed'])).done;
    files.kill();
    open({ segmentBytes: 300 });
    expect(aborted()).toEqual(all);
  });

  test('is durable where its segment is', async () => {
    await fill(true);
    files.crash();
    open({ segmentBytes: 300 });
    expect(log.logEndOffset).toBe(10);
    expect(aborted()).toEqual(all);
  });

  test('is durable once it is made anew for what the recovery point vouches for', async () => {
    await fill(true);
    files.kill();
    for (const name of [...names('.index'), ...names('.txnindex')]) files.remove(`${FOLDER}/${name}`); // so that all is verified
    files.syncDirectory(FOLDER);
    open({ segmentBytes: 300 });
    expect(log.logEndOffset).toBe(10);
    expect(aborted()).toEqual(all);
    await append(log, produced(['the names are durable with it'])).done;
    await flush(log);
    store.writeCheckpoints();
    files.crash();
    open({ segmentBytes: 300 });
    expect(aborted()).toEqual(all);
  });

  test('of a segment that a power failure took is not that of the next one which begins there', async () => {
    await fill(true);
    await closeStore(store);
    files.replace(`${FOLDER}/00000000000000000010.txnindex`, files.read(`${FOLDER}/${names('.txnindex').at(-1)}`)!);
    files.replace(`${FOLDER}/00000000000000000010.index`, Buffer.alloc(8));
    open({ segmentBytes: 100 });
    expect(log.logEndOffset).toBe(10);
    expect(names('index').filter((name) => name.startsWith('00000000000000000010'))).toEqual([]);
    await append(log, produced(['rolls'])).done;
    await flush(log);
    files.crash();
    open({ segmentBytes: 100 });
    expect(aborted()).toEqual(all);
    expect([names('.log').includes('00000000000000000010.log'), names('.txnindex').includes('00000000000000000010.txnindex')]).toEqual([
      true,
      false,
    ]);
  });

  test('that is damaged is made anew', async () => {
    await fill(true);
    await closeStore(store);
    const [first, second] = names('.txnindex').map((name) => `${FOLDER}/${name}`);
    files.replace(first!, files.read(first!)!.subarray(0, 20));
    files.replace(second!, files.read(first!)!);
    open({ segmentBytes: 300 });
    expect(aborted()).toEqual(all);
  });

  test('ends with its segment after a power failure', async () => {
    await fill(true);
    await send(1, 5);
    await end(1, false);
    await flush(log);
    const name = names('.log').at(-1)!;
    files.crash();
    const handle = files.open(`${FOLDER}/${name}`, 'rw');
    handle.truncate(handle.size() - 30); // the last marker is lost, though its entry is not
    handle.close();
    open({ segmentBytes: 300 });
    log.commitTo(11);
    expect([log.logEndOffset, log.hasOpenTransaction(1, 0), log.lastStableOffset]).toEqual([11, true, 10]);
    expect(aborted()).toEqual(all);
  });
});

describe('a follower', () => {
  test('knows what its leader knows, from the bytes alone', async () => {
    await send(1, 0);
    await send(2, 0);
    await end(1, false);
    const chunk = (await read(log, 0))!;
    const replica = store.log({ topic: 'replica', partition: 0 }, TOPIC_ID, testConfig());
    await appendFetched(replica, Buffer.from(chunk.bytes));
    expect(replica.producers()).toEqual(log.producers());
    replica.commitTo(3);
    expect(replica.lastStableOffset).toBe(1);
    expect(replica.abortedTransactions(0, 3)).toEqual(log.abortedTransactions(0, 3));
  });

  test('takes a marker whatever its epochs are: its leader has judged it', async () => {
    await send(1, 0, 5);
    await end(1, true, { producerEpoch: 5, coordinatorEpoch: 9 });
    const leader = store.log({ topic: 'leader', partition: 0 }, TOPIC_ID, testConfig());
    const kept = log;
    log = leader;
    for (const key of ['a', 'b']) await append(log, produced([key])).done;
    await end(1, true, { producerEpoch: 4, coordinatorEpoch: 3 });
    const chunk = (await read(leader, 2))!;
    await appendFetched(kept, Buffer.from(chunk.bytes));
    expect(kept.producers()).toMatchObject([[1, { epoch: 4, coordinatorEpoch: 3, batches: [] }]]);
  });
});

describe('a log of Apache Kafka', () => {
  const KEPT = /^\d{20}\.(log|index|timeindex|txnindex|snapshot)$/;
  async function bringIn(wanted: RegExp): Promise<void> {
    await closeStore(store);
    files.makeDirectory(FOLDER);
    const all = readdirSync(KAFKA_DATA).filter((name) => KEPT.test(name) && wanted.test(name));
    for (const name of all) files.replace(`${FOLDER}/${name}`, readFileSync(new URL(name, KAFKA_DATA)));
    files.replace(`${FOLDER}/partition.metadata`, `version: 0\ntopic_id: ${TOPIC_ID}`);
    open();
    log.commitTo(Number.POSITIVE_INFINITY);
  }
  const theirs = readFileSync(new URL('00000000000000000035.txnindex', KAFKA_DATA));

  test('is read with its transaction index', async () => {
    await bringIn(/./);
    expect(log.abortedTransactions(0, 40)).toEqual([{ producerId: 1000, firstOffset: 36, lastOffset: 37, lastStableOffset: 38 }]);
    expect(log.abortedTransactions(38, 40)).toEqual([]);
    expect(log.lastStableOffset).toBe(40);
  });

  test.each([
    ['with its snapshots', /log|snapshot/],
    ['without', /log/],
  ])('gets the very transaction index that Kafka wrote, made from its batches %s', async (_how, wanted) => {
    await bringIn(wanted);
    expect(log.lastStableOffset).toBe(40);
    await closeStore(store);
    expect(names('.txnindex')).toEqual(['00000000000000000035.txnindex']);
    expect(files.read(`${FOLDER}/00000000000000000035.txnindex`)).toEqual(theirs);
    expect(log.producers().find(([producerId]) => producerId === 1000)![1]).toMatchObject({ epoch: 3, coordinatorEpoch: 0, batches: [] });
  });
});

test('what waits in the queue counts: a lost marker opens its transaction again, a lost batch opens none', async () => {
  await send(1, 0);
  log.commitTo(1);
  files.failNext('write', 'ENOSPC', { path: '.log', prefixBytes: 70 });
  const lost = [end(1, false), send(2, 0), end(2, true)];
  expect([log.hasOpenTransaction(1, 0), log.hasOpenTransaction(2, 0)]).toEqual([false, false]);
  expect(log.lastStableOffset).toBe(0);
  await Promise.allSettled(lost);
  expect([log.hasOpenTransaction(1, 0), log.hasOpenTransaction(2, 0)]).toEqual([true, false]);
  expect([aborted(), log.logEndOffset]).toEqual([[], 1]);
  await end(1, true); // 1
  for (const key of ['a', 'b']) await append(log, produced([key])).done; // 2, 3
  log.commitTo(2);
  expect(log.lastStableOffset).toBe(2);
  log.commitTo(3); // where the lost transaction was
  expect(log.lastStableOffset).toBe(3);
});
