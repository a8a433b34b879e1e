import { afterAll, beforeAll, expect, test } from 'vitest';
import { Connection } from '../../src/client/connection.ts';
import { batchBytes } from '../../src/conformance/batch-bytes.ts';
import { realClock } from '../../src/core/clock.ts';
import { tcpTransport } from '../../src/core/tcp-transport.ts';
import {
  AlterPartitionReassignments,
  CreatePartitions,
  CreateTopics,
  DeleteTopics,
  ElectLeaders,
  Fetch,
  ListOffsets,
  Metadata,
  Produce,
} from '../../src/protocol/messages/index.ts';
import { startCluster, type TestCluster } from '../../src/testing.ts';

const ZERO = 'AAAAAAAAAAAAAAAAAAAAAA';
const TOPICS = 15;
const records = batchBytes({ values: ['hello'] });
let cluster: TestCluster;
/** To each broker, by id. */
let to: Map<number, Connection>;

beforeAll(async () => {
  cluster = await startCluster({ mode: 'in-process', cuttable: 'none', config: { 'auto.create.topics.enable': false } });
  const open = ({ id, port }: { id: number; port: number }) =>
    Connection.open(tcpTransport, realClock, { host: 'localhost', port }).then((connection) => [id, connection] as const);
  to = new Map(await Promise.all(cluster.brokers.map(open)));
});
afterAll(async () => {
  for (const connection of to.values()) await connection.close();
  await cluster.close();
});

const at = (id: number): Connection => to.get(id)!;
const others = (id: number): number[] => [1, 2, 3].filter((other) => other !== id);

async function create(name: string, on: number, leader: number): Promise<string> {
  const assignments = [{ partitionIndex: 0, brokerIds: [leader, ...others(leader)] }];
  const topic = { name, numPartitions: -1, replicationFactor: -1, assignments, configs: [] };
  const { topics } = await at(on).request(CreateTopics, 7, { topics: [topic] });
  expect(topics[0]!.errorCode).toBe(0);
  return topics[0]!.topicId;
}

const produceTo = (id: number, topic: { name?: string; topicId?: string }, version: number, acks: number, index = 0) =>
  at(id)
    .request(Produce, version, { acks, timeoutMs: 10_000, topicData: [{ ...topic, partitionData: [{ index, records }] }] } as never)
    .then(({ responses }) => responses[0]!.partitionResponses[0]!.errorCode);

// Metadata-store rule 11: nothing is tried twice here.
test('a topic that one broker has created is known to every other, and led, the moment the answer is there', async () => {
  for (let n = 0; n < TOPICS; n++) {
    const [on, leader, asked] = [1 + (n % 3), 1 + ((n + 1) % 3), 1 + ((n + 2) % 3)];
    const name = `usable-${n}`;
    const topicId = await create(name, on, leader);
    const byId = n % 2 === 0;
    const topics = [byId ? { name: null, topicId } : { name, topicId: ZERO }];
    const [produced, metadata] = await Promise.all([
      produceTo(leader, byId ? { topicId } : { name }, byId ? 13 : 9, n % 4 < 2 ? -1 : 1),
      at(asked).request(Metadata, 12, { topics, allowAutoTopicCreation: false }),
    ]);
    expect([name, produced]).toEqual([name, 0]);
    expect(metadata.topics).toMatchObject([{ errorCode: 0, name, partitions: [{ errorCode: 0, leaderId: leader }] }]);
  }
});

test('so are its offsets, its records, and partitions that are added', async () => {
  for (let n = 0; n < TOPICS; n++) {
    const [on, leader] = [1 + (n % 3), 1 + ((n + 1) % 3)];
    const name = `more-${n}`;
    const topicId = await create(name, on, leader);
    const fetched = await at(leader).request(Fetch, 13, {
      maxWaitMs: 0,
      minBytes: 0,
      topics: [{ topicId, partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1000 }] }],
      forgottenTopicsData: [],
    });
    expect([fetched.errorCode, fetched.responses[0]!.partitions[0]!.errorCode]).toEqual([0, 0]);
    const assignments = [{ brokerIds: [leader, ...others(leader)] }];
    const grown = await at(on).request(CreatePartitions, 3, {
      topics: [{ name, count: 2, assignments }],
      timeoutMs: 10_000,
      validateOnly: false,
    });
    expect(grown.results[0]!.errorCode).toBe(0);
    const listed = await at(leader).request(ListOffsets, 7, {
      replicaId: -1,
      topics: [{ name, partitions: [{ partitionIndex: 1, timestamp: -2 }] }],
    });
    expect(listed.topics[0]!.partitions[0]).toMatchObject({ errorCode: 0, offset: 0 });
    expect(await produceTo(leader, { name }, 9, 1, 1)).toBe(0);
  }
});

test('a topic that is created anew under its name is the new one everywhere', async () => {
  for (let n = 0; n < 10; n++) {
    await create('again', 1, 2);
    expect(await produceTo(2, { name: 'again' }, 9, 1)).toBe(0);
    const { responses } = await at(3).request(DeleteTopics, 6, { topics: [{ name: 'again', topicId: ZERO }], timeoutMs: 10_000 });
    expect(responses[0]!.errorCode).toBe(0);
  }
});

test('what one broker was told of partitions, the next one that is asked knows', async () => {
  for (let n = 0; n < 10; n++) {
    const [first, second, third] = [1 + (n % 3), 1 + ((n + 1) % 3), 1 + ((n + 2) % 3)];
    const name = `moved-${n}`;
    await create(name, first, first);
    const replicas = [second, first, third];
    const altered = await at(first).request(AlterPartitionReassignments, 1, {
      topics: [{ name, partitions: [{ partitionIndex: 0, replicas }] }],
    });
    expect(altered.responses[0]!.partitions[0]!.errorCode).toBe(0);
    // Not ELECTION_NOT_NEEDED, as it would be by the old order.
    const elected = await at(third).request(ElectLeaders, 2, { electionType: 0, topicPartitions: [{ topic: name, partitions: [0] }] });
    expect(elected.replicaElectionResults[0]!.partitionResult).toMatchObject([{ errorCode: 0 }]);
    const again = await at(second).request(ElectLeaders, 2, { electionType: 0, topicPartitions: [{ topic: name, partitions: [0] }] });
    expect(again.replicaElectionResults[0]!.partitionResult).toMatchObject([{ errorCode: 84 }]);
  }
});
