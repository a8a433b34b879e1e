import { internals } from '../internals.js';

const all = await internals(['client/connection', 'core/clock', 'core/tcp-transport', 'protocol/messages/index', 'protocol/records/build']);
const { buildBatch, Connection, CreateTopics, Fetch, IncrementalAlterConfigs, ListOffsets, Metadata, Produce, realClock, tcpTransport } =
  all;

/** @typedef {any} Connection of src/client/connection.ts */

const REQUEST_TIMEOUT_MS = 300_000;
const EARLIEST = -2;
const LATEST = -1;

/** @param {number} port @returns {Promise<Connection>} */
export function connect(port) {
  return Connection.open(
    tcpTransport,
    realClock,
    { host: '127.0.0.1', port },
    { requestTimeoutMs: REQUEST_TIMEOUT_MS, connectTimeoutMs: 60_000, maxInFlight: 1000 },
  );
}

/** Whether the broker answers and names itself. @param {number} port */
export async function firstAnswer(port) {
  let connection;
  try {
    connection = await connect(port);
    const { brokers } = await connection.request(Metadata, 12, { ...METADATA, topics: [] });
    return brokers.length > 0;
  } catch {
    return false;
  } finally {
    await connection?.close();
  }
}

const METADATA = { topics: null, allowAutoTopicCreation: false, includeTopicAuthorizedOperations: false };

/** Metadata of all topics, not decoded. @param {Connection} connection @returns {Promise<{ ms: number, bytes: number }>} */
export async function timeMetadata(connection) {
  const from = performance.now();
  const frame = await connection.exchange({ apiKey: 3, apiVersion: 12, flexible: true }, (/** @type {any} */ writer) => {
    for (const byte of [0, 0, 0, 0]) writer.int8(byte); // all topics (null), no creation, no operations, no tags
  });
  return { ms: performance.now() - from, bytes: frame.byteLength };
}

/** @param {Connection} connection @param {readonly { name: string, partitions: number, configs?: Record<string, string | number> }[]} topics */
export async function createTopics(connection, topics) {
  const reply = await connection.request(CreateTopics, 7, {
    topics: topics.map(({ name, partitions, configs = {} }) => ({
      name,
      numPartitions: partitions,
      replicationFactor: 1,
      assignments: [],
      configs: Object.entries(configs).map(([key, value]) => ({ name: key, value: String(value) })),
    })),
    timeoutMs: REQUEST_TIMEOUT_MS,
  });
  for (const { name, errorCode, errorMessage } of reply.topics)
    if (errorCode !== 0) throw new Error(`${name} was not created: ${errorMessage ?? errorCode}`);
}

/** A batch as a producer sends it. @param {number} records @param {number} valueBytes @param {number} [timestamp] */
export function batchOf(records, valueBytes, timestamp = Date.now()) {
  const value = Buffer.alloc(valueBytes, 'what records say ');
  return buildBatch({ records: Array.from({ length: records }, () => ({ value, timestamp })) });
}

/**
 * One batch to each of some partitions of a topic, acks=all.
 * @param {Connection} connection @param {string} topic @param {readonly number[]} partitions @param {Buffer} batch
 * @returns {Promise<number>} base offset of the first
 */
export async function produce(connection, topic, partitions, batch) {
  const topicData = [{ name: topic, partitionData: partitions.map((index) => ({ index, records: batch })) }];
  const reply = await connection.request(Produce, 9, { acks: -1, timeoutMs: REQUEST_TIMEOUT_MS, topicData });
  const answers = reply.responses[0].partitionResponses;
  const failed = answers.find((/** @type {any} */ each) => each.errorCode !== 0);
  if (failed) throw new Error(`produce to ${topic}-${failed.index}: error ${failed.errorCode} ${failed.errorMessage ?? ''}`);
  return answers[0].baseOffset;
}

