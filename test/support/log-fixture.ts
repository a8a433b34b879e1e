import { type FakeClock, fakeClock } from '../../src/core/fake-clock.ts';
import type { Files } from '../../src/core/files.ts';
import type { Logger } from '../../src/core/logger.ts';
import { eachBatch } from '../../src/protocol/records/batch.ts';
import { buildBatch, type RecordInput } from '../../src/protocol/records/build.ts';
import { type ReadRecord, readRecords } from '../../src/protocol/records/walk.ts';
import type { CleanerSettings } from '../../src/storage/cleaner/settings.ts';
import { openDataDirectory } from '../../src/storage/data-directory.ts';
import { DEFAULT_LOG_CONFIG, type LogConfig } from '../../src/storage/log-config.ts';
import type { LogChunk } from '../../src/storage/log-reader.ts';
import { type LogStore, openLogStore } from '../../src/storage/log-store.ts';
import type { AppendInfo, PartitionLog } from '../../src/storage/partition-log.ts';

export const TOPIC_ID = 'AAAAAAAAAAAAAAAAAAAAAQ';
export const CLUSTER_ID = 'BBBBBBBBBBBBBBBBBBBBBB';

/** Takes any timestamp, so that tests may use small numbers. */
export const testConfig = (changes: Partial<LogConfig> = {}): LogConfig => ({
  ...DEFAULT_LOG_CONFIG,
  timestampAfterMaxMs: Number.MAX_SAFE_INTEGER,
  segmentMs: Number.MAX_SAFE_INTEGER,
  retentionMs: -1,
  ...changes,
});

export function openStore(
  files: Files,
  path: string,
  clock: FakeClock = fakeClock(),
  maxOpenFiles?: number,
  logger?: Logger,
  cleaner?: CleanerSettings,
): LogStore {
  const directory = openDataDirectory(files, path, 'test');
  return openLogStore({
    directory,
    clock,
    clusterId: CLUSTER_ID,
    nodeId: 1,
    ...(maxOpenFiles && { maxOpenFiles }),
    ...(logger && { logger }),
    ...(cleaner && { cleaner }),
  });
}

/** The only replica: whatever is written is committed. */
export function orders(store: LogStore, config: Partial<LogConfig> = {}): PartitionLog {
  const log = store.log({ topic: 'orders', partition: 0 }, TOPIC_ID, testConfig(config));
  log.commitTo(Number.POSITIVE_INFINITY);
  return log;
}

/** A produced batch of `keys.length` records; timestamps count up from `timestamp`. */
export function produced(keys: readonly string[], timestamp = 1000, valueBytes = 10, attributes = 0): Buffer {
  const records: RecordInput[] = keys.map((key, i) => ({
    key: Buffer.from(key),
    value: Buffer.alloc(valueBytes, key),
    timestamp: timestamp + i,
  }));
  return buildBatch({ records, attributes });
}

/** What the log refuses is thrown at once; what fails later rejects `done`. */
export function append(log: PartitionLog, batch: Buffer, leaderEpoch = 0): { info: AppendInfo; done: Promise<void> } {
  let report: (error: Error | null) => void = () => {};
  const done = new Promise<void>((resolve, reject) => {
    report = (error) => (error ? reject(error) : resolve());
  });
  done.catch(() => {});
  return { info: log.append(batch, { leaderEpoch, verification: 'off' }, (error) => report(error)), done };
}

export function read(
  log: PartitionLog,
  from: number,
  maxBytes = 2 ** 20,
  upTo = Number.MAX_SAFE_INTEGER,
  minOneBatch = true,
): Promise<LogChunk | null> {
  return new Promise((resolve, reject) => {
    log.read(from, maxBytes, upTo, minOneBatch, (error, chunk) => (error ? reject(error) : resolve(chunk)));
  });
}

export function recordsOf(bytes: Buffer): ReadRecord[] {
  const records: ReadRecord[] = [];
  for (const batch of eachBatch(bytes)) records.push(...readRecords(batch));
  return records;
}

/** Every record from `from` on, read as a consumer does: chunk by chunk. */
export async function readAll(
  log: PartitionLog,
  from = log.logStartOffset,
  maxBytes = 4096,
): Promise<{ offset: number; key: string; timestamp: number }[]> {
  const all: { offset: number; key: string; timestamp: number }[] = [];
  for (let offset = from; ; ) {
    const chunk = await read(log, offset, maxBytes);
    if (!chunk) return all;
    for (const record of recordsOf(chunk.bytes)) {
      if (record.offset >= from) all.push({ offset: record.offset, key: record.key!.toString(), timestamp: record.timestamp });
    }
    if (chunk.nextOffset <= offset) throw new Error(`no progress at ${offset}`);
    offset = chunk.nextOffset;
    chunk.release();
  }
}

export const flush = (log: PartitionLog) => called((done) => log.flush(done));
/** Cuts the log of a follower, which then is the only replica again. */
export async function truncate(log: PartitionLog, offset: number): Promise<void> {
  await called((done) => log.truncateTo(offset, done));
  log.commitTo(Number.POSITIVE_INFINITY);
}
export const restartAt = (log: PartitionLog, offset: number) => called((done) => log.restartAt(offset, done));
export const appendFetched = (log: PartitionLog, records: Uint8Array) => called((done) => log.appendFetched(records, done));
export const closeStore = (store: LogStore) => called((done) => store.close(done));

function called(act: (done: (error: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => act((error) => (error ? reject(error) : resolve())));
}

/** Whether a folder says whose it is, the whole id; a power failure may leave half of it. */
export function isNamed(files: Files, folder: string): boolean {
  return /topic_id: [\w-]{22}/.test(files.read(`${folder}/partition.metadata`)?.toString() ?? '');
}
