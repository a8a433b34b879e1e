import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { AlterPartitionReassignments, ListPartitionReassignments } from '../../src/protocol/messages/index.ts';
import { buildBatch } from '../../src/protocol/records/build.ts';
import { eventually } from '../support/eventually.ts';
import { Scenario } from './scenario.ts';

const BULK = { topic: 'bulk', partitions: 4, mib: 100 };
const MIB = 1024 * 1024;

/** Fills a topic, a batch of nearly a MiB after the other. */
async function fill({ client, cluster }: Scenario): Promise<void> {
  await cluster.createTopic(BULK.topic, { partitions: BULK.partitions, replicationFactor: 3 });
  await client.findLeaders(BULK.topic, BULK.partitions);
  const value = Buffer.alloc(10_000, 'minikafka');
  const records = buildBatch({ records: Array.from({ length: 100 }, () => ({ value, timestamp: Date.now() })) });
  const batches = Math.ceil((BULK.mib * MIB) / records.byteLength);
  for (let n = 0; n < batches; n++) {
    await eventually(async () => {
      expect((await client.produce(BULK.topic, n % BULK.partitions, records, -1, 10_000)).errorName).toBe('NONE');
    });
  }
}

/** Each replica of each partition one broker further: of 1, 2, 3, 4 the replicas 1, 2, 3 become 2, 3, 4. */
async function moveAll({ client, cluster, loads }: Scenario): Promise<Map<string, number[]>> {
  const ids = cluster.brokers.map(({ id }) => id);
  const wanted = new Map<string, number[]>();
  const topics = [...loads, BULK].map(({ topic, partitions }) => ({
    name: topic,
    partitions: Array.from({ length: partitions }, (_, partitionIndex) => {
      const replicas = client.replicas.get(`${topic}/${partitionIndex}`)!.map((id) => ids[(ids.indexOf(id) + 1) % ids.length]!);
      wanted.set(`${topic}/${partitionIndex}`, replicas);
      return { partitionIndex, replicas };
    }),
  }));
  const connection = await client.connectionTo(1);
  const answer = await connection.request(AlterPartitionReassignments, 0, { topics });
  expect([answer.errorCode, ...answer.responses.flatMap(({ partitions }) => partitions.map(({ errorCode }) => errorCode))]).toEqual(
    new Array(1 + wanted.size).fill(0),
  );
  return wanted;
}

async function underWay({ client }: Scenario): Promise<number> {
  const connection = await client.connectionTo(1);
  const { topics } = await connection.request(ListPartitionReassignments, 0, { topics: null });
  return topics.reduce((sum, { partitions }) => sum + partitions.length, 0);
}

test(`${BULK.mib} MiB and what is under load move to other brokers, and nothing is lost`, { timeout: 300_000 }, async () => {
  const scenario = await Scenario.start({ brokers: 4, recordsPerSecond: 2_000, config: { 'auto.leader.rebalance.enable': false } });
  await fill(scenario);
  await scenario.cluster.waitForIsr(BULK.topic);
  scenario.client.refresh();
  await sleep(500);
  scenario.probe.take();
  const begun = performance.now();
  const wanted = await moveAll(scenario);
  const before = new Map(scenario.client.replicas);
  await eventually(async () => expect(await underWay(scenario)).toBe(0), 120_000);
  console.log(`moved in ${Math.round(performance.now() - begun)} ms, stall ${Math.round(scenario.probe.take().ms)} ms`);
  scenario.client.refresh();
  await sleep(500);
  for (const [name, replicas] of wanted) expect([name, ...scenario.client.replicas.get(name)!]).toEqual([name, ...replicas]);
  await scenario.progress();
  await scenario.checkAcknowledged();
  // Who holds nothing any more has deleted its folders.
  await eventually(() => {
    const left = [...wanted].flatMap(([name, replicas]) => {
      const gone = before.get(name)!.filter((id) => !replicas.includes(id));
      return gone.map((id) => join(scenario.cluster.broker(id).data!, name.replace('/', '-'))).filter((folder) => existsSync(folder));
    });
    expect(left).toEqual([]);
  }, 30_000);
  await scenario.finish();
});
