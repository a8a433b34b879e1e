import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { LockedError } from '../../src/core/errors.ts';
import { fakeClock } from '../../src/core/fake-clock.ts';
import { type MemoryFiles, memoryFiles } from '../../src/core/memory-files.ts';
import { realFiles } from '../../src/core/real-files.ts';
import { openDataDirectory } from '../../src/storage/data-directory.ts';
import { type LogStore, openLogStore } from '../../src/storage/log-store.ts';
import { append, CLUSTER_ID, closeStore, openStore, orders, produced, readAll, TOPIC_ID, testConfig } from '../support/log-fixture.ts';

let files: MemoryFiles;
beforeEach(() => {
  files = memoryFiles();
});
const text = (path: string) => files.read(path)?.toString() ?? null;
const keysIn = async (log: ReturnType<typeof orders>) => (await readAll(log)).map(({ key }) => key);

describe('the data directory', () => {
  test('a new one gets meta.properties, which later brokers must match', async () => {
    const store = openStore(files, '/data');
    expect(text('/data/meta.properties')).toMatch(/^#\ncluster\.id=B{22}\ndirectory\.id=[A-Za-z0-9_-]{22}\nnode\.id=1\nversion=1\n$/);
    await closeStore(store);
    const open = (clusterId: string, nodeId: number) => {
      const directory = openDataDirectory(files, '/data', 'test');
      try {
        openLogStore({ directory, clock: fakeClock(), clusterId, nodeId });
      } finally {
        directory.release();
      }
    };
    expect(() => open('another', 1)).toThrow(/belongs to cluster B{22}, this is another/);
    expect(() => open(CLUSTER_ID, 2)).toThrow(/belongs to broker 1: start with node.id=1/);
    expect(openDataDirectory(files, '/data', 'test').meta).toEqual(store.meta);
  });

  test("Apache Kafka's own meta.properties is understood", () => {
    files.makeDirectory('/data');
    files.replace(
      '/data/meta.properties',
      '#\n#Sun Nov 22 10:00:00 UTC 2026\ncluster.id=MkU3OEVBNTcwNTJENDM2Qk\ndirectory.id=zzz\nnode.id=3\nversion=1\n',
    );
    expect(openDataDirectory(files, '/data', 'test').meta).toEqual({ clusterId: 'MkU3OEVBNTcwNTJENDM2Qk', nodeId: 3, directoryId: 'zzz' });
  });

  test('one that is damaged is named, and let go of', () => {
    files.makeDirectory('/data');
    files.replace('/data/meta.properties', 'version=0\n');
    for (let i = 0; i < 2; i++)
      expect(() => openDataDirectory(files, '/data', 'test')).toThrow(/meta\.properties is damaged or of another version/);
  });

  test('a second broker is refused, and told who has it', async () => {
    const store = openStore(files, '/data');
    expect(() => openDataDirectory(files, '/data', 'second')).toThrow(LockedError);
    expect(() => openDataDirectory(files, '/data', 'second')).toThrow(/by test/);
    await closeStore(store);
    openDataDirectory(files, '/data', 'second').release();
  });

  test('the mark of a clean end is there only between a clean end and the next start', async () => {
    const store = openStore(files, '/data');
    await closeStore(store);
    expect(text('/data/.kafka_cleanshutdown')).toBe('{"version":0,"brokerEpoch":-1}');
    openStore(files, '/data');
    expect(files.exists('/data/.kafka_cleanshutdown')).toBe(false);
    files.crash();
    expect(openDataDirectory(files, '/data', 'test').endedCleanly).toBe(false);
  });

  test('a log that was not used since an unclean end is still verified at the next start', async () => {
    let store = openStore(files, '/data');
    await append(orders(store), produced(['a'])).done;
    await append(orders(store), produced(['b'])).done;
    files.kill();
    await closeStore(openStore(files, '/data')); // orders is not touched
    const path = '/data/orders-0/00000000000000000000.log';
    const bytes = files.read(path)!;
    bytes[bytes.byteLength - 1]! ^= 1;
    files.replace(path, bytes);
    store = openStore(files, '/data');
    expect(await keysIn(orders(store))).toEqual(['a']);
    await closeStore(store);
    expect(files.exists('/data/.kafka_cleanshutdown')).toBe(true);
  });
});

describe('partition folders', () => {
  test('deleting renames first, so that a crash in between is finished at the next start', async () => {
    const store = openStore(files, '/data');
    const log = orders(store);
    await append(log, produced(['a'])).done;
    const pending = append(log, produced(['b'])).done;
    store.delete({ topic: 'orders', partition: 0 });
    await expect(pending).rejects.toMatchObject({ errorName: 'UNKNOWN_TOPIC_OR_PARTITION' });
    expect(() => log.logEndOffset).toThrow(expect.objectContaining({ errorName: 'UNKNOWN_TOPIC_OR_PARTITION' }));
    expect(files.list('/data').filter((name) => name.startsWith('orders'))).toEqual([]);
    files.makeDirectory('/data/orders-1.0123456789abcdef0123456789abcdef-delete');
    await closeStore(store);
    openStore(files, '/data');
    expect(files.list('/data').filter((name) => name.startsWith('orders'))).toEqual([]);
  });

  test('a topic made anew under the name of a deleted one starts empty', async () => {
    const store = openStore(files, '/data');
    const large = append(orders(store), produced(['old'], 1000, 300_000)).done;
    await new Promise((resolve) => setImmediate(resolve)); // in flight
    store.delete({ topic: 'orders', partition: 0 });
    const anew = store.log({ topic: 'orders', partition: 0 }, 'CCCCCCCCCCCCCCCCCCCCCw', testConfig());
    await append(anew, produced(['new'])).done;
    await expect(large).rejects.toMatchObject({ errorName: 'UNKNOWN_TOPIC_OR_PARTITION' });
    expect(await keysIn(anew)).toEqual(['new']);
  });

  test('a folder of a topic nobody knows is named, never served, never deleted', async () => {
    let store = openStore(files, '/data');
    await append(orders(store), produced(['a'])).done;
    await closeStore(store);
    store = openStore(files, '/data');
    expect(store.strays(({ topic }) => topic === 'orders')).toEqual([]);
    expect(store.strays(() => false)).toEqual(['orders-0']);
    const other = store.log({ topic: 'orders', partition: 0 }, 'DDDDDDDDDDDDDDDDDDDDDw', testConfig());
    expect(await keysIn(other)).toEqual([]);
    await append(other, produced(['b'])).done;
    const [stray] = store.strays(({ topic }) => topic === 'orders');
    expect(stray).toMatch(/^orders-0\.[0-9a-f]{32}-stray$/);
    expect(files.list(`/data/${stray}`)).toContain('00000000000000000000.log');
    await closeStore(store);
    expect(openStore(files, '/data').strays(() => true)).toEqual([stray]);
  });

  test('a folder that cannot be read makes its partition answer KAFKA_STORAGE_ERROR, and no other', async () => {
    let store = openStore(files, '/data');
    const both = () => [0, 1].map((partition) => store.log({ topic: 'orders', partition }, TOPIC_ID, testConfig()));
    for (const log of both()) await append(log, produced(['a'])).done;
    await closeStore(store);
    store = openStore(files, '/data');
    files.failNext('open', 'EACCES', { path: 'orders-1/' });
    const [good, bad] = both();
    expect(() => bad!.logEndOffset).toThrow(expect.objectContaining({ errorName: 'KAFKA_STORAGE_ERROR' }));
    expect(good!.logEndOffset).toBe(1);
    await expect(closeStore(store)).rejects.toMatchObject({ errorName: 'KAFKA_STORAGE_ERROR' });
    expect(files.exists('/data/.kafka_cleanshutdown')).toBe(false);
  });

  test('ten thousand partitions cost nothing until they are used', () => {
    const store = openStore(files, '/data');
    files.failNext('open', 'EMFILE');
    files.failNext('makeDirectory', 'ENOSPC');
    for (let partition = 0; partition < 10_000; partition++) store.log({ topic: 'wide', partition }, TOPIC_ID, testConfig()).startEpoch(0);
    expect(files.list('/data').filter((name) => name.startsWith('wide'))).toEqual([]);
  });
});

describe('checkpoints', () => {
  test("are written at the end in Kafka's form, for logs that have something to say", async () => {
    const store = openStore(files, '/data');
    await append(orders(store), produced(['a', 'b'])).done;
    store.log({ topic: 'unused-topic', partition: 7 }, TOPIC_ID, testConfig());
    await closeStore(store);
    expect(text('/data/recovery-point-offset-checkpoint')).toBe('0\n1\norders 0 2\n');
    expect(text('/data/log-start-offset-checkpoint')).toBe('0\n0\n');
    expect(text('/data/replication-offset-checkpoint')).toBe('0\n1\norders 0 2\n');
  });

  const follower = (store: LogStore) => store.log({ topic: 'with-dash', partition: 3 }, TOPIC_ID, testConfig());

  test('say where the high watermark was, which is never outside the log', async () => {
    let store = openStore(files, '/data');
    await Promise.all(['a', 'b', 'c'].map((key) => append(follower(store), produced([key])).done));
    follower(store).commitTo(2);
    store.writeHighWatermarks();
    expect(text('/data/replication-offset-checkpoint')).toBe('0\n1\nwith-dash 3 2\n');
    files.kill();
    store = openStore(files, '/data');
    expect([follower(store).highWatermark, follower(store).logEndOffset]).toEqual([2, 3]);
    follower(store).commitTo(7);
    expect(follower(store).highWatermark).toBe(3);
    await append(follower(store), produced(['d'])).done;
    expect(follower(store).highWatermark).toBe(3); // what was said counted for the log as it was
    follower(store).deleteRecordsBefore(4);
    follower(store).commitTo(1);
    expect(follower(store).highWatermark).toBe(4);
    await closeStore(store);
    files.replace('/data/replication-offset-checkpoint', '0\n1\nwith-dash 3 99\n');
    store = openStore(files, '/data');
    expect(follower(store).highWatermark).toBe(4);
    expect(text('/data/replication-offset-checkpoint')).toBe('0\n1\nwith-dash 3 4\n'); // else it would count records that come later
  });

  test('are not written again when no high watermark has changed', async () => {
    const store = openStore(files, '/data');
    await append(follower(store), produced(['a'])).done;
    follower(store).commitTo(1);
    store.writeHighWatermarks();
    files.failNext('rename', 'ENOSPC', { path: '/data/replication-offset-checkpoint' });
    store.writeHighWatermarks();
    await append(follower(store), produced(['b'])).done;
    follower(store).commitTo(2);
    expect(() => store.writeHighWatermarks()).toThrow('ENOSPC');
    store.writeHighWatermarks();
    expect(text('/data/replication-offset-checkpoint')).toBe('0\n1\nwith-dash 3 2\n');
  });

  test.each(['', '1\n0\n', '0\n2\nwith-dash 3 1\n', '0\n1\nwith-dash 3\n', '0\n1\nwith-dash 3 -1\n', '0\n1\nwith-dash b 1\n'])(
    'a damaged one (%j) counts as missing',
    async (content) => {
      let store = openStore(files, '/data');
      await append(follower(store), produced(['a'])).done;
      await closeStore(store);
      files.replace('/data/replication-offset-checkpoint', content);
      store = openStore(files, '/data');
      expect(follower(store).highWatermark).toBe(0);
    },
  );

  test('say nothing about a log that was deleted, when another comes under its name', async () => {
    let store = openStore(files, '/data');
    for (const key of ['a', 'b', 'c']) await append(orders(store), produced([key])).done;
    await closeStore(store);
    store = openStore(files, '/data');
    store.delete({ topic: 'orders', partition: 0 });
    const recreated = store.log({ topic: 'orders', partition: 0 }, 'CCCCCCCCCCCCCCCCCCCCCw', testConfig());
    for (const key of ['d', 'e']) await append(recreated, produced([key])).done;
    files.kill();
    store = openStore(files, '/data');
    const log = store.log({ topic: 'orders', partition: 0 }, 'CCCCCCCCCCCCCCCCCCCCCw', testConfig());
    expect([log.logEndOffset, log.highWatermark]).toEqual([2, 0]);
    expect(text('/data/recovery-point-offset-checkpoint')).toBe('0\n0\n');
  });
});

test('on a real disk: everything is found again after a clean end', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'minikafka-store-'));
  try {
    const path = join(folder, 'data');
    let store = openStore(realFiles, path);
    const done: Promise<void>[] = [];
    for (let i = 0; i < 200; i++)
      done.push(append(orders(store, { segmentBytes: 200_000 }), produced([`k${i}`], 1000 + i, i % 10 === 0 ? 150_000 : 50)).done);
    await Promise.all(done);
    expect(() => openDataDirectory(realFiles, path, 'second')).toThrow(LockedError);
    await closeStore(store);
    store = openStore(realFiles, path);
    const log = orders(store, { segmentBytes: 200_000 });
    expect((await readAll(log, 0, 2 ** 20)).map(({ key }) => key)).toEqual(Array.from({ length: 200 }, (_, i) => `k${i}`));
    expect(log.offsetForTimestamp(1123)).toMatchObject({ offset: 123 });
    await closeStore(store);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
