import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ConfigResourceTypes, type Producer } from 'kafkajs';
import { describe, expect, onTestFinished, test } from 'vitest';
import { startCluster, type TestCluster } from '../../src/testing.ts';
import { startBrokerProcess } from '../support/broker-process.ts';
import { unique } from '../support/broker-under-test.ts';
import { eventually } from '../support/eventually.ts';
import { prng } from '../support/prng.ts';
import { type Program, startProgram } from '../support/program.ts';
import { type CommittedRecord, CommittedRecords } from './committed-records.ts';
import { javaWithStreams } from './java.ts';
import { type KafkaJs, kafkaJs } from './kafkajs-client.ts';

/** The long form, by hand: STREAMS_ROUNDS=10. */
const ROUNDS = Number(process.env.STREAMS_ROUNDS ?? 1);
const seed = Number(process.env.STREAMS_SEED ?? Date.now() % 1_000_000);
const PARTITIONS = 4;
const WORDS = 500;
const WORDS_PER_LINE = 3;
const LINES_AT_ONCE = 20;
const AHEAD = 4_000;
const PAUSE_MS = 10;
/** In new counts: what shows that an application goes on. */
const PROGRESS = 2_000;
const DEADLINE_MS = 60_000;
const NAMES = ['a', 'b'];
const STOPPED_BY_SIGTERM = { code: 143, signal: null };

const wordCount = javaWithStreams('WordCount.java');

/** Sends lines of words, and knows how often it has sent each word. */
class Feeder {
  readonly sent = new Map<string, number>();
  words = 0;
  private readonly producer: Producer;
  private readonly topic: string;
  private readonly random = prng(seed);
  private sends = 0;
  private isOver = false;
  private feeding: Promise<void> = Promise.resolve();

  constructor(producer: Producer, topic: string) {
    this.producer = producer;
    this.topic = topic;
  }

  async send(): Promise<void> {
    const words = Array.from({ length: LINES_AT_ONCE * WORDS_PER_LINE }, () => `word-${Math.floor(this.random() * WORDS)}`);
    // One partition at a time: a partition that moves to a broker which has answered for others already is left out when kafkajs tries again.
    const partition = this.sends++ % PARTITIONS;
    const line = (n: number) => words.slice(n * WORDS_PER_LINE, (n + 1) * WORDS_PER_LINE).join(' ');
    const messages = Array.from({ length: LINES_AT_ONCE }, (_, n) => ({ value: line(n), partition }));
    await this.producer.send({ topic: this.topic, messages });
    this.words += words.length;
    for (const word of words) this.sent.set(word, (this.sent.get(word) ?? 0) + 1);
  }

  /** Sends on and on, never far ahead of what has been counted. */
  start(counted: () => number): void {
    this.feeding = (async () => {
      while (!this.isOver) {
        if (this.words - counted() < AHEAD) await this.send();
        else await sleep(PAUSE_MS);
      }
    })();
    this.feeding.catch(() => {}); // told by stop()
  }

  async stop(): Promise<void> {
    this.isOver = true;
    await this.feeding;
  }
}

interface Application {
  readonly changelog: string;
  readonly started: readonly Program[];
  /** Starts an instance on the state that its name has; resolves when it runs. */
  start(name: string): Promise<Program>;
}

