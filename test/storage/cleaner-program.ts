import { readdirSync } from 'node:fs';
import { realClock } from '../../src/core/clock.ts';
import { KafkaError } from '../../src/core/errors.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { realFiles } from '../../src/core/real-files.ts';
import { eachBatch } from '../../src/protocol/records/batch.ts';
import { buildBatch } from '../../src/protocol/records/build.ts';
import { forEachRecord } from '../../src/protocol/records/walk.ts';
import { openDataDirectory } from '../../src/storage/data-directory.ts';
import type { CompactionResult } from '../../src/storage/log-compacting.ts';
import { DEFAULT_LOG_CONFIG, type LogConfig } from '../../src/storage/log-config.ts';
import { openLogStore } from '../../src/storage/log-store.ts';
import { startMeasuringStalls } from '../support/loop-stalls.ts';

/**
 * A program for a process of its own: fills a log with records over some keys, and compacts it while a producer and a consumer go on. Prints
 * what the loop and the producer felt of it, and what is left of the log, as a line of JSON.
 *
 * node cleaner-program.mjs <folder> <records> <keys>
 */
const [folder, records, keys] = [process.argv[2]!, Number(process.argv[3]), Number(process.argv[4])];
const RECORDS_PER_BATCH = 100;
const VALUE_BYTES = 100;
const PRODUCE_EVERY_MS = 2;
/** Of producing alone, for comparison. */
const ALONE_MS = 2_000;

const config: LogConfig = {
  ...DEFAULT_LOG_CONFIG,
  compacted: true,
  deletes: false,
  segmentBytes: Math.min(8 * 1024 * 1024, records * 10),
  fileDeleteDelayMs: 500,
};
const store = openLogStore({
  directory: openDataDirectory(realFiles, folder, 'test'),
  clock: realClock,
  clusterId: 'BBBBBBBBBBBBBBBBBBBBBB',
  nodeId: 1,
  logger: { ...silentLogger, warn: (...line) => console.error(...line), error: (...line) => console.error(...line) },
});
const log = store.log({ topic: 'orders', partition: 0 }, 'AAAAAAAAAAAAAAAAAAAAAQ', config);
log.commitTo(Number.POSITIVE_INFINITY);

/** The number of the record that was last appended with each key. */
const expected = new Map<string, number>();
let appended = 0;

function nextBatch(): Buffer {
  const batch = Array.from({ length: RECORDS_PER_BATCH }, () => {
    const number = appended++;
    const key = `key-${(number * 7919) % keys}`;
    expected.set(key, number);
    const value = Buffer.alloc(VALUE_BYTES, 'v');
    value.write(`${number};`);
    return { key: Buffer.from(key), value, timestamp: Date.now() };
  });
  return buildBatch({ records: batch });
}

const append = (batch: Buffer) =>
  new Promise<void>((resolve, reject) => {
    log.append(batch, { leaderEpoch: 0 }, (error) => (error ? reject(error) : resolve()));
  });
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const read = (from: number) =>
  new Promise<{ bytes: Buffer; nextOffset: number; release(): void } | null>((resolve, reject) => {
    log.read(from, 65_536, Number.MAX_SAFE_INTEGER, true, (error, chunk) => (error ? reject(error) : resolve(chunk)));
  });

/** What those who use the loop felt while `during` went on. */
async function measured<T>(during: () => Promise<T>): Promise<{ result: T; feels: object }> {
  const latencies: number[] = [];
  let going = true;
  const producing = (async () => {
    while (going) {
      const batch = nextBatch();
      const start = performance.now();
      await append(batch);
      latencies.push(performance.now() - start);
      await pause(PRODUCE_EVERY_MS);
    }
  })();
  const consuming = (async () => {
    for (let from = 0; going; await pause(1)) {
      const chunk = await read(from);
      from = chunk?.nextOffset ?? 0;
      chunk?.release();
    }
  })();
  await pause(200); // the first rounds compile
  const stalls = startMeasuringStalls();
  latencies.length = 0;
  const start = performance.now();
  const result = await during();
  const tookMs = performance.now() - start;
  const felt = stalls();
  going = false;
  await Promise.all([producing, consuming]);
  latencies.sort((one, other) => one - other);
  const quantile = (q: number) => Number(latencies[Math.floor(q * (latencies.length - 1))]?.toFixed(3));
  return {
    result,
    feels: { tookMs: Math.round(tookMs), ...felt, batches: latencies.length, p50: quantile(0.5), p99: quantile(0.99), max: quantile(1) },
  };
}

/** Of this process, where the system tells. */
const threadCount = () => (process.platform === 'linux' ? readdirSync('/proc/self/task').length : 0);

async function main(): Promise<void> {
  for (let i = 0; i < records / RECORDS_PER_BATCH; i++) {
    const done = append(nextBatch());
    if (i % 20 === 0) await done;
  }
  await append(nextBatch());
  const alone = await measured(() => pause(ALONE_MS));
  let error: string | null = null;
  const threadsBefore = threadCount();
  let threads = 0;
  const compacting = await measured(
    () =>
      new Promise<CompactionResult>((resolve) =>
        log.compact((failure, result) => {
          error = failure && `${failure instanceof KafkaError ? failure.errorName : ''} ${failure.message}`;
          threads = threadCount() - threadsBefore;
          resolve(result);
        }),
      ),
  );
  const after = await measured(() => pause(1_500)); // the files that were replaced go

  const left = new Map<string, number>();
  let leftRecords = 0;
  for (let from = 0; ; ) {
    const chunk = await read(from);
    if (!chunk) break;
    for (const batch of eachBatch(chunk.bytes))
      forEachRecord(batch, ({ key, value }) => {
        leftRecords++;
        left.set(String(key), Number.parseInt(String(value), 10));
      });
    from = chunk.nextOffset;
    chunk.release();
  }
  const wrong = [...expected].filter(([key, number]) => left.get(key) !== number).length;
  console.log(
    JSON.stringify({
      ...{ appended, keys: left.size, leftRecords, wrong, error, threads, result: compacting.result },
      ...{ alone: alone.feels, compacting: compacting.feels, after: after.feels },
    }),
  );
  await new Promise<void>((resolve, reject) => store.close((error) => (error ? reject(error) : resolve())));
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
