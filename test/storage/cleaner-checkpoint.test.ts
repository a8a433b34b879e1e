import { beforeEach, expect, test } from 'vitest';
import { type MemoryFiles, memoryFiles } from '../../src/core/memory-files.ts';
import { CleanerCheckpoint } from '../../src/storage/cleaner-checkpoint.ts';
import type { LogStore } from '../../src/storage/log-store.ts';
import type { LogLocation } from '../../src/storage/log-types.ts';
import type { PartitionLog } from '../../src/storage/partition-log.ts';
import { append, flush, openStore, orders, produced } from '../support/log-fixture.ts';

const FILE = '/data/cleaner-offset-checkpoint';

let files: MemoryFiles;
let store: LogStore;
beforeEach(() => {
  files = memoryFiles();
  store = openStore(files, '/data');
});

const text = () => files.read(FILE)?.toString() ?? null;
const locationOf = (log: PartitionLog) => (log as unknown as { location: LogLocation }).location;

async function filled(records: number): Promise<PartitionLog> {
  const log = orders(store);
  for (let i = 0; i < records; i++) await append(log, produced([`key ${i}`])).done;
  await flush(log);
  return log;
}

test("the file is Kafka's: a version, a count, and topic, partition and offset of each log", async () => {
  const log = await filled(3);
  expect(text()).toBeNull();
  locationOf(log).compactedTo(2);
  expect(text()).toBe('0\n1\norders 0 2\n');
});

test('what it says is known after the next start, and after a kill', async () => {
  locationOf(await filled(3)).compactedTo(2);
  files.kill();
  store = openStore(files, '/data');
  expect(locationOf(orders(store)).firstDirtyOffset).toBe(2);
});

test('a truncation takes it back, durably: what is written there anew is not compacted', async () => {
  const log = await filled(5);
  locationOf(log).compactedTo(4);
  await new Promise<void>((resolve, reject) => log.truncateTo(2, (error) => (error ? reject(error) : resolve())));
  expect(locationOf(log).firstDirtyOffset).toBe(2);
  files.crash();
  expect(text()).toBe('0\n1\norders 0 2\n');
});

test('a truncation behind it leaves it alone', async () => {
  const log = await filled(5);
  locationOf(log).compactedTo(2);
  await new Promise<void>((resolve, reject) => log.truncateTo(3, (error) => (error ? reject(error) : resolve())));
  expect([locationOf(log).firstDirtyOffset, text()]).toEqual([2, '0\n1\norders 0 2\n']);
});

test('a log that lost its end in a power failure is not compacted beyond it', async () => {
  const log = await filled(2);
  for (let i = 0; i < 3; i++) await append(log, produced(['later'])).done;
  locationOf(log).compactedTo(4);
  store.writeCheckpoints();
  files.replace(FILE, text()!); // it became durable, and the records did not
  files.crash();
  store = openStore(files, '/data');
  const again = orders(store);
  expect(again.logEndOffset).toBe(2);
  expect(locationOf(again).firstDirtyOffset).toBe(2);
  expect(text()).toBe('0\n1\norders 0 2\n');
});

test('a log that gets the name of one that was deleted has nothing compacted, also after a crash', async () => {
  locationOf(await filled(3)).compactedTo(2);
  store.writeCheckpoints();
  store.delete({ topic: 'orders', partition: 0 });
  const log = await filled(1);
  expect(locationOf(log).firstDirtyOffset).toBe(-1);
  files.crash();
  expect(text()).toBe('0\n0\n');
});

test('a full disk fails no compaction: the next checkpoint says what it could not', async () => {
  const log = await filled(3);
  files.failNext('open', 'ENOSPC', { path: 'cleaner-offset-checkpoint' });
  locationOf(log).compactedTo(2);
  expect([locationOf(log).firstDirtyOffset, text()]).toEqual([2, null]);
  store.writeCheckpoints();
  expect(text()).toBe('0\n1\norders 0 2\n');
});

test('a damaged file is none', () => {
  files.replace(FILE, '0\n2\norders 0 2\n');
  expect(new CleanerCheckpoint(files, '/data').offsetOf('orders-0')).toBe(-1);
});
