// The matrix with kafkajs: node matrix.mjs BOOTSTRAP PREFIX SHARED FEATURES
import { createRequire } from 'node:module';
import kafkajs from 'kafkajs';
import { run, until } from '../matrix/matrix.mjs';
import { registerCodecs } from './codecs.mjs';

const { CompressionTypes, ConfigResourceTypes, Kafka, Partitioners, logLevel } = kafkajs;
const TYPES = {
  none: CompressionTypes.None,
  gzip: CompressionTypes.GZIP,
  snappy: CompressionTypes.Snappy,
  lz4: CompressionTypes.LZ4,
  zstd: CompressionTypes.ZSTD,
};
const PLUG_IN = 'with a plug-in: kafkajs itself has gzip alone';

const asRead = (partition, { offset, key, value, timestamp, headers = {} }) => ({
  partition,
  offset: Number(offset),
  // Headers of one name come as an array.
  record: {
    key,
    value,
    headers: Object.entries(headers).flatMap(([name, of]) => [of].flat().map((each) => [name, each])),
    timestamp: Number(timestamp),
  },
});

const asMessage = (partition, { key, value, headers, timestamp }) => {
  const byName = {};
  for (const [name, of] of headers) byName[name] = name in byName ? [byName[name], of].flat() : of;
  return { key, value, headers: byName, timestamp: `${timestamp}`, ...(partition === null ? {} : { partition }) };
};

class KafkaJs {
  missing = {
    assign: 'kafkajs reads in groups only',
    position: 'kafkajs does not tell it',
    'delete-group-offsets': 'kafkajs has no call for it',
  };
  notes = Object.fromEntries(['snappy', 'lz4', 'zstd'].flatMap((codec) => [`codec-${codec}`, `reads-${codec}`]).map((id) => [id, PLUG_IN]));
  groups = 0;
  producers = {};

  static async connect(bootstrap) {
    await registerCodecs();
    const client = new KafkaJs();
    const retry = { initialRetryTime: 50, maxRetryTime: 500, retries: 10 };
    client.kafka = new Kafka({ clientId: 'matrix', brokers: bootstrap, logLevel: logLevel.NOTHING, retry });
    client.admin = client.kafka.admin();
    await client.admin.connect();
    return client;
  }

  async close() {
    for (const producer of Object.values(this.producers)) await (await producer).disconnect();
    await this.admin.disconnect();
  }

  /** @returns {Promise<Record<number, number>>} partition -> offset of its first record; nothing with acks=0 */
  async send(topic, records, partition, { codec = 'none', acks = -1, idempotent = false }) {
    const producer = await this.producer(idempotent);
    const messages = records.map((each) => asMessage(partition, each));
    const answers = (await producer.send({ topic, acks, compression: TYPES[codec], messages })) ?? [];
    return Object.fromEntries(answers.map((each) => [each.partition, Number(each.baseOffset)]));
  }

