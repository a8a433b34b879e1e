import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, expect, test } from 'vitest';
import { fakeClock } from '../../src/core/fake-clock.ts';
import { realFiles } from '../../src/core/real-files.ts';
import { BATCH_HEADER_BYTES, BatchView, eachBatch } from '../../src/protocol/records/batch.ts';
import { recordBytes } from '../../src/protocol/records/walk.ts';
import type { LogConfig } from '../../src/storage/log-config.ts';
import type { PartitionLog } from '../../src/storage/partition-log.ts';
import { appendFetched, closeStore, openStore, orders, testConfig } from '../support/log-fixture.ts';
import { prng } from '../support/prng.ts';
import { randomLog } from '../support/random-log.ts';
import { fetchJars, JAVA_ARGS, missingPrograms } from './apache-kafka.ts';

const ROUNDS = Number(process.env.CLEANER_LOGS ?? 15);
const SEED = Number(process.env.CLEANER_SEED ?? Date.now() % 100_000);
/** Batches of the log, by number: the high watermark stands there for a while. */
const STAGES = [90, 210];
const DELETE_RETENTION_MS = 60_000;
const SEGMENT_BYTES = 2_000;
/** Room for 90 keys: some rounds end before they have gone through all. */
const FEW_KEYS = 100 * 24;
const MANY_KEYS = 10_000 * 24;

let answers: AsyncIterator<string>;
let cleaner: ChildProcess | undefined;
afterAll(() => cleaner?.kill());