/** A word count with exactly_once_v2 from one topic to the other, its settings otherwise the defaults of Kafka Streams. */
function application(bootstrap: string, input: string, output: string, more: Readonly<Record<string, string | number>> = {}): Application {
  const id = unique('word-count');
  const folder = mkdtempSync(join(tmpdir(), 'minikafka-streams-'));
  const started: Program[] = [];
  onTestFinished(async ({ task }) => {
    for (const each of started) each.signal('SIGKILL');
    await Promise.all(started.map((each) => each.ended()));
    if (task.result?.state === 'fail') for (const each of started) console.error(each.output().slice(-4000));
    rmSync(folder, { recursive: true, force: true });
  });
  const serde = 'org.apache.kafka.common.serialization.Serdes$StringSerde';
  const settings = {
    ...{ 'application.id': id, 'bootstrap.servers': bootstrap, 'processing.guarantee': 'exactly_once_v2' },
    ...{ 'default.key.serde': serde, 'default.value.serde': serde, 'auto.offset.reset': 'earliest' },
    'statestore.cache.max.bytes': 0, // each count is a record
    ...more,
  };
  return {
    changelog: `${id}-counts-changelog`,
    started,
    start: async (name) => {
      const own = join(folder, name);
      mkdirSync(own, { recursive: true });
      const file = join(own, 'settings');
      const lines = Object.entries({ ...settings, 'state.dir': join(own, 'state') }).map(([key, value]) => `${key}=${value}\n`);
      writeFileSync(file, lines.join(''));
      const [java, ...command] = wordCount!;
      // The changelog is compacted while the test runs. What RocksDB unpacks to the temporary folder is gone with the test.
      const changelog = ['segment.ms=500', 'min.cleanable.dirty.ratio=0.01'];
      const program = startProgram(java!, [`-Djava.io.tmpdir=${own}`, ...command, file, input, output, ...changelog]);
      started.push(program);
      await program.waitFor('it runs', () => program.lines().find((line) => line === 'state RUNNING'), DEADLINE_MS);
      return program;
    },
  };
}

/** Whatever happened to instances and brokers, each word has been counted once more each time: 1, 2, .. */
function expectCounts(output: readonly CommittedRecord[], sent: ReadonlyMap<string, number>): void {
  const counts = new Map<string, number[]>();
  for (const { key, value } of output) counts.set(key, [...(counts.get(key) ?? []), Number(value)]);
  const wrong = [...counts].filter(([, each]) => each.some((count, n) => count !== n + 1));
  expect(wrong).toEqual([]);
  expect(new Map([...counts].map(([word, each]) => [word, each.length]))).toEqual(sent);
}

async function expectChangelog(client: KafkaJs, topic: string, sent: ReadonlyMap<string, number>): Promise<number> {
  const changelog = await CommittedRecords.of(client, topic);
  await eventually(() => {
    const last = new Map(changelog.all().map(({ key, value }) => [key, Number(value.readBigInt64BE())]));
    expect(last).toEqual(sent);
  });
  const admin = await client.admin();
  const resources = [{ type: ConfigResourceTypes.TOPIC, name: topic, configNames: ['cleanup.policy'] }];
  const described = await admin.describeConfigs({ resources, includeSynonyms: false });
  expect(described.resources[0]!.configEntries).toMatchObject([{ configName: 'cleanup.policy', configValue: 'compact' }]);
  return changelog.count;
}

