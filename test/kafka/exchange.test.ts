import { cpSync, existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { CompressionTypes } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildBatch, type RecordInput } from '../../src/protocol/records/build.ts';
import { kafkaJs } from '../clients/kafkajs-client.ts';
import { startApacheKafka } from './apache-kafka.ts';
import { type RunningBroker, temporaryDirectory } from './broker-process.ts';
import { dumpProblems } from './dump-log.ts';
import { CODECS, inSequence, linesOf, load } from './load.ts';
import { runMinikafka, startMinikafka } from './minikafka.ts';
import { lineOf, type Peer, withPeer } from './peer.ts';
import { withoutKafka } from './with-kafka.ts';

/*
 * Folders that one of the two brokers wrote are served by the other. Apache Kafka compresses by itself what comes plain (compression.type), so
 * what it wrote is in its own encoding; minikafka keeps what its clients sent.
 */
const SMALL_SEGMENTS = { 'segment.bytes': '1048576' }; // the least that Kafka takes
const BATCHES = 40;
const DUPLICATE_OF = 'kafka-gzip';

const directories: string[] = [];
const running: RunningBroker[] = [];
let kafka: RunningBroker;

/** By topic and partition: what was sent, and where the log begins. */
const sent = new Map<string, { batches: RecordInput[][]; from: number }>();
const ids = new Map<string, string>();
/** The last batch of an idempotent producer, to be sent again. */
let last: { bytes: Buffer; baseOffset: number; next: Buffer };

async function started(starting: Promise<RunningBroker>): Promise<RunningBroker> {
  const broker = await starting;
  running.push(broker);
  directories.push(broker.directory);
  return broker;
}

async function expectServed(broker: RunningBroker, topics: Iterable<string>): Promise<void> {
  await withPeer(broker, async (peer) => {
    for (const name of topics) {
      const [, topic, partition] = /^(.*)\/(\d)$/.exec(name)!;
      const { batches, from } = sent.get(name)!;
      const read = await peer.readAll(topic!, Number(partition));
      expect(read.map(lineOf), name).toEqual(linesOf(batches, from));
      const codec = CODECS.indexOf(topic!.replace(/^\w+-/, '') as (typeof CODECS)[number]);
      if (codec >= 0) expect(peer.codecs, name).toContain(codec);
    }
  });
}
const of = (writer: string) => [...sent.keys()].filter((name) => name.startsWith(writer));

/** Sends to a topic's partition, each other batch from an idempotent producer. */
async function fill(peer: Peer, topic: string, partition: number, batches: RecordInput[][], attributes = 0): Promise<void> {
  const numbered = inSequence(await peer.producerId());
  let baseOffset = 0;
  for (const [i, records] of batches.entries()) {
    const isIdempotent = i % 2 === 1;
    const bytes = buildBatch({ ...(isIdempotent ? numbered(records) : { records }), attributes });
    expect(await peer.produce(topic, partition, Buffer.from(bytes))).toEqual({ errorCode: 0, baseOffset });
    if (isIdempotent && topic === DUPLICATE_OF) last = { bytes, baseOffset, next: Buffer.alloc(0) };
    baseOffset += records.length;
  }
  if (topic === DUPLICATE_OF) last.next = buildBatch(numbered([{ value: Buffer.from('next'), timestamp: 1 }]));
  sent.set(`${topic}/${partition}`, { batches, from: 0 });
}

