import { ConfigResourceTypes, type KafkaJSProtocolError } from 'kafkajs';
import { expect, test } from 'vitest';
import { brokerUnderTest, foreignBroker, unique } from '../support/broker-under-test.ts';
import { eventually } from '../support/eventually.ts';
import { kafkaJs } from './kafkajs-client.ts';
import { readAll } from './read-all.ts';

const broker = brokerUnderTest();

test('kafkajs creates, lists, describes, widens and deletes topics', async () => {
  const admin = await kafkaJs(broker.bootstrap).admin();
  const topic = unique('admin');
  expect(
    await admin.createTopics({ topics: [{ topic, numPartitions: 2, configEntries: [{ name: 'retention.ms', value: '12345' }] }] }),
  ).toBe(true);
  expect(await admin.createTopics({ topics: [{ topic, numPartitions: 2 }] })).toBe(false); // kafkajs: TOPIC_ALREADY_EXISTS
  expect(await admin.listTopics()).toContain(topic);

  await admin.createPartitions({ topicPartitions: [{ topic, count: 5 }] });
  // Apache Kafka answers before its metadata shows the change.
  await eventually(async () => {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
    const node = topics[0]!.partitions[0]!.leader;
    const partitions = topics[0]!.partitions.map(({ partitionId, leader, replicas, isr }) => ({ partitionId, leader, replicas, isr }));
    const alone = { leader: node, replicas: [node], isr: [node] };
    expect(partitions.sort((a, b) => a.partitionId - b.partitionId)).toEqual(
      [0, 1, 2, 3, 4].map((partitionId) => ({ partitionId, ...alone })),
    );
  });

  await admin.deleteTopics({ topics: [topic] });
  await eventually(async () => expect(await admin.listTopics()).not.toContain(topic));
});

test('a topic that is wrong is refused with the error that Kafka gives', async () => {
  const admin = await kafkaJs(broker.bootstrap, { retries: 0 }).admin();
  const refusal = async (topics: Parameters<typeof admin.createTopics>[0]['topics']) => {
    const error = await admin.createTopics({ topics }).then(
      () => null,
      (reason: unknown) => reason as { errors?: KafkaJSProtocolError[] } & KafkaJSProtocolError,
    );
    return (error?.errors?.[0] ?? error)?.type;
  };
  expect(await refusal([{ topic: 'with space' }])).toBe('INVALID_TOPIC_EXCEPTION');
  expect(await refusal([{ topic: unique('wide'), numPartitions: 1, replicationFactor: 9 }])).toBe('INVALID_REPLICATION_FACTOR');
  expect(await refusal([{ topic: unique('none'), numPartitions: 0 }])).toBe('INVALID_PARTITIONS');
  expect(await refusal([{ topic: unique('config'), configEntries: [{ name: 'retention.ms', value: 'soon' }] }])).toBe('INVALID_CONFIG');
  await expect(admin.deleteTopics({ topics: [unique('absent')] })).rejects.toMatchObject({ cause: { type: 'UNKNOWN_TOPIC_OR_PARTITION' } });
});

test('kafkajs describes and alters configs of a topic', async () => {
  const admin = await kafkaJs(broker.bootstrap).admin();
  const topic = unique('configs');
  await admin.createTopics({ topics: [{ topic, configEntries: [{ name: 'cleanup.policy', value: 'compact' }] }] });
  const described = async (...configNames: string[]) => {
    const { resources } = await admin.describeConfigs({
      resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configNames }],
      includeSynonyms: false,
    });
    return Object.fromEntries(
      resources[0]!.configEntries.map(({ configName, configValue, isDefault }) => [configName, [configValue, isDefault]]),
    );
  };
  expect(await described('cleanup.policy', 'max.message.bytes')).toEqual({
    'cleanup.policy': ['compact', false],
    'max.message.bytes': ['1048588', true],
  });
  // AlterConfigs replaces all: what is not named falls back to its default.
  await admin.alterConfigs({
    validateOnly: false,
    resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configEntries: [{ name: 'max.message.bytes', value: '2000' }] }],
  });
  expect(await described('cleanup.policy', 'max.message.bytes')).toEqual({
    'cleanup.policy': ['delete', true],
    'max.message.bytes': ['2000', false],
  });

  const producer = await kafkaJs(broker.bootstrap).producer({ retry: { retries: 0 } });
  await expect(producer.send({ topic, messages: [{ value: 'x'.repeat(3000) }] })).rejects.toMatchObject({ type: 'MESSAGE_TOO_LARGE' });
  await producer.send({ topic, messages: [{ value: 'x'.repeat(1000) }] });
});

test('describeCluster names one broker where this client reaches it, and that broker is the controller', async () => {
  const admin = await kafkaJs(broker.bootstrap).admin();
  const cluster = await admin.describeCluster();
  expect(cluster.clusterId).toMatch(/^[\w-]{22}$/);
  expect(cluster.brokers.map(({ host, port }) => `${host}:${port}`)).toEqual([broker.bootstrap]);
  expect(cluster.controller).toBe(cluster.brokers[0]!.nodeId);
});