describe.skipIf(wordCount === null)('a word count of Kafka Streams with exactly_once_v2', () => {
  test(`is right after ${ROUNDS} deaths of a broker of three and of one of its two instances`, async () => {
    console.log(`STREAMS_SEED=${seed} STREAMS_ROUNDS=${ROUNDS}`);
    const random = prng(seed);
    const cluster = await clusterOfThree();
    for (const topic of ['lines', 'counts']) await cluster.createTopic(topic, { partitions: PARTITIONS, replicationFactor: 3 });
    const client = kafkaJs(cluster.bootstrapServers);
    const output = await CommittedRecords.of(client, 'counts');
    const feeder = new Feeder(await client.producer({ idempotent: true }), 'lines');
    const progress = (count = output.count + PROGRESS) => eventually(() => expect(output.count).toBeGreaterThanOrEqual(count), DEADLINE_MS);
    const counter = application(cluster.bootstrapServers, 'lines', 'counts', {
      ...{ 'session.timeout.ms': 3_000, 'heartbeat.interval.ms': 300, 'producer.transaction.timeout.ms': 5_000 },
      'acceptable.recovery.lag': 10_000_000, // an instance that is back has its tasks at once, not after the next probing rebalance
    });
    const instances = await Promise.all(NAMES.map((name) => counter.start(name)));
    feeder.start(() => output.count);
    await progress();
    for (let round = 0; round < ROUNDS; round++) {
      const broker = cluster.brokers[Math.floor(random() * cluster.brokers.length)]!;
      const instance = Math.floor(random() * NAMES.length);
      const deaths = [() => broker.kill(), () => killed(instances[instance]!)];
      if (random() < 0.5) deaths.reverse();
      await deaths[0]!();
      await sleep(random() * 1_000);
      await deaths[1]!();
      console.log(
        `round ${round + 1}: broker ${broker.id} and instance ${NAMES[instance]} killed, ${output.count} of ${feeder.words} words counted`,
      );
      await progress();
      const [again] = await Promise.all([counter.start(NAMES[instance]!), broker.start()]);
      instances[instance] = again;
      await progress();
    }
    await feeder.stop();
    await progress(feeder.words);
    for (const each of instances) each.signal('SIGTERM');
    expect(await Promise.all(instances.map((each) => each.ended()))).toEqual(instances.map(() => STOPPED_BY_SIGTERM));
    expect(counter.started.flatMap((each) => each.lines().filter((line) => line === 'state ERROR'))).toEqual([]);
    expectCounts(output.all(), feeder.sent);
    const again = await CommittedRecords.of(client, 'counts');
    await eventually(() => expect(again.count).toBeGreaterThanOrEqual(feeder.words));
    expect(again.all()).toEqual(output.all());
    const left = await expectChangelog(client, counter.changelog, feeder.sent);
    expect(left).toBeLessThan(feeder.words);
    console.log(`${feeder.words} words counted; ${left} records left in the changelog`);
  }, 240_000);

  test('runs on one broker without a setting, which has one replica of what it makes for it', async () => {
    const broker = await startBrokerProcess();
    onTestFinished(() => broker.remove());
    const client = kafkaJs(broker.bootstrap);
    const admin = await client.admin();
    await admin.createTopics({ topics: ['lines', 'counts'].map((topic) => ({ topic, numPartitions: PARTITIONS })), waitForLeaders: true });
    const output = await CommittedRecords.of(client, 'counts');
    const feeder = new Feeder(await client.producer({ idempotent: true }), 'lines');
    const counter = application(broker.bootstrap, 'lines', 'counts');
    const instance = await counter.start('only');
    for (let n = 0; n < 10; n++) await feeder.send();
    await eventually(() => expect(output.count).toBeGreaterThanOrEqual(feeder.words), DEADLINE_MS);
    instance.signal('SIGTERM');
    expect(await instance.ended()).toEqual(STOPPED_BY_SIGTERM);
    expectCounts(output.all(), feeder.sent);
    await expectChangelog(client, counter.changelog, feeder.sent);
    const { topics } = await admin.fetchTopicMetadata({ topics: [counter.changelog, '__transaction_state', '__consumer_offsets'] });
    expect(topics.map(({ partitions }) => partitions.every(({ replicas }) => replicas.length === 1))).toEqual([true, true, true]);
  });
});

async function killed(program: Program): Promise<void> {
  program.signal('SIGKILL');
  await program.ended();
}

async function clusterOfThree(): Promise<TestCluster> {
  const data = mkdtempSync(join(tmpdir(), 'minikafka-streams-cluster-'));
  const config = { 'group.min.session.timeout.ms': 3_000, 'transaction.abort.timed.out.transaction.cleanup.interval.ms': 500 };
  const cluster = await startCluster({ data, cuttable: 'none', config: { ...config, 'log.cleaner.backoff.ms': 200 } });
  onTestFinished(async ({ task }) => {
    await cluster.close();
    if (task.result?.state === 'fail') console.error(`STREAMS_SEED=${seed}; the data and logs of the brokers are kept in ${data}`);
    else rmSync(data, { recursive: true, force: true });
  });
  return cluster;
}
