import {
  Admin,
  ConfigResourceTypes,
  Consumer,
  type MessagesStream,
  Producer,
  stringDeserializers,
  stringSerializers,
} from '@platformatic/kafka';
import { expect, onTestFinished, test } from 'vitest';
import { brokerUnderTest, unique } from '../support/broker-under-test.ts';
import { eventually } from '../support/eventually.ts';
import { kafkaJs } from './kafkajs-client.ts';

const broker = brokerUnderTest();

type Strings = MessagesStream<string, string, string, string>;

const base = () => ({ clientId: 'test', bootstrapBrokers: [broker.bootstrap] });

function newAdmin(): Admin {
  const admin = new Admin(base());
  onTestFinished(() => admin.close());
  return admin;
}

function newConsumer(groupId: string): Consumer<string, string, string, string> {
  const consumer = new Consumer({ ...base(), groupId, deserializers: stringDeserializers, autocommit: false });
  onTestFinished(() => consumer.close(true));
  return consumer;
}

/** A member of the group that has joined; what it reads is put into `read`, as `partition/offset`. */
async function member(groupId: string, topic: string, read: Set<string>) {
  const consumer = newConsumer(groupId);
  const timing = { sessionTimeout: 6000, rebalanceTimeout: 6000, heartbeatInterval: 300, maxWaitTime: 300 };
  const stream: Strings = await consumer.consume({ topics: [topic], mode: 'committed', fallbackMode: 'earliest', ...timing });
  stream.on('data', (message) => {
    read.add(`${message.partition}/${message.offset}`);
    void message.commit();
  });
  stream.on('error', (error) => read.add(`error: ${error}`));
  return consumer;
}

async function send(topic: string, from: number, count: number): Promise<void> {
  const producer = new Producer({ ...base(), serializers: stringSerializers, acks: -1 });
  const messages = Array.from({ length: count }, (_, n) => ({ topic, partition: n % 2, key: `key-${n}`, value: `value-${from + n}` }));
  await producer.send({ messages });
  await producer.close();
}

function places(perPartition: number): string[] {
  return [0, 1].flatMap((partition) => Array.from({ length: perPartition }, (_, offset) => `${partition}/${offset}`));
}

test('Admin creates, widens, configures, lists and deletes a topic, and deletes records of it', async () => {
  const admin = newAdmin();
  const topic = unique('admin');
  const [created] = await admin.createTopics({
    topics: [topic],
    partitions: 2,
    replicas: 1,
    configs: [{ name: 'retention.ms', value: '12345' }],
  });
  expect(created).toMatchObject({ name: topic, partitions: 2, replicas: 1, configuration: { 'retention.ms': '12345' } });
  await expect(admin.createTopics({ topics: [topic], partitions: 2, replicas: 1 })).rejects.toThrow();
  await admin.createPartitions({ topics: [{ name: topic, count: 3, assignments: [{ brokerIds: [1] }] }] });
  const metadata = await admin.metadata({ topics: [topic], forceUpdate: true });
  expect(metadata.topics.get(topic)).toMatchObject({ partitionsCount: 3 });

  const resource = { resourceType: ConfigResourceTypes.TOPIC, resourceName: topic };
  await admin.incrementalAlterConfigs({
    resources: [{ ...resource, configs: [{ name: 'retention.ms', configOperation: 0, value: '54321' }] }],
  });
  const [described] = await admin.describeConfigs({ resources: [{ ...resource, configurationKeys: ['retention.ms'] }] });
  expect(described!.configs).toMatchObject([{ name: 'retention.ms', value: '54321' }]);

  await send(topic, 0, 20);
  const deleted = await admin.deleteRecords({ topics: [{ name: topic, partitions: [{ partition: 0, offset: 4n }] }] });
  expect(deleted).toEqual([{ name: topic, partitions: [{ partition: 0, lowWatermark: 4n }] }]);
  const offsetAt = async (timestamp: bigint) => {
    const [answer] = await admin.listOffsets({ topics: [{ name: topic, partitions: [{ partitionIndex: 0, timestamp }] }] });
    return answer!.partitions[0]!.offset;
  };
  expect([await offsetAt(-2n), await offsetAt(-1n)]).toEqual([4n, 10n]);

  expect(await admin.listTopics()).toContain(topic);
  await admin.deleteTopics({ topics: [topic] });
  expect(await admin.listTopics()).not.toContain(topic);
});

test('two consumers share two partitions, one leaves, and the group goes on from what it committed', async () => {
  const admin = newAdmin();
  const topic = unique('shared');
  const groupId = unique('pair');
  // Waits until its partitions have leaders: Apache Kafka answers before, and this client then sends some records twice.
  await (await kafkaJs(broker.bootstrap).admin()).createTopics({ topics: [{ topic, numPartitions: 2 }], waitForLeaders: true });
  await send(topic, 0, 20);
  const read = new Set<string>();
  const [first, second] = [await member(groupId, topic, read), await member(groupId, topic, read)];
  const assigned = () => [first, second].map(({ assignments }) => assignments?.find((each) => each.topic === topic)?.partitions);
  await eventually(() => expect(assigned().sort()).toEqual([[0], [1]]));
  await eventually(() => expect([...read].sort()).toEqual(places(10)));

  await second.close(true);
  await send(topic, 20, 20);
  await eventually(() => expect([...read].sort()).toEqual(places(20).sort()));
  await eventually(async () => {
    const [committed] = await admin.listConsumerGroupOffsets({ groups: [groupId] });
    expect(committed!.topics[0]!.partitions.map(({ committedOffset }) => committedOffset)).toEqual([20n, 20n]);
  });
  await first.close(true);
  await send(topic, 40, 2);
  const later = new Set<string>();
  const third = await member(groupId, topic, later);
  await eventually(() => expect([...later].sort()).toEqual(['0/20', '1/20']));
  await third.close(true);
});

test('Admin lists, describes and deletes a group', async () => {
  const admin = newAdmin();
  const [topic, groupId] = [unique('administered'), unique('group')];
  await (await kafkaJs(broker.bootstrap).admin()).createTopics({ topics: [{ topic, numPartitions: 2 }], waitForLeaders: true });
  const consumer = await member(groupId, topic, new Set());
  await eventually(async () => {
    const group = (await admin.describeGroups({ groups: [groupId] })).get(groupId)!;
    expect(group).toMatchObject({ id: groupId, state: 'STABLE', protocolType: 'consumer' });
    const [only, ...others] = [...group.members.values()];
    expect(others).toEqual([]);
    expect(only).toMatchObject({ clientId: 'test' });
    expect(only!.assignments!.get(topic)).toMatchObject({ topic, partitions: [0, 1] });
  });
  const listed = async (states?: ['STABLE'] | ['EMPTY']) => (await admin.listGroups(states ? { states } : {})).get(groupId);
  expect(await listed(['STABLE'])).toMatchObject({ id: groupId, state: 'STABLE', protocolType: 'consumer', groupType: 'classic' });
  expect(await listed(['EMPTY'])).toBeUndefined();
  await expect(admin.deleteGroups({ groups: [groupId] })).rejects.toThrow();

  await consumer.close(true);
  await eventually(async () => expect(await listed(['EMPTY'])).toMatchObject({ id: groupId }));
  await admin.deleteGroups({ groups: [groupId] });
  expect(await listed()).toBeUndefined();
});