/**
 * Batches to one partition, so many under way at once.
 * @param {Connection} connection @param {{ topic: string, partition?: number, batch: Buffer | (() => Buffer), count: number, inFlight?: number }} load
 * @returns {Promise<{ seconds: number, latenciesMs: number[] }>}
 */
export async function produceMany(connection, { topic, partition = 0, batch, count, inFlight = 5 }) {
  /** @type {number[]} */
  const latenciesMs = [];
  let next = 0;
  const lane = async () => {
    while (next++ < count) {
      const from = performance.now();
      await produce(connection, topic, [partition], typeof batch === 'function' ? batch() : batch);
      latenciesMs.push(performance.now() - from);
    }
  };
  const from = performance.now();
  await Promise.all(Array.from({ length: inFlight }, lane));
  return { seconds: (performance.now() - from) / 1000, latenciesMs };
}

/** @param {Connection} connection @param {string} topic @param {number} [timestamp] @param {number} [partition] @returns {Promise<number>} */
export async function offsetOf(connection, topic, timestamp = LATEST, partition = 0) {
  const topics = [{ name: topic, partitions: [{ partitionIndex: partition, currentLeaderEpoch: -1, timestamp }] }];
  const reply = await connection.request(ListOffsets, 7, { replicaId: -1, isolationLevel: 0, topics });
  const { errorCode, offset } = reply.topics[0].partitions[0];
  if (errorCode !== 0) throw new Error(`ListOffsets of ${topic}: error ${errorCode}`);
  return offset;
}
/** -1 while the broker does not lead it, as after a stall that cost its lease. @param {Connection} connection @param {string} topic */
export const startOf = (connection, topic) => offsetOf(connection, topic, EARLIEST).catch(() => -1);

/** @param {Connection} connection @param {string} topic @param {number} offset @param {number} [maxBytes] @returns {Promise<Buffer>} */
export async function fetch(connection, topic, offset, maxBytes = 1024 * 1024) {
  const partitions = [{ partition: 0, currentLeaderEpoch: -1, fetchOffset: offset, lastFetchedEpoch: -1, partitionMaxBytes: maxBytes }];
  const body = { maxWaitMs: 100, minBytes: 1, maxBytes, topics: [{ topic, partitions }], forgottenTopicsData: [] };
  const reply = await connection.request(Fetch, 12, body);
  const { errorCode, records } = reply.responses[0]?.partitions[0] ?? { errorCode: reply.errorCode, records: Buffer.alloc(0) };
  if (errorCode !== 0) throw new Error(`fetch of ${topic} at ${offset}: error ${errorCode}`);
  return records ?? Buffer.alloc(0);
}

/** First offset of the first batch, and the offset behind the last whole one. @param {Buffer} records */
export function offsetsIn(records) {
  let at = 0;
  let next = -1;
  while (at + 61 <= records.byteLength && at + 12 + records.readInt32BE(at + 8) <= records.byteLength) {
    next = Number(records.readBigInt64BE(at)) + records.readInt32BE(at + 23) + 1;
    at += 12 + records.readInt32BE(at + 8);
  }
  return { first: records.byteLength >= 8 ? Number(records.readBigInt64BE(0)) : -1, next };
}

/** @param {readonly number[]} values @param {number} share 0.5: the median */
export function quantile(values, share) {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}

/** @param {Connection} connection @param {string} topic @param {Record<string, string | number>} configs */
export async function alterTopic(connection, topic, configs) {
  const altered = Object.entries(configs).map(([name, value]) => ({ name, configOperation: 0, value: String(value) }));
  const resources = [{ resourceType: 2, resourceName: topic, configs: altered }];
  const reply = await connection.request(IncrementalAlterConfigs, 1, { resources, validateOnly: false });
  const [{ errorCode, errorMessage }] = reply.responses;
  if (errorCode !== 0) throw new Error(`${topic} was not altered: ${errorMessage ?? errorCode}`);
}
