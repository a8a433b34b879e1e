import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, test } from 'vitest';
import { Connection } from '../../src/client/connection.ts';
import { realClock } from '../../src/core/clock.ts';
import { tcpTransport } from '../../src/core/tcp-transport.ts';
import { AlterReplicaLogDirs, DescribeLogDirs } from '../../src/protocol/messages/index.ts';
import { brokerUnderTest, foreignBroker, unique } from '../support/broker-under-test.ts';
import { eventually } from '../support/eventually.ts';
import { prng } from '../support/prng.ts';
import { javaWithKafka } from './java.ts';
import { kafkaJs } from './kafkajs-client.ts';
import { logFaults } from './log-faults.ts';

const ROUNDS = Number(process.env.LOG_DIRS_ROUNDS ?? 6);
const seed = Number(process.env.LOG_DIRS_SEED ?? Date.now() % 1_000_000);
const PARTITIONS = 3;
const DISKS = 3;
const TOPIC = 'moving';
const VALUE = Buffer.alloc(1000, 'minikafka');

const broker = brokerUnderTest({ disks: DISKS });
const java = foreignBroker ? null : javaWithKafka();
const folder = mkdtempSync(join(tmpdir(), 'minikafka-log-dirs-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const disk = (n: number) => join(broker.process.data, `disk-${n}`);
const disks = Array.from({ length: DISKS }, (_, i) => i + 1);
const foldersOf = (n: number) => readdirSync(disk(n)).filter((name) => name.startsWith(TOPIC));

async function ask<T>(act: (connection: Connection) => Promise<T>): Promise<T> {
  const connection = await Connection.open(tcpTransport, realClock, { host: 'localhost', port: broker.process.port });
  try {
    return await act(connection);
  } finally {
    connection.close();
  }
}

/** Asks for the partitions to be moved to these disks. */
async function move(to: readonly number[]): Promise<void> {
  const dirs = to.map((n, partition) => ({ path: disk(n), topics: [{ name: TOPIC, partitions: [partition] }] }));
  const { results } = await ask((connection) => connection.request(AlterReplicaLogDirs, 2, { dirs }));
  expect(results.flatMap(({ partitions }) => partitions).map(({ errorCode }) => errorCode)).toEqual(to.map(() => 0));
}

/** Where each partition is, by disk; throws while one is on its way. */
async function places(): Promise<number[]> {
  const { results } = await ask((connection) => connection.request(DescribeLogDirs, 4, { topics: null }));
  const found: number[] = [];
  for (const { logDir, topics } of results) {
    for (const { partitions } of topics.filter(({ name }) => name === TOPIC)) {
      for (const { partitionIndex, isFutureKey } of partitions) {
        if (isFutureKey) throw new Error(`${partitionIndex} is on its way to ${logDir}`);
        found[partitionIndex] = disks.find((n) => disk(n) === logDir)!;
      }
    }
  }
  return found;
}

/** A load on each partition: numbers that count up, acknowledged by all. */
async function startLoad() {
  const producer = await kafkaJs(broker.bootstrap).producer({ idempotent: true, maxInFlightRequests: 1 });
  const acknowledged = new Array<number>(PARTITIONS).fill(0);
  let running = true;
  const loads = acknowledged.map(async (_, partition) => {
    while (running) {
      const from = acknowledged[partition]!;
      const messages = Array.from({ length: 20 }, (_unused, i) => ({ partition, key: String(from + i), value: VALUE }));
      await producer.send({ topic: TOPIC, acks: -1, messages });
      acknowledged[partition] = from + messages.length;
    }
  });
  return {
    acknowledged,
    async stop() {
      running = false;
      await Promise.all(loads);
      await producer.disconnect();
    },
  };
}

async function everything(counts: readonly number[]): Promise<string[][]> {
  const consumer = await kafkaJs(broker.bootstrap).consumer(unique('reader'));
  const read: string[][] = counts.map(() => []);
  await consumer.subscribe({ topic: TOPIC, fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ partition, message }) => {
      read[partition]!.push(message.key!.toString());
    },
  });
  await eventually(() => {
    for (const [partition, count] of counts.entries()) expect(read[partition]!.length).toBeGreaterThanOrEqual(count);
  }, 60_000);
  await consumer.disconnect();
  return read;
}

