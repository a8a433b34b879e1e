import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Kafka, logLevel, Partitioners } from 'kafkajs';
import { beforeAll, describe, expect, test } from 'vitest';
import { brokerUnderTest, foreignBroker, unique } from '../support/broker-under-test.ts';
import { eventually } from '../support/eventually.ts';
import { KAFKAJS_TYPES, registerCodecs } from './kafkajs/records.ts';
import { matrixClients } from './matrix/clients.ts';
import { codecPartition, FEATURES, type MatrixRecord, matrixRecords, READ_BY_KAFKAJS } from './matrix/features.ts';
import { type ClientResult, type FeatureResult, type MatrixClient, runMatrixProgram } from './matrix/program.ts';
import { CODEC_NAMES } from './record-client.ts';

/** What scripts/compatibility.js makes docs/compatibility.md of; what a foreign broker does is not written there. */
const RESULTS = join(import.meta.dirname, '../../.results/clients');
/** They wait more than they compute. */
const PROGRAMS_AT_ONCE = 3;
const READ_DEADLINE_MS = 20_000;

const broker = brokerUnderTest();
const shared = unique('shared');
const clients = matrixClients();
const available = clients.filter(({ command }) => command !== null).map((client) => ({ client, prefix: unique('matrix') }));
const results = new Map<MatrixClient, Promise<ClientResult>>();
const headingOf = ({ name, version }: MatrixClient) => `${name} ${version}`;

registerCodecs();

function kafkaJs(): Kafka {
  const retry = { initialRetryTime: 50, maxRetryTime: 500, retries: 20 };
  return new Kafka({ clientId: 'matrix', brokers: [broker.bootstrap], logLevel: logLevel.NOTHING, retry });
}

async function createTopics(prefixes: readonly string[]): Promise<void> {
  const admin = kafkaJs().admin();
  await admin.connect();
  try {
    // The records are of 2023: the usual retention would take them.
    const topic = (name: string, numPartitions: number, configs = {}) => {
      const entries = Object.entries<string>({ 'retention.ms': '-1', ...configs });
      return { topic: name, numPartitions, configEntries: entries.map(([key, value]) => ({ name: key, value })) };
    };
    const topics = prefixes.flatMap((prefix) => [
      topic(`${prefix}-codecs`, CODEC_NAMES.length),
      ...FEATURES.flatMap(({ id, partitions, configs }) => (partitions ? [topic(`${prefix}-${id}`, partitions, configs)] : [])),
    ]);
    topics.push(topic(shared, CODEC_NAMES.length));
    await admin.createTopics({ topics, waitForLeaders: false });
    // Apache Kafka may answer before the broker that is asked for leaders has heard of them.
    await eventually(() => admin.fetchTopicMetadata({ topics: topics.map((each) => each.topic) }));
  } finally {
    await admin.disconnect();
  }
}

async function writeShared(): Promise<void> {
  const producer = kafkaJs().producer({ createPartitioner: Partitioners.DefaultPartitioner });
  await producer.connect();
  try {
    for (const codec of CODEC_NAMES) {
      const messages = matrixRecords().map(({ key, value, timestamp, headers }) => ({
        partition: codecPartition(codec),
        key,
        value,
        timestamp: String(timestamp),
        headers: Object.fromEntries(headers),
      }));
      await producer.send({ topic: shared, compression: KAFKAJS_TYPES[codec], messages });
    }
  } finally {
    await producer.disconnect();
  }
}

/** What kafkajs reads of each partition; gives up when it has heard nothing new for a while, so that less than expected is an answer too. */
async function readByKafkaJs(topic: string, expected: number): Promise<Map<number, MatrixRecord[]>> {
  const read = new Map<number, MatrixRecord[]>();
  const consumer = kafkaJs().consumer({ groupId: unique('reader'), sessionTimeout: 6000, heartbeatInterval: 500, maxWaitTimeInMs: 100 });
  await consumer.connect();
  try {
    await consumer.subscribe({ topic, fromBeginning: true });
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(resolve, READ_DEADLINE_MS);
      consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
      let count = 0;
      const eachMessage: NonNullable<Parameters<typeof consumer.run>[0]>['eachMessage'] = async ({ partition, message }) => {
        const { key, value, timestamp, headers = {} } = message;
        const pairs = Object.entries(headers).map(([name, of]) => [name, of as Buffer] as const);
        read.set(partition, [...(read.get(partition) ?? []), { key: key!, value: value!, timestamp: Number(timestamp), headers: pairs }]);
        if (++count < expected) return;
        clearTimeout(timer);
        resolve();
      };
      consumer.run({ eachMessage }).catch(reject);
    });
  } finally {
    await consumer.disconnect();
  }
  return read;
}