/** See KafkaCleaner.java. */
async function kafkaCleans(...round: readonly (string | number)[]): Promise<string> {
  if (!cleaner) {
    const jars = fetchJars('4.4.0');
    cleaner = spawn('java', [...JAVA_ARGS, '-cp', `${jars}/*`, join(import.meta.dirname, 'KafkaCleaner.java')], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    answers = createInterface({ input: cleaner.stdout! })[Symbol.asyncIterator]();
  }
  cleaner.stdin!.write(`${round.join(' ')}\n`);
  const { value, done } = await answers.next();
  if (done) throw new Error("Apache Kafka's cleaner ended");
  return value;
}

/** All batches of a folder's segments; compressed ones by what is in them, since every library compresses in its own way. */
function contentOf(folder: string): string[] {
  const logs = readdirSync(folder).filter((name) => /^\d{20}\.log$/.test(name));
  return logs.flatMap((name) => Array.from(eachBatch(readFileSync(join(folder, name))), textOf));
}

function textOf(batch: BatchView): string {
  if (!batch.crcMatches()) throw new Error(`the CRC of batch ${batch.baseOffset} is wrong`);
  const header = Buffer.from(batch.bytes.subarray(batch.at, batch.at + BATCH_HEADER_BYTES));
  if (batch.codecId !== 0) {
    header.fill(0, 8, 12); // length
    header.fill(0, 17, 21); // CRC
  }
  const { baseOffset, lastOffset, count, producerId, baseSequence, isControl, hasDeleteHorizon, baseTimestamp } = batch;
  const summary = { baseOffset, lastOffset, count, producerId, baseSequence, isControl, hasDeleteHorizon, baseTimestamp };
  return `${JSON.stringify(summary)} ${header.toString('hex')} ${Buffer.from(recordBytes(batch)).toString('hex')}`;
}

function firstDifference(ours: readonly string[], theirs: readonly string[]): string {
  const i = Array.from({ length: Math.max(ours.length, theirs.length) }).findIndex((_, at) => ours[at] !== theirs[at]);
  return i < 0 ? '' : `ours: ${ours[i]}\ntheirs: ${theirs[i]}`;
}

/** Every library compresses to other lengths. */
const withoutBytes = (found: string) => found.replace(/^(\S+ \S+) \S+ \S+/, '$1');

const compact = (log: PartitionLog) =>
  new Promise<number>((resolve, reject) => {
    log.compact((error, { firstDirtyOffset }) => (error ? reject(error) : resolve(firstDirtyOffset)));
  });

test.skipIf(missingPrograms().length > 0)("what is left of a log, batch by batch, is what Apache Kafka's own cleaner leaves", async () => {
  console.log(`cleaner: seed ${SEED}, ${ROUNDS} logs`);
  for (let i = 0; i < ROUNDS; i++) await compareOne(SEED + i);
});

/** The first batch from `from` on that no marker goes before: Apache Kafka forgets at a start what was decided behind the high watermark. */
const settled = (batches: readonly Buffer[], from: number): Buffer => batches.slice(from).find((batch) => !new BatchView(batch).isControl)!;

async function compareOne(seed: number): Promise<void> {
  const random = prng(seed);
  const folder = mkdtempSync(join(tmpdir(), 'minikafka-cleaner-'));
  const [ourFolder, theirFolder] = [join(folder, 'ours', 'orders-0'), join(folder, 'theirs', 'orders-0')];
  mkdirSync(join(folder, 'theirs'));
  const dedupeBufferBytes = random() < 0.3 ? FEW_KEYS : MANY_KEYS;
  const isPlain = random() < 0.5;
  const minCompactionLagMs = random() < 0.3 ? 10_000 : 0;
  const config: Partial<LogConfig> = {
    minCompactionLagMs,
    ...{ compacted: true, deletes: false, segmentBytes: SEGMENT_BYTES, segmentIndexBytes: 100_000 },
    ...{ deleteRetentionMs: DELETE_RETENTION_MS, fileDeleteDelayMs: 0 },
  };
  const clock = fakeClock(Date.now()); // Apache Kafka forgets producers that were idle for 25 days
  const startMs = clock.now();
  const settings = { dedupeBufferBytes, loadFactor: 0.9, ioBufferBytes: 4_096, maxBytesPerSecond: Number.POSITIVE_INFINITY };
  const store = openStore(realFiles, join(folder, 'ours'), clock, undefined, undefined, settings);
  const log = orders(store, config);
  const batches = randomLog(random, {
    batches: 300,
    keys: 20 + Math.floor(random() * 300),
    nowMs: startMs,
    codecs: isPlain ? [0] : [0, 1, 2, 3, 4],
    settledAt: STAGES,
  });
  for (const batch of batches) await appendFetched(log, batch);
  await closeStore(store);
  // Without our snapshots: with them it would take transactions for decided whose markers are behind the high watermark.
  cpSync(ourFolder, theirFolder, { recursive: true, filter: (path) => !path.endsWith('.snapshot') });

  const again = openStore(realFiles, join(folder, 'ours'), clock, undefined, undefined, settings);
  const reopened = again.log({ topic: 'orders', partition: 0 }, 'AAAAAAAAAAAAAAAAAAAAAQ', testConfig(config));
  for (const [stage, from] of [...STAGES, 300, 300].entries()) {
    const committed = stage < STAGES.length ? new BatchView(settled(batches, from)).baseOffset : reopened.logEndOffset;
    reopened.commitTo(committed);
    for (let part = 0; part < 6; part++) {
      const { firstDirtyOffset, firstUncleanableOffset, cleanBytes, dirtyBytes } = reopened.cleanable(clock.now());
      const checkpointed = part === 0 && stage === 0 ? -1 : firstDirtyOffset;
      const round = [
        checkpointed,
        reopened.highWatermark,
        clock.now(),
        DELETE_RETENTION_MS,
        SEGMENT_BYTES,
        dedupeBufferBytes,
        minCompactionLagMs,
      ];
      const theirs = await kafkaCleans(theirFolder, ...round);
      const end = dirtyBytes === 0 ? -1 : await compact(reopened);
      const what = `seed ${seed}, ${round.join(' ')}`;
      const found = [firstDirtyOffset, firstUncleanableOffset, cleanBytes, dirtyBytes, end].join(' ');
      expect(isPlain ? found : withoutBytes(found), what).toBe(isPlain ? theirs : withoutBytes(theirs));
      expect(firstDifference(contentOf(ourFolder), contentOf(theirFolder)), what).toBe('');
      if (end === -1) break;
      if (random() < 0.7) await clock.advance(DELETE_RETENTION_MS / 2);
    }
  }
  await closeStore(again);
  rmSync(folder, { recursive: true, force: true });
}
