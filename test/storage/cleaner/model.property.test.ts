import { expect, test } from 'vitest';
import { fakeClock } from '../../../src/core/fake-clock.ts';
import { memoryFiles } from '../../../src/core/memory-files.ts';
import type { CompactionResult } from '../../../src/storage/log-compacting.ts';
import type { LogConfig } from '../../../src/storage/log-config.ts';
import type { PartitionLog } from '../../../src/storage/partition-log.ts';
import { compacted, modelBatches } from '../../support/cleaner-model.ts';
import { appendFetched, closeStore, openStore, orders, read } from '../../support/log-fixture.ts';
import { prng } from '../../support/prng.ts';
import { randomLog } from '../../support/random-log.ts';

const LOGS = Number(process.env.COMPACTION_LOGS ?? 60);
const SEED = Number(process.env.COMPACTION_SEED ?? Math.floor(Math.random() * 1_000_000));
const DELETE_RETENTION_MS = 60_000;

const compact = (log: PartitionLog) =>
  new Promise<CompactionResult>((resolve, reject) => log.compact((error, result) => (error ? reject(error) : resolve(result))));

async function bytesOf(log: PartitionLog): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for (let offset = log.logStartOffset; ; ) {
    const chunk = await read(log, offset, 1_000);
    if (!chunk) return Buffer.concat(chunks);
    chunks.push(Buffer.from(chunk.bytes));
    offset = chunk.nextOffset;
    chunk.release();
  }
}

test(`compaction leaves what its rules say of random logs, round after round (seed ${SEED})`, async () => {
  for (let i = 0; i < LOGS; i++) await compareOne(SEED + i);
}, 120_000);

async function compareOne(seed: number): Promise<void> {
  const random = prng(seed);
  const below = (n: number) => Math.floor(random() * n);
  const clock = fakeClock();
  const files = memoryFiles();
  const config: Partial<LogConfig> = {
    ...{ compacted: true, deletes: false, segmentBytes: 600 + below(4_000), indexIntervalBytes: 1 + below(600) },
    deleteRetentionMs: DELETE_RETENTION_MS,
  };
  const codecs = random() < 0.7 ? [0] : [0, 1, 2, 3, 4];
  const batches = randomLog(random, { batches: 150, keys: 5 + below(60), nowMs: clock.now(), codecs });
  const settings = {
    dedupeBufferBytes: 240_000,
    loadFactor: 0.9,
    ioBufferBytes: 61 + below(5_000),
    maxBytesPerSecond: Number.POSITIVE_INFINITY,
  };
  let store = openStore(files, '/data', clock, undefined, undefined, settings);
  let log = orders(store, config);
  for (let appended = 0; appended < batches.length; ) {
    const more = Math.min(1 + below(70), batches.length - appended);
    for (const batch of batches.slice(appended, appended + more)) await appendFetched(log, batch);
    appended += more;
    log.commitTo(random() < 0.3 ? log.segmentStarts().at(-1)!.baseOffset : log.logEndOffset);
    const before = modelBatches(await bytesOf(log));
    const nowMs = clock.now();
    const { firstDirtyOffset, dirtyBytes } = log.cleanable(nowMs);
    const result = await compact(log);
    const after = modelBatches(await bytesOf(log));
    if (dirtyBytes > 0) {
      const round = { nowMs, deleteRetentionMs: DELETE_RETENTION_MS, firstDirtyOffset, endOffset: result.firstDirtyOffset };
      expect(after, `seed ${seed}, ${appended} batches`).toEqual(compacted(before, { ...round, highWatermark: log.highWatermark }));
      expect(result.messagesBefore - result.messagesAfter).toBe(recordsIn(before) - recordsIn(after));
    }
    expectSoundIndexes(log);
    if (random() < 0.6) await clock.advance(random() < 0.3 ? DELETE_RETENTION_MS : below(DELETE_RETENTION_MS));
    if (random() < 0.3) {
      await closeStore(store);
      store = openStore(files, '/data', clock, undefined, undefined, settings);
      log = orders(store, config);
      expect(modelBatches(await bytesOf(log))).toEqual(after);
    }
  }
  await closeStore(store);
}

const recordsIn = (batches: readonly { readonly records: readonly unknown[] }[]) =>
  batches.reduce((sum, { records }) => sum + records.length, 0);

/** Every offset and time is found. */
function expectSoundIndexes(log: PartitionLog): void {
  const starts = log.segmentStarts().map(({ baseOffset }) => baseOffset);
  expect(starts).toEqual([...new Set(starts)].sort((one, other) => one - other));
  const highest = log.maxTimestamp();
  if (highest) expect(log.offsetForTimestamp(highest.timestamp)).toEqual(highest);
}