/** Records in their order; headers by name, for some clients give and take them as a map. */
function textOf(records: readonly MatrixRecord[]): string {
  return JSON.stringify(records.map((each) => ({ ...each, headers: [...each.headers].sort(([a], [b]) => (a < b ? -1 : 1)) })));
}

async function readBack(prefix: string, features: ClientResult['features']): Promise<FeatureResult> {
  const sent = CODEC_NAMES.filter((codec) => features.get(`codec-${codec}`)?.ok);
  const read = await readByKafkaJs(`${prefix}-codecs`, sent.length * matrixRecords().length);
  const wrong = sent.filter((codec) => {
    return textOf(read.get(codecPartition(codec)) ?? []) !== textOf(matrixRecords());
  });
  return wrong.length === 0 ? { ok: true } : { ok: false, detail: `differs: ${wrong}` };
}

const resultFile = ({ name, version }: MatrixClient) => join(RESULTS, `${name.replaceAll(/\W+/g, '-').replace(/^-/, '')}-${version}.json`);

/** What is there of earlier runs stays where it is of a client that is not tried now, but is in the table. */
function prepareResults(tried: readonly MatrixClient[]): void {
  mkdirSync(RESULTS, { recursive: true });
  const kept = clients.filter((client) => !tried.includes(client)).map(resultFile);
  for (const each of readdirSync(RESULTS)) if (!kept.includes(join(RESULTS, each))) rmSync(join(RESULTS, each));
}

async function run(client: MatrixClient, prefix: string): Promise<ClientResult> {
  const ran = await runMatrixProgram(client, broker.bootstrap, prefix, shared);
  const back = await readBack(prefix, ran.features).catch((error: Error): FeatureResult => ({ ok: false, detail: error.message }));
  const result = { ...ran, features: new Map([...ran.features, [READ_BY_KAFKAJS, back]]) };
  if (!foreignBroker) writeResult(client, result);
  return result;
}

function writeResult(client: MatrixClient, { note, features }: ClientResult): void {
  const { name, version, language } = client;
  const inOrder = FEATURES.map(({ id }) => ({ feature: id, ...(features.get(id) ?? { ok: false, detail: 'not tried' }) }));
  const text = JSON.stringify({ client: name, version, note, language, position: clients.indexOf(client), features: inOrder }, null, 2);
  writeFileSync(resultFile(client), `${text}\n`);
}

// biome-ignore lint/correctness/noEmptyPattern: vitest wants a pattern there
beforeAll(async ({}, suite) => {
  const wanted = suite.tasks.filter(({ mode }) => mode === 'run').map(({ name }) => name);
  const programs = available.filter(({ client }) => wanted.includes(headingOf(client)));
  if (programs.length === 0) return;
  if (!foreignBroker) prepareResults(programs.map(({ client }) => client));
  await createTopics(programs.map(({ prefix }) => prefix));
  await writeShared();
  // A few at once, in the order of the tests, which take each result when it is there.
  const lines = Array.from({ length: PROGRAMS_AT_ONCE }, () => Promise.resolve());
  programs.forEach(({ client, prefix }, n) => {
    const line = n % PROGRAMS_AT_ONCE;
    const result = lines[line]!.then(() => run(client, prefix));
    lines[line] = result.then(() => {});
    results.set(client, result);
  });
});

for (const client of clients) {
  describe.skipIf(client.command === null)(headingOf(client), () => {
    // With the client, so that it stands in every report: `kafkajs 2.2.4: sends headers`.
    const named = (title: string) => `${headingOf(client)}: ${title}`;

    test(named('runs to its end, and is of that version'), async () => {
      const { version, failure } = await results.get(client)!;
      expect(failure).toBeNull();
      expect(version).toBe(client.version);
    });

    test.for(FEATURES.map(({ id, title }) => [named(title), id] as const))('%s', async ([, id], { skip }) => {
      const { features } = await results.get(client)!;
      const result = features.get(id);
      expect(result, `the program says nothing about ${id}`).toBeDefined();
      expect(result!.ok, result!.detail).not.toBe(false);
      if (result!.ok !== null) return;
      expect(result!.detail, 'why it is not in this client').toBeTruthy();
      skip(result!.detail);
    });
  });
}