describe.skipIf(foreignBroker)('several log directories', () => {
  test(`replicas move between them under load, through ${ROUNDS} kill -9, and nothing is lost`, async () => {
    console.log(`LOG_DIRS_SEED=${seed} LOG_DIRS_ROUNDS=${ROUNDS}`);
    const random = prng(seed);
    const admin = await kafkaJs(broker.bootstrap).admin();
    const configEntries = [{ name: 'segment.bytes', value: '1048576' }];
    await admin.createTopics({ topics: [{ topic: TOPIC, numPartitions: PARTITIONS, configEntries }], waitForLeaders: true });
    const load = await startLoad();
    await eventually(() => {
      for (const count of load.acknowledged) expect(count).toBeGreaterThan(2000);
    }, 60_000);
    const outcomes = { goesOn: 0, over: 0 };
    for (let round = 0; round < ROUNDS; round++) {
      await eventually(places, 60_000);
      await move(disks.map(() => 1 + Math.floor(random() * DISKS)));
      await sleep(random() * 500);
      await broker.process.kill();
      if (disks.some((n) => foldersOf(n).some((name) => name.endsWith('-future')))) outcomes.goesOn++;
      else outcomes.over++;
      await broker.process.start();
      const current = disks.flatMap(foldersOf).filter((name) => /^moving-\d$/.test(name));
      expect(current.sort()).toEqual(Array.from({ length: PARTITIONS }, (_, p) => `${TOPIC}-${p}`));
      const before = [...load.acknowledged];
      await eventually(() => {
        for (const [p, count] of load.acknowledged.entries()) expect(count).toBeGreaterThan(before[p]!);
      }, 60_000);
    }
    console.log(`killed while something moved: ${outcomes.goesOn}, when nothing did: ${outcomes.over}`);
    const target = (await eventually(places, 60_000)).map((n) => (n % DISKS) + 1);
    await move(target);
    await eventually(async () => expect(await places()).toEqual(target), 60_000);
    await load.stop();
    const read = await everything(load.acknowledged);
    for (const [partition, count] of load.acknowledged.entries())
      expect(read[partition]).toEqual(Array.from({ length: count }, (_, n) => String(n)));
    await broker.process.stop();
    if (java !== null) for (const n of disks) if (foldersOf(n).length > 0) expect(await logFaults(java, disk(n), [TOPIC])).toEqual([]);
    expect(disks.flatMap(foldersOf).sort()).toEqual(Array.from({ length: PARTITIONS }, (_, p) => `${TOPIC}-${p}`));
    await broker.process.start();
  }, 300_000);

  test.skipIf(java === null)(
    "Kafka's tools move replicas and see where they are",
    async () => {
      const from = await places();
      const to = from.map((n) => (n % DISKS) + 1);
      const partitions = to.map((n, partition) => ({ topic: TOPIC, partition, replicas: [1], log_dirs: [disk(n)] }));
      const file = join(folder, 'plan.json');
      writeFileSync(file, JSON.stringify({ version: 1, partitions }));
      const reassign = (...args: string[]) =>
        java!.tool('org.apache.kafka.tools.reassign.ReassignPartitionsCommand', [
          ...['--bootstrap-server', broker.bootstrap, '--reassignment-json-file', file],
          ...args,
        ]);
      const executed = await reassign('--execute');
      for (const [p, n] of to.entries())
        expect(executed).toContain(`Successfully started moving log directory to ${disk(n)} for replica ${TOPIC}-${p} with broker 1`);
      await eventually(async () => {
        const verified = await reassign('--verify');
        for (const p of to.keys()) expect(verified).toContain(`Reassignment of replica ${TOPIC}-${p}-1 completed successfully.`);
      }, 60_000);
      const described = await java!.tool('LogDirsCommand', ['--bootstrap-server', broker.bootstrap, '--describe', '--topic-list', TOPIC]);
      const { brokers } = JSON.parse(described.slice(described.indexOf('{'))) as {
        brokers: { logDirs: { logDir: string; error: null; partitions: { partition: string; isFuture: boolean }[] }[] }[];
      };
      for (const { logDir, error, partitions: there } of brokers[0]!.logDirs) {
        expect(error).toBeNull();
        expect(there.map(({ partition }) => partition).sort()).toEqual(
          to.flatMap((n, p) => (disk(n) === logDir ? [`${TOPIC}-${p}`] : [])).sort(),
        );
      }
    },
    120_000,
  );
});
