// The matrix with @platformatic/kafka: node matrix.mjs BOOTSTRAP PREFIX SHARED FEATURES
import { fileURLToPath } from 'node:url';
import { Admin, ConfigResourceTypes, Consumer, FetchIsolationLevels, ListOffsetTimestamps, Producer } from '@platformatic/kafka';
import { run, until } from '../matrix/matrix.mjs';

const SET = 0;
const NO_ZSTD = 'the client has zstd from Node 22.15 on';

const asRead = ({ partition, offset, key, value, headers, timestamp }) => ({
  partition,
  offset: Number(offset),
  record: {
    key: key ?? null,
    value: value ?? null,
    headers: [...headers].map(([name, of]) => [`${name}`, of]),
    timestamp: Number(timestamp),
  },
});

const asMessages = (topic, partition, records) =>
  records.map(({ key, value, headers, timestamp }) => ({
    topic,
    key: key ?? undefined,
    value,
    headers: new Map(headers.map(([name, of]) => [Buffer.from(name), of])),
    timestamp: BigInt(timestamp),
    ...(partition === null ? {} : { partition }),
  }));

class Platformatic {
  missing = {
    'log-append-time': 'the client does not look at the bit that says it',
    assign: 'the client reads in groups only',
    'codec-zstd': NO_ZSTD,
    'reads-zstd': NO_ZSTD,
    'committed-of-kafkajs': 'of the transactions of one producer that have aborted, the client passes over the last in a fetch only',
    'reads-snappy': "the client reads raw snappy only; here it is in xerial's framing, as most clients send it",
  };
  notes = {
    timestamps: 'times of one batch that are decades apart go wrong in the client',
    'transaction-fencing': 'with producerId -1 and producerEpoch -1: what the client asks for by itself is fenced',
  };
  groups = 0;
  producers = {};

  constructor(bootstrap) {
    this.base = { clientId: 'matrix', bootstrapBrokers: bootstrap, retries: 50, retryDelay: 100 };
    this.admin = new Admin(this.base);
    this.reader = new Consumer({ ...this.base, groupId: 'unused' });
  }

  async close() {
    for (const producer of Object.values(this.producers)) await producer.close();
    await this.reader.close(true);
    await this.admin.close();
  }

  /** 1.35.0 cuts off the upper bits of distances. */
  possibleTimestamps(times) {
    return times.filter((time) => time > 1_000_000_000_000);
  }

  async send(topic, records, partition, { codec = 'none', acks = -1, idempotent = false }) {
    this.producers[`${codec}/${idempotent}`] ??= new Producer({ ...this.base, compression: codec, idempotent });
    const messages = asMessages(topic, partition, records);
    const { offsets = [] } = await this.producers[`${codec}/${idempotent}`].send({ messages, acks });
    return Object.fromEntries(offsets.map((each) => [each.partition, Number(each.offset)]));
  }

  async transactional(transactionalId) {
    // It would ask for producer id 0 with epoch 0, and so be fenced where a transactional id has had another.
    const producer = new Producer({ ...this.base, idempotent: true, transactionalId, producerId: -1n, producerEpoch: -1 });
    let transaction;
    return {
      begin: async () => {
        transaction = await producer.beginTransaction();
      },
      send: (topic, partition, records) => transaction.send({ messages: asMessages(topic, partition, records), acks: -1 }),
      /** It sends the offset behind a message. */
      offset: async ({ consumer, messages }, _, offset) => {
        await transaction.addConsumer(consumer);
        await transaction.addOffset(messages.find((message) => Number(message.offset) === offset - 1));
      },
      commit: () => transaction.commit(),
      abort: () => transaction.abort(),
      close: () => producer.close(true),
    };
  }

  isFenced(error) {
    return Boolean(error.findBy?.('apiId', 'PRODUCER_FENCED'));
  }

  /** Reads one partition from an offset on; the others of the topic are left at their end. */
  async read(topic, partition, offset, count, { committed = true, look = () => {} } = {}) {
    const isolationLevel = committed ? FetchIsolationLevels.READ_COMMITTED : FetchIsolationLevels.READ_UNCOMMITTED;
    const consumer = this.consumer(`${topic}-platformatic-${(this.groups += 1)}`, { isolationLevel });
    try {
      const ends = (await consumer.listOffsets({ topics: [topic] })).get(topic);
      const offsets = ends.map((end, number) => ({ topic, partition: number, offset: number === partition ? BigInt(offset) : end }));
      const stream = await consumer.consume({ topics: [topic], mode: 'manual', offsets, maxWaitTime: 100 });
      look(stream);
      const read = [];
      stream.on('data', (message) => read.push(asRead(message)));
      let failure = null;
      stream.on('error', (error) => (failure = error));
      await until(`${count} records of ${topic}/${partition}`, () => failure || read.length >= count);
      if (failure) throw failure;
      look(stream);
      return read;
    } finally {
      await consumer.close(true);
    }
  }

  consumer(groupId, more = {}) {
    const timeouts = { sessionTimeout: 6000, rebalanceTimeout: 6000, heartbeatInterval: 200 };
    return new Consumer({ ...this.base, groupId, autocommit: false, ...timeouts, ...more });
  }