  producer(idempotent) {
    this.producers[idempotent] ??= (async () => {
      const producer = this.kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner, idempotent, maxInFlightRequests: 1 });
      await producer.connect();
      return producer;
    })();
    return this.producers[idempotent];
  }

  async transactional(transactionalId) {
    const settings = { transactionalId, idempotent: true, maxInFlightRequests: 1 };
    const producer = this.kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner, ...settings });
    await producer.connect();
    let transaction;
    return {
      begin: async () => {
        transaction = await producer.transaction();
      },
      send: (topic, partition, records) => transaction.send({ topic, messages: records.map((each) => asMessage(partition, each)) }),
      offset: ({ groupId }, topic, offset) =>
        transaction.sendOffsets({ consumerGroupId: groupId, topics: [{ topic, partitions: [{ partition: 0, offset: `${offset}` }] }] }),
      commit: () => transaction.commit(),
      abort: () => transaction.abort(),
      close: () => producer.disconnect(),
    };
  }

  isFenced({ type }) {
    return type === 'INVALID_PRODUCER_EPOCH' || type === 'PRODUCER_FENCED';
  }

  async read(topic, partition, offset, count, { committed = true } = {}) {
    const read = [];
    const groupId = `${topic}-kafkajs-${(this.groups += 1)}`;
    const settings = { groupId, sessionTimeout: 6000, heartbeatInterval: 500, maxWaitTimeInMs: 100 };
    const consumer = this.kafka.consumer({ ...settings, readUncommitted: !committed });
    await consumer.connect();
    try {
      await consumer.subscribe({ topic, fromBeginning: true });
      const eachMessage = async ({ partition: from, message }) => {
        if (from === partition) read.push(asRead(from, message));
      };
      await consumer.run({ autoCommit: false, eachMessage });
      consumer.seek({ topic, partition, offset: `${offset}` });
      await until(`${count} records of ${topic}/${partition}`, () => read.length >= count);
    } finally {
      await consumer.disconnect();
    }
    return read.filter((each) => each.offset >= offset);
  }

  async beginningAndEnd(topic, partition) {
    const found = (await this.admin.fetchTopicOffsets(topic)).find((each) => each.partition === partition);
    return [Number(found.low), Number(found.high)];
  }

  /** Where there is none, kafkajs gives the end. */
  async offsetForTime(topic, partition, time) {
    const found = (await this.admin.fetchTopicOffsetsByTimestamp(topic, time)).find((each) => each.partition === partition);
    const [, end] = await this.beginningAndEnd(topic, partition);
    return Number(found.offset) === end ? null : Number(found.offset);
  }

  async member(groupId, topic) {
    const consumer = this.kafka.consumer({ groupId, sessionTimeout: 6000, heartbeatInterval: 200, maxWaitTimeInMs: 100 });
    const member = { groupId, read: [], partitions: new Set(), failure: null };
    consumer.on(consumer.events.REBALANCING, () => member.partitions.clear());
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      member.partitions = new Set(payload.memberAssignment[topic]);
    });
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      if (!payload.restart) member.failure = payload.error;
    });
    member.commit = () => {
      const own = member.read.filter(({ partition }) => member.partitions.has(partition));
      const last = new Map(own.map(({ partition, offset }) => [partition, offset]));
      return consumer.commitOffsets([...last].map(([partition, offset]) => ({ topic, partition, offset: `${offset + 1}` })));
    };
    member.stop = () => consumer.disconnect();
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({ autoCommit: false, eachMessage: async ({ partition, message }) => member.read.push(asRead(partition, message)) });
    return member;
  }

  async committed(group, topic, partitions) {
    const found = await this.groupOffsets(group, topic);
    return Object.fromEntries(partitions.map((partition) => [partition, found[partition] ?? null]));
  }

  async groupOffsets(groupId, topic) {
    const [{ partitions }] = await this.admin.fetchOffsets({ groupId, topics: [topic] });
    return Object.fromEntries(partitions.map(({ partition, offset }) => [partition, offset === '-1' ? null : Number(offset)]));
  }

  async listGroups() {
    return (await this.admin.listGroups()).groups.map(({ groupId }) => groupId);
  }

  async groupState(group) {
    return (await this.admin.describeGroups([group])).groups[0].state;
  }

  deleteGroup(group) {
    return this.admin.deleteGroups([group]);
  }

  createTopic(topic, numPartitions, configs) {
    const configEntries = Object.entries(configs).map(([name, value]) => ({ name, value }));
    // To wait for leaders it asks a broker that may not have heard of the topic yet, and fails.
    return this.admin.createTopics({ topics: [{ topic, numPartitions, configEntries }], waitForLeaders: false });
  }

  listTopics() {
    return this.admin.listTopics();
  }

  async describeTopic(topic) {
    const [{ partitions }] = (await this.admin.fetchTopicMetadata({ topics: [topic] })).topics;
    return partitions.map(({ partitionId, leader, replicas, isr }) => ({ partition: partitionId, leader, replicas, isr }));
  }

  createPartitions(topic, count) {
    return this.admin.createPartitions({ topicPartitions: [{ topic, count }] });
  }

  async config(name, key) {
    const resource = { type: ConfigResourceTypes.TOPIC, name, configNames: [key] };
    const { resources } = await this.admin.describeConfigs({ resources: [resource], includeSynonyms: false });
    return resources[0].configEntries.find((each) => each.configName === key).configValue;
  }

  setConfig(name, key, value) {
    const resources = [{ type: ConfigResourceTypes.TOPIC, name, configEntries: [{ name: key, value }] }];
    return this.admin.alterConfigs({ validateOnly: false, resources });
  }

  deleteTopic(topic) {
    return this.admin.deleteTopics({ topics: [topic] });
  }

  async deleteRecords(topic, partition, before) {
    await this.admin.fetchTopicOffsets(topic); // else it knows no leaders, and says that there is none
    return this.admin.deleteTopicRecords({ topic, partitions: [{ partition, offset: `${before}` }] });
  }

  async cluster() {
    const { brokers, controller, clusterId } = await this.admin.describeCluster();
    return { clusterId, brokers: brokers.map(({ nodeId }) => nodeId), controller };
  }
}

const manifest = createRequire(import.meta.url).resolve('kafkajs/package.json');
await run('kafkajs', manifest, KafkaJs.connect);
