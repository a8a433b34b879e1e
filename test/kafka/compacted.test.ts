import { cpSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { realFiles } from '../../src/core/real-files.ts';
import { buildBatch, type RecordInput } from '../../src/protocol/records/build.ts';
import { checkpointLines } from '../../src/storage/checkpoints.ts';
import type { PartitionLog } from '../../src/storage/partition-log.ts';
import { eventually } from '../support/eventually.ts';
import { append, closeStore, openStore, orders, testConfig } from '../support/log-fixture.ts';
import { prng } from '../support/prng.ts';
import { startApacheKafka } from './apache-kafka.ts';
import { type RunningBroker, temporaryDirectory } from './broker-process.ts';
import { dumpLogs } from './dump-log.ts';
import { CODECS, inSequence } from './load.ts';
import { startMinikafka } from './minikafka.ts';
import { lineOf, type Peer, withPeer } from './peer.ts';
import { withoutKafka } from './with-kafka.ts';

/*
 * What compaction writes, read by Apache Kafka: every file by DumpLogSegments, whole logs by a broker of 4.4.0 in the place of its own.
 */
const ROUNDS = 3;
const BATCHES_A_ROUND = 120;
const KEYS = 30;
const TOPICS = CODECS.map((codec) => `compacted-${codec}`);
/** Segments of some 20 KB. */
const CONFIG = {
  'log.cleaner.backoff.ms': '100',
  'log.index.interval.bytes': '1000',
  'log.index.size.max.bytes': '160',
  'log.segment.delete.delay.ms': '200',
};
const COMPACTED = { 'cleanup.policy': 'compact', 'min.cleanable.dirty.ratio': '0.01', 'segment.bytes': '1048576' };
/** No cleaner of Kafka touches what we have put there. */
const LEFT_ALONE = { ...COMPACTED, 'min.compaction.lag.ms': '1000000000000' };
const WAIT_MS = 60_000;
const DELETED: RecordInput = { key: Buffer.from('deleted'), value: null, timestamp: Date.now() };
const SEED = Number(process.env.COMPACTED_SEED ?? Date.now() % 1_000_000);

const directories: string[] = [];
const brokers: RunningBroker[] = [];
/** By topic: what a consumer read at the end, and the last batch of its producer with the one that would come next. */
const read = new Map<string, string[]>();
const last = new Map<string, { bytes: Buffer; baseOffset: number; next: Buffer; endOffset: number }>();
/** By topic: the last value of each key; null: a tombstone. */
const values = new Map<string, Map<string, string | null>>();
let ours: RunningBroker;
let failed = false;

async function started(starting: Promise<RunningBroker>): Promise<RunningBroker> {
  const broker = await starting;
  brokers.push(broker);
  directories.push(broker.directory);
  return broker;
}

function keyed(random: () => number, keys = KEYS): RecordInput[] {
  const upTo = (n: number) => Math.floor(random() * n);
  return Array.from({ length: 1 + upTo(6) }, () => ({
    key: Buffer.from(`key-${upTo(keys)}`),
    value: upTo(8) === 0 ? null : Buffer.alloc(upTo(300), `${upTo(1_000_000)} minikafka `),
    timestamp: Date.now(),
    headers: upTo(3) === 0 ? [{ key: 'größe', value: Buffer.from([upTo(256)]) }] : [],
  }));
}

/** Sends to each topic in its codec, as one idempotent producer each. */
async function fill(peer: Peer, random: () => number, attributes: number, numbered: ReturnType<typeof inSequence>): Promise<void> {
  const topic = TOPICS[attributes]!;
  const known = values.get(topic)!;
  for (let i = 0; i < BATCHES_A_ROUND; i++) {
    const records = keyed(random);
    const bytes = buildBatch({ ...numbered(records), attributes });
    const { errorCode, baseOffset } = await peer.produce(topic, 0, Buffer.from(bytes));
    expect(errorCode).toBe(0);
    for (const { key, value } of records) known.set(Buffer.from(key!).toString(), value ? Buffer.from(value).toString('base64') : null);
    last.set(topic, { bytes, baseOffset, next: Buffer.alloc(0), endOffset: baseOffset + records.length });
  }
}

/** Waits until nothing but active segments is left to be compacted. */
const compactedWhole = (data: string) =>
  eventually(() => {
    const done = (checkpointLines(readFileSync(join(data, 'cleaner-offset-checkpoint'))) ?? []).map((line) => line.split(' '));
    for (const topic of TOPICS) {
      const active = readdirSync(join(data, `${topic}-0`)).findLast((name) => name.endsWith('.log'))!;
      const entry = done.find(([name]) => name === topic);
      expect({ topic, upTo: Number(entry?.[2] ?? -1) }).toEqual({ topic, upTo: Number(active.slice(0, 20)) });
    }
  }, WAIT_MS);

describe.skipIf(withoutKafka)('logs that were compacted', () => {
  beforeAll(async () => {
    console.log(`COMPACTED_SEED=${SEED}`);
    const random = prng(SEED);
    ours = await started(startMinikafka(CONFIG));
    const producers = await withPeer(ours, async (peer) => {
      const made: ReturnType<typeof inSequence>[] = [];
      for (const [attributes, topic] of TOPICS.entries()) {
        await peer.createTopic(topic, 1, COMPACTED);
        values.set(topic, new Map());
        // One who is heard of no more: what he wrote goes, his last batch stays, empty.
        const first = inSequence(await peer.producerId());
        expect(await peer.produce(topic, 0, buildBatch({ ...first(keyed(random, 3)), attributes }))).toMatchObject({ errorCode: 0 });
        const numbered = inSequence(await peer.producerId());
        // A key that is deleted and not written again: its tombstone stays, whatever the seed has of others.
        expect(await peer.produce(topic, 0, buildBatch({ ...numbered([DELETED]), attributes }))).toMatchObject({ errorCode: 0 });
        values.get(topic)!.set(`${DELETED.key}`, null);
        made.push(numbered);
      }
      return made;
    });
    for (let round = 1; round <= ROUNDS; round++) {
      await withPeer(ours, (peer) => Promise.all(producers.map((numbered, attributes) => fill(peer, random, attributes, numbered))));
      await ours.stop(true);
      ours = await started(ours.again());
    }
    await compactedWhole(join(ours.directory, 'data'));
    await withPeer(ours, async (peer) => {
      for (const [i, topic] of TOPICS.entries()) {
        read.set(topic, (await peer.readAll(topic, 0)).map(lineOf));
        const next = buildBatch(producers[i]!([{ key: Buffer.from('next'), value: Buffer.from('next'), timestamp: Date.now() }]));
        last.set(topic, { ...last.get(topic)!, next });
      }
    });
    await ours.end();
  });
  beforeEach(({ onTestFailed }) =>
    onTestFailed(() => {
      failed = true;
    }),
  );
  afterAll(async () => {
    for (const broker of brokers) await broker.stop(true);
    if (failed) console.error(`COMPACTED_SEED=${SEED}; the data is kept in ${[...new Set(directories)]}`);
    else for (const directory of directories) rmSync(directory, { recursive: true, force: true });
  });

  test('are sound to DumpLogSegments in each file, with delete horizons, gaps, and the empty batches of producers', () => {
    const { problems, batches } = dumpLogs(join(ours.directory, 'data'), TOPICS);
    expect(problems).toEqual([]);
    for (const [attributes, topic] of TOPICS.entries()) {
      const cleaned = [...batches].flatMap(([file, lines]) => (file.startsWith(`${topic}-0/`) ? lines : []));
      expect(cleaned.filter((line) => /deleteHorizonMs: OptionalLong\[\d+\]/.test(line)).length, topic).toBeGreaterThan(0);
      expect(cleaned.filter((line) => / count: 0 /.test(line)).length, topic).toBe(1);
      const hasGap = (line: string) => {
        const [, base, end, count] = /^baseOffset: (\d+) lastOffset: (\d+) count: (\d+) /.exec(line)!.map(Number);
        return count! < end! - base! + 1;
      };
      expect(cleaned.filter(hasGap).length, topic).toBeGreaterThan(1);
      const codecs = new Set(cleaned.map((line) => / compresscodec: (\w+) /.exec(line)![1]));
      expect([...codecs].sort(), topic).toEqual([...new Set(['none', CODECS[attributes]!])].sort()); // an empty batch is not compressed
    }
  });

  test('hold the last value of each key', () => {
    for (const topic of TOPICS) {
      const lines = read.get(topic)!;
      expect(lines.length, topic).toBeLessThan(last.get(topic)!.endOffset / 4);
      expect(lines.length, topic).toBeGreaterThanOrEqual(values.get(topic)!.size);
    }
  });

  test('are served by Apache Kafka in the place of its own, as they are by us, and their producers go on', async () => {
    let kafka = await started(startApacheKafka('4.4.0'));
    await withPeer(kafka, async (peer) => {
      for (const topic of TOPICS) await peer.createTopic(topic, 1, LEFT_ALONE);
    });
    await kafka.end();
    const theirs = join(kafka.directory, 'data');
    for (const topic of TOPICS) {
      const folder = `${topic}-0`;
      for (const file of readdirSync(join(theirs, folder))) if (file !== 'partition.metadata') rmSync(join(theirs, folder, file));
      const filter = (from: string) => !from.endsWith('partition.metadata');
      cpSync(join(ours.directory, 'data', folder), join(theirs, folder), { recursive: true, filter });
    }
    rmSync(join(theirs, '.kafka_cleanshutdown')); // it recovers them, too
    kafka = await started(kafka.again());
    await withPeer(kafka, async (peer) => {
      for (const topic of TOPICS) {
        const all = await peer.readAll(topic, 0);
        expect(all.map(lineOf), topic).toEqual(read.get(topic));
        const found = new Map(all.map(({ key, value }) => [Buffer.from(key!).toString(), value && Buffer.from(value).toString('base64')]));
        expect(found, topic).toEqual(values.get(topic));
        const { bytes, baseOffset, next, endOffset } = last.get(topic)!;
        expect(await peer.produce(topic, 0, bytes), topic).toEqual({ errorCode: 0, baseOffset });
        expect(await peer.produce(topic, 0, next), topic).toEqual({ errorCode: 0, baseOffset: endOffset });
      }
    });
    await kafka.end();
  });
});

describe.skipIf(withoutKafka)('a compacted log that is cut', () => {
  const compact = (log: PartitionLog) =>
    new Promise<void>((resolve, reject) => log.compact((error) => (error ? reject(error) : resolve())));
  const cut = (log: PartitionLog, offset: number) =>
    new Promise<void>((resolve, reject) => log.truncateTo(offset, (error) => (error ? reject(error) : resolve())));

  test('in its middle, and written on, is sound, also when it was recovered before', async () => {
    const random = prng(SEED);
    const directory = temporaryDirectory('cut');
    directories.push(directory);
    const config = testConfig({ segmentBytes: 20_000, indexIntervalBytes: 1000, compacted: true, deletes: false });
    let store = openStore(realFiles, directory);
    let log = orders(store, config);
    const write = async () => {
      for (let i = 0; i < 200; i++) await append(log, buildBatch({ records: keyed(random), attributes: i % CODECS.length })).done;
    };
    for (let round = 0; round < 4; round++) {
      await write();
      await compact(log);
      await cut(log, Math.floor(log.logEndOffset * (0.3 + random() / 2)));
      await write();
      await closeStore(store);
      const { problems } = dumpLogs(directory, ['orders']);
      expect(problems, `round ${round}, seed ${SEED}, in ${directory}`).toEqual([]);
      if (round % 2 === 0) rmSync(join(directory, '.kafka_cleanshutdown'));
      store = openStore(realFiles, directory);
      log = orders(store, config);
    }
    await closeStore(store);
    rmSync(directory, { recursive: true });
  });
});