  async positions(topic, partition, offset) {
    const positions = [];
    const look = (stream) => positions.push(Number(stream.offsetsToFetch.get(`${topic}:${partition}`)));
    await this.read(topic, partition, offset, 20 - offset, { look });
    return positions;
  }

  async offsetAt(topic, partitionIndex, timestamp) {
    const [{ partitions }] = await this.admin.listOffsets({ topics: [{ name: topic, partitions: [{ partitionIndex, timestamp }] }] });
    return Number(partitions[0].offset);
  }

  async beginningAndEnd(topic, partition) {
    const { EARLIEST, LATEST } = ListOffsetTimestamps;
    return [await this.offsetAt(topic, partition, EARLIEST), await this.offsetAt(topic, partition, LATEST)];
  }

  async offsetForTime(topic, partition, time) {
    const offset = await this.offsetAt(topic, partition, BigInt(time));
    return offset === -1 ? null : offset;
  }

  async member(groupId, topic) {
    const consumer = this.consumer(groupId);
    const member = { consumer, messages: [], read: [], failure: null, commit: null, stop: () => consumer.close(true) };
    Object.defineProperty(member, 'partitions', {
      get: () => new Set(consumer.assignments?.find((each) => each.topic === topic)?.partitions),
    });
    member.commit = () => {
      const own = member.read.filter(({ partition }) => member.partitions.has(partition));
      const last = new Map(own.map(({ partition, offset }) => [partition, offset]));
      return consumer.commit({
        offsets: [...last].map(([partition, offset]) => ({ topic, partition, offset: BigInt(offset + 1), leaderEpoch: -1 })),
      });
    };
    const stream = await consumer.consume({ topics: [topic], mode: 'committed', fallbackMode: 'earliest', maxWaitTime: 100 });
    stream.on('data', (message) => {
      member.messages.push(message);
      member.read.push(asRead(message));
    });
    stream.on('error', (error) => (member.failure = error));
    return member;
  }

  async committed(group, topic, partitions) {
    const consumer = this.consumer(group);
    try {
      const found = (await consumer.listCommittedOffsets({ topics: [{ topic, partitions }] })).get(topic);
      return Object.fromEntries(found.map((offset, partition) => [partition, offset === -1n ? null : Number(offset)]));
    } finally {
      await consumer.close(true);
    }
  }

  async listGroups() {
    return [...(await this.admin.listGroups()).keys()];
  }

  async groupState(group) {
    return (await this.admin.describeGroups({ groups: [group] })).get(group).state;
  }

  async groupOffsets(group, topic) {
    const [{ topics }] = await this.admin.listConsumerGroupOffsets({ groups: [group] });
    const { partitions } = topics.find(({ name }) => name === topic);
    return Object.fromEntries(partitions.map((each) => [each.partitionIndex, Number(each.committedOffset)]));
  }

  deleteGroupOffset(groupId, topic, partition) {
    return this.admin.deleteConsumerGroupOffsets({ groupId, topics: [{ name: topic, partitionIndexes: [partition] }] });
  }

  deleteGroup(group) {
    return this.admin.deleteGroups({ groups: [group] });
  }

  createTopic(topic, partitions, configs) {
    const entries = Object.entries(configs).map(([name, value]) => ({ name, value }));
    return this.admin.createTopics({ topics: [topic], partitions, replicas: 1, configs: entries });
  }

  listTopics() {
    return this.admin.listTopics();
  }

  async describeTopic(topic) {
    const { topics } = await this.admin.metadata({ topics: [topic], forceUpdate: true });
    return topics.get(topic).partitions.map(({ leader, replicas, isr }, partition) => ({ partition, leader, replicas, isr }));
  }

  async createPartitions(topic, count) {
    const { topics, brokers } = await this.admin.metadata({ topics: [topic], forceUpdate: true });
    const [broker] = brokers.keys();
    const assignments = Array.from({ length: count - topics.get(topic).partitionsCount }, () => ({ brokerIds: [broker] }));
    return this.admin.createPartitions({ topics: [{ name: topic, count, assignments }] });
  }

  async config(topic, key) {
    const resources = [{ resourceType: ConfigResourceTypes.TOPIC, resourceName: topic, configurationKeys: [key] }];
    const [{ configs }] = await this.admin.describeConfigs({ resources });
    return configs.find(({ name }) => name === key).value;
  }

  setConfig(topic, name, value) {
    const configs = [{ name, configOperation: SET, value }];
    return this.admin.incrementalAlterConfigs({ resources: [{ resourceType: ConfigResourceTypes.TOPIC, resourceName: topic, configs }] });
  }

  deleteTopic(topic) {
    return this.admin.deleteTopics({ topics: [topic] });
  }

  deleteRecords(topic, partition, before) {
    return this.admin.deleteRecords({ topics: [{ name: topic, partitions: [{ partition, offset: BigInt(before) }] }] });
  }

  async cluster() {
    const { id, brokers, controllerId } = await this.admin.metadata({ topics: [], forceUpdate: true });
    return { clusterId: id, brokers: [...brokers.keys()], controller: controllerId };
  }
}

const manifest = fileURLToPath(new URL('../package.json', import.meta.resolve('@platformatic/kafka')));
await run('@platformatic/kafka', manifest, (bootstrap) => new Platformatic(bootstrap));