test('offsets of a group and of a topic are found, by time too', async () => {
  const client = kafkaJs(broker.bootstrap);
  const admin = await client.admin();
  const topic = unique('offsets');
  const group = unique('group');
  await admin.createTopics({ topics: [{ topic, numPartitions: 1 }], waitForLeaders: true });
  const producer = await client.producer();
  for (const timestamp of [1000, 2000, 3000]) await producer.send({ topic, messages: [{ value: 'v', timestamp: String(timestamp) }] });

  expect(await admin.fetchTopicOffsets(topic)).toEqual([{ partition: 0, offset: '3', low: '0', high: '3' }]);
  expect(await admin.fetchTopicOffsetsByTimestamp(topic, 1500)).toEqual([{ partition: 0, offset: '1' }]);
  expect(await admin.fetchTopicOffsetsByTimestamp(topic, 9000)).toEqual([{ partition: 0, offset: '3' }]); // kafkajs: none, so the end

  expect(await admin.fetchOffsets({ groupId: group, topics: [topic] })).toEqual([
    { topic, partitions: [{ partition: 0, offset: '-1', metadata: null }] },
  ]);
  await readAll(client, topic, group);
  expect((await admin.fetchOffsets({ groupId: group, topics: [topic] }))[0]!.partitions[0]).toMatchObject({ partition: 0, offset: '3' });
  if (foreignBroker) return;

  await broker.process.stop();
  await broker.process.start();
  expect((await admin.fetchOffsets({ groupId: group, topics: [topic] }))[0]!.partitions[0]).toMatchObject({ partition: 0, offset: '3' });
  expect(await admin.fetchTopicOffsetsByTimestamp(topic, 1500)).toEqual([{ partition: 0, offset: '1' }]);
});

test('producing to a topic that nobody created creates it', async () => {
  const client = kafkaJs(broker.bootstrap);
  const topic = unique('auto');
  const [sent] = await (await client.producer()).send({ topic, messages: [{ key: 'k', value: 'v' }] });
  expect(sent).toMatchObject({ topicName: topic, partition: 0, baseOffset: '0', errorCode: 0 });
  expect((await readAll(client, topic)).map(({ key, value }) => [key, value])).toEqual([['k', 'v']]);
});

test('kafkajs lists, describes and deletes a group, and sets and resets its offsets', async () => {
  const client = kafkaJs(broker.bootstrap);
  const admin = await client.admin();
  const [topic, groupId] = [unique('administered'), unique('group')];
  await admin.createTopics({ topics: [{ topic, numPartitions: 2 }], waitForLeaders: true });
  const producer = await client.producer();
  await producer.send({ topic, messages: [0, 0, 0, 1].map((partition) => ({ partition, value: 'v' })) });
  const committed = async () => {
    const [found] = await admin.fetchOffsets({ groupId, topics: [topic] });
    return found!.partitions.sort((a, b) => a.partition - b.partition).map(({ offset }) => offset);
  };
  const partitions = [0, 1].map((partition) => ({ partition, offset: '1' }));
  await admin.setOffsets({ groupId, topic, partitions });
  expect(await committed()).toEqual(['1', '1']);
  // kafkajs commits the -2 that stands for the beginning; whoever reads the group's offsets puts the beginning in its place.
  await admin.resetOffsets({ groupId, topic, earliest: true });
  expect(await committed()).toEqual(['-2', '-2']);

  expect((await admin.listGroups()).groups).toContainEqual({ groupId, protocolType: 'consumer' });
  expect((await admin.describeGroups([groupId])).groups).toMatchObject([
    { groupId, errorCode: 0, state: 'Empty', protocolType: 'consumer', members: [] },
  ]);
  const consumer = await client.consumer(groupId);
  await consumer.subscribe({ topic });
  await consumer.run({ eachMessage: async () => {} });
  await eventually(async () => {
    const [group] = (await admin.describeGroups([groupId])).groups;
    expect(group).toMatchObject({ state: 'Stable', protocol: 'RoundRobinAssigner', members: [{ clientId: 'test' }] });
  });
  const refused = { groups: [{ groupId, error: { type: 'NON_EMPTY_GROUP' } }] };
  await expect(admin.deleteGroups([groupId])).rejects.toMatchObject(refused);
  await expect(admin.setOffsets({ groupId, topic, partitions })).rejects.toThrow(/consumer group must have no running instances/i);
  await consumer.disconnect();

  expect(await admin.deleteGroups([groupId])).toMatchObject([{ groupId, errorCode: 0 }]);
  expect((await admin.listGroups()).groups.map((each) => each.groupId)).not.toContain(groupId);
  expect((await admin.describeGroups([groupId])).groups).toMatchObject([{ groupId, state: 'Dead', members: [] }]);
  expect(await committed()).toEqual(['-1', '-1']);
});