describe.skipIf(withoutKafka)('folders are exchanged', () => {
  beforeAll(async () => {
    kafka = await started(startApacheKafka('4.4.0'));
    await withPeer(kafka, async (peer) => {
      for (const [i, codec] of CODECS.entries()) {
        const type = codec === 'none' ? 'uncompressed' : codec;
        const partitions = codec === 'none' ? 2 : 1;
        await peer.createTopic(`kafka-${codec}`, partitions, { ...SMALL_SEGMENTS, 'compression.type': type });
        for (let partition = 0; partition < partitions; partition++) {
          await fill(peer, `kafka-${codec}`, partition, load(i * 10 + partition, BATCHES));
        }
        await peer.createTopic(`ours-${codec}`, 1, SMALL_SEGMENTS);
      }
      await peer.createTopic('ours-kafkajs', 1, SMALL_SEGMENTS);
      for (const [name, from] of [
        ['kafka-none/1', 5],
        ['kafka-zstd/0', 60], // beyond the first segment
      ] as const) {
        const [topic, partition] = name.split('/');
        await peer.deleteRecords(topic!, Number(partition), from);
        sent.set(name, { ...sent.get(name)!, from });
      }
      for (const [name, id] of await peer.topicIds()) ids.set(name, id);
    });
    await kafka.end();
  });
  afterAll(async () => {
    for (const broker of running) await broker.stop(true);
    for (const directory of directories) rmSync(directory, { recursive: true, force: true });
  });

  test('what Apache Kafka wrote, minikafka serves after topics import', async () => {
    const directory = temporaryDirectory('imported');
    directories.push(directory);
    const source = join(kafka.directory, 'data');
    expect(readdirSync(join(source, 'kafka-none-0')).filter((name) => name.endsWith('.log')).length).toBeGreaterThan(1);
    const topics = CODECS.flatMap((codec) => ['--topic', `kafka-${codec}`]);
    const config = ['--config', 'retention.ms=-1', '--config', 'segment.bytes=1048576'];
    const out = runMinikafka('topics', 'import', source, '--data', join(directory, 'data'), ...topics, ...config, '--json');
    expect(JSON.parse(out)).toMatchObject({ endedCleanly: true, skipped: [] });

    const mini = await started(startMinikafka({}, directory));
    await expectServed(mini, of('kafka'));
    await withPeer(mini, async (peer) => {
      const served = await peer.topicIds();
      for (const codec of CODECS) expect(served.get(`kafka-${codec}`)).toBe(ids.get(`kafka-${codec}`));
      expect(await peer.logStart('kafka-zstd', 0)).toBe(60);
      // Producers are known still: what Kafka had from them is not taken again, and they go on.
      expect(await peer.produce(DUPLICATE_OF, 0, last.bytes)).toEqual({ errorCode: 0, baseOffset: last.baseOffset });
      const end = sent.get(`${DUPLICATE_OF}/0`)!.batches.flat().length;
      expect(await peer.produce(DUPLICATE_OF, 0, last.next)).toEqual({ errorCode: 0, baseOffset: end });
    });
    await mini.end();
    expect(dumpProblems(join(directory, 'data'))).toEqual([]);
  });

  test('what minikafka wrote, Apache Kafka serves in the place of its own segments', async () => {
    const mini = await started(startMinikafka());
    await withPeer(mini, async (peer) => {
      for (const [i, codec] of CODECS.entries()) {
        await peer.createTopic(`ours-${codec}`, 1, SMALL_SEGMENTS);
        await fill(peer, `ours-${codec}`, 0, load(100 + i, BATCHES), i);
      }
      await peer.createTopic('ours-kafkajs', 1, SMALL_SEGMENTS);
    });
    sent.set('ours-kafkajs/0', { batches: await sendByKafkaJs(`localhost:${mini.port}`), from: 0 });
    await mini.end();
    const ours = join(mini.directory, 'data');
    const theirs = join(kafka.directory, 'data');
    expect(dumpProblems(ours)).toEqual([]);
    for (const name of of('ours')) {
      const folder = name.replace('/', '-');
      for (const file of readdirSync(join(theirs, folder))) if (file !== 'partition.metadata') rmSync(join(theirs, folder, file));
      cpSync(join(ours, folder), join(theirs, folder), { recursive: true, filter: (from) => !from.endsWith('partition.metadata') });
    }
    rmSync(join(theirs, '.kafka_cleanshutdown'));
    kafka = await started(kafka.again());
    await expectServed(kafka, of('ours'));
    await withPeer(kafka, async (peer) => {
      const more = buildBatch({ records: [{ value: Buffer.from('more'), timestamp: 1 }] });
      for (const name of of('ours')) {
        const baseOffset = sent.get(name)!.batches.flat().length;
        expect(await peer.produce(name.slice(0, -2), 0, more), name).toEqual({ errorCode: 0, baseOffset });
      }
    });
  });

  test('what a killed Apache Kafka leaves is imported with a word, and recovered', async () => {
    await kafka.stop(true);
    const directory = temporaryDirectory('killed');
    directories.push(directory);
    const source = join(kafka.directory, 'data');
    expect(existsSync(join(source, '.kafka_cleanshutdown'))).toBe(false);
    const config = ['--config', 'retention.ms=-1'];
    const out = runMinikafka('topics', 'import', source, '--data', join(directory, 'data'), ...config, '--json');
    const { endedCleanly, topics, skipped } = JSON.parse(out);
    expect(endedCleanly).toBe(false);
    expect(topics).toHaveLength(2 * CODECS.length + 1);
    expect(skipped).toEqual([{ folders: ['__cluster_metadata-0'], reason: "Kafka's own topic" }]);
    const mini = await started(startMinikafka({}, directory));
    for (const name of of('ours')) {
      const entry = sent.get(name)!;
      sent.set(name, { ...entry, batches: [...entry.batches, [{ value: Buffer.from('more'), timestamp: 1 }]] });
    }
    await expectServed(mini, sent.keys());
    await mini.end();
    expect(dumpProblems(join(directory, 'data'))).toEqual([]);
  });
});

/** By turns plain and with gzip, as an idempotent producer. */
async function sendByKafkaJs(bootstrap: string): Promise<RecordInput[][]> {
  const producer = await kafkaJs(bootstrap).producer({ idempotent: true, maxInFlightRequests: 1 });
  const batches = load(200, 10).map((records) => records.map((record) => ({ ...record, headers: [] })));
  for (const [i, records] of batches.entries()) {
    const headers = { which: Buffer.from(String(i)) };
    const messages = records.map(({ key, value, timestamp }) => ({
      key: key ? Buffer.from(key) : null,
      value: value ? Buffer.from(value) : null,
      timestamp: String(timestamp),
      headers,
    }));
    await producer.send({ topic: 'ours-kafkajs', compression: i % 2 === 0 ? CompressionTypes.None : CompressionTypes.GZIP, messages });
  }
  return batches.map((records, i) => records.map((record) => ({ ...record, headers: [{ key: 'which', value: Buffer.from(String(i)) }] })));
}
