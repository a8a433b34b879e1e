import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { brokerUnderTest, foreignBroker, unique } from '../support/broker-under-test.ts';
import { javaWithKafka } from './java.ts';
import { kafkaJs } from './kafkajs-client.ts';

const broker = brokerUnderTest();
const java = javaWithKafka();
const folder = mkdtempSync(join(tmpdir(), 'minikafka-tools-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Options {
  readonly input?: string;
  /** Without it, the tool is not told of the broker. */
  readonly bootstrap?: string;
}

/** Runs one of Kafka's tools and returns what it printed; what it writes to standard error is only shown when it fails. */
function tool(name: string, args: readonly string[], { input = '', bootstrap = broker.bootstrap }: Options = {}): Promise<string> {
  const where = bootstrap === '' ? [] : ['--bootstrap-server', bootstrap];
  return java!.tool(name, [...where, ...args], { input });
}

const lines = (output: string): string[] => output.trimEnd().split('\n');

async function newTopic(): Promise<string> {
  const topic = unique('tools');
  await (await kafkaJs(broker.bootstrap).admin()).createTopics({ topics: [{ topic, numPartitions: 1 }], waitForLeaders: true });
  return topic;
}

describe.skipIf(java === null)("Kafka's tools", () => {
  test('TopicCommand creates, widens, describes and deletes a topic', async () => {
    const topic = unique('tools');
    const created = ['--create', '--topic', topic, '--partitions', '2', '--replication-factor', '1', '--config', 'retention.ms=3600000'];
    expect(await tool('TopicCommand', created)).toBe(`Created topic ${topic}.\n`);
    expect(await tool('TopicCommand', ['--alter', '--topic', topic, '--partitions', '3'])).toBe('');
    const [head, ...partitions] = lines(await tool('TopicCommand', ['--describe', '--topic', topic]));
    expect(head).toMatch(
      new RegExp(`^Topic: ${topic}\tTopicId: \\S{22}\tPartitionCount: 3\tReplicationFactor: 1\tConfigs: .*retention.ms=3600000`),
    );
    const leads = (n: number) => `Topic: ${topic}\tPartition: ${n}\tLeader: 1\tReplicas: 1\tIsr: 1`;
    expect(partitions.map((line) => line.trim().split('\tElr:')[0])).toEqual([0, 1, 2].map(leads));
    await tool('TopicCommand', ['--delete', '--topic', topic]);
    expect(lines(await tool('TopicCommand', ['--list']))).not.toContain(topic);
  });

  test('FeatureCommand describes the features, and says which cannot be updated', async () => {
    const described = lines(await tool('FeatureCommand', ['describe'])).map((line) => line.split(/\s{2,}|\t+/).map((part) => part.trim()));
    expect(described.map(([feature]) => feature)).toContain('Feature: metadata.version');
    const elr = described.find(([feature]) => feature === 'Feature: eligible.leader.replicas.version');
    expect(elr?.slice(1, 4)).toEqual(['SupportedMinVersion: 1', 'SupportedMaxVersion: 1', 'FinalizedVersionLevel: 1']);
    const of = (level: string) => ['--feature', `eligible.leader.replicas.version=${level}`];
    expect(await tool('FeatureCommand', ['upgrade', ...of('1')])).toBe('eligible.leader.replicas.version was upgraded to 1.\n');
    const refused = (...args: string[]) => expect(tool('FeatureCommand', args)).rejects.toMatchObject({ code: 1 });
    await refused('downgrade', ...of('0'));
    await refused('upgrade', '--feature', 'no.such.feature=1');
  });

  test('ConfigCommand changes and describes the configs of a topic', async () => {
    const topic = await newTopic();
    const of = ['--entity-type', 'topics', '--entity-name', topic];
    const changed = await tool('kafka.admin.ConfigCommand', [
      '--alter',
      ...of,
      '--add-config',
      'retention.ms=5000,cleanup.policy=[compact,delete]',
    ]);
    expect(changed).toBe(`Completed updating config for topic ${topic}.\n`);
    const [head, ...configs] = lines(await tool('kafka.admin.ConfigCommand', ['--describe', ...of]));
    expect(head).toBe(`Dynamic configs for topic ${topic} are:`);
    expect(configs.map((line) => line.trim().split(' sensitive')[0])).toEqual(['cleanup.policy=compact,delete', 'retention.ms=5000']);
    expect(configs[0]).toContain('DYNAMIC_TOPIC_CONFIG:cleanup.policy=compact,delete, DEFAULT_CONFIG:log.cleanup.policy=delete');
  });

  test('ConsoleProducer and ConsoleConsumer carry keys, nulls, headers and unicode', async () => {
    const topic = await newTopic();
    const input = 'a:1,b:2\tk1\tgrüße\na:3\tNULL\tno key\nNULL\tk3\tNULL\n';
    const properties = ['parse.key=true', 'parse.headers=true', 'null.marker=NULL'].flatMap((each) => ['--reader-property', each]);
    await tool('ConsoleProducer', ['--topic', topic, '--command-property', 'compression.type=lz4', ...properties], { input });
    const printed = ['print.key=true', 'print.headers=true', 'print.partition=true', 'print.offset=true', 'null.literal=NULL'];
    const shown = printed.flatMap((each) => ['--formatter-property', each]);
    const group = unique('tools-group');
    const read = await tool('org.apache.kafka.tools.consumer.ConsoleConsumer', [
      ...['--topic', topic, '--from-beginning', '--max-messages', '3', '--timeout-ms', '30000', '--group', group],
      ...shown,
    ]);
    expect(lines(read).filter((line) => line.startsWith('Partition'))).toEqual([
      'Partition:0\tOffset:0\ta:1,b:2\tk1\tgrüße',
      'Partition:0\tOffset:1\ta:3\tNULL\tno key',
      'Partition:0\tOffset:2\tNO_HEADERS\tk3\tNULL',
    ]);
  });

  test('ProducerPerformance, ConsumerPerformance, GetOffsetShell, DeleteRecordsCommand and LogDirsCommand agree on 10,000 records', async () => {
    const topic = await newTopic();
    const load = [
      '--topic',
      topic,
      '--num-records',
      '10000',
      '--record-size',
      '200',
      '--throughput',
      '-1',
      '--command-property',
      'compression.type=zstd',
    ];
    expect(lines(await tool('ProducerPerformance', load)).at(-1)).toMatch(/^10000 records sent, /);
    const [names, figures] = lines(await tool('ConsumerPerformance', ['--topic', topic, '--num-records', '10000'])).slice(-2);
    const consumed = figures!.split(', ')[names!.split(', ').indexOf('data.consumed.in.nMsg')];
    expect(consumed).toBe('10000');

    const file = join(folder, 'delete.json');
    writeFileSync(file, JSON.stringify({ partitions: [{ topic, partition: 0, offset: 1234 }], version: 1 }));
    expect(lines(await tool('DeleteRecordsCommand', ['--offset-json-file', file])).at(-1)).toBe(
      `partition: ${topic}-0\tlow_watermark: 1234`,
    );
    const offsets = async (time: string) => lines(await tool('GetOffsetShell', ['--topic', topic, '--time', time]));
    expect(await offsets('earliest')).toEqual([`${topic}:0:1234`]);
    expect(await offsets('latest')).toEqual([`${topic}:0:10000`]);

    const answer = JSON.parse(lines(await tool('LogDirsCommand', ['--describe', '--topic-list', topic])).at(-1)!);
    expect(answer.brokers).toHaveLength(1);
    const [logDir] = answer.brokers[0].logDirs;
    expect(logDir).toMatchObject({ error: null, partitions: [{ partition: `${topic}-0`, offsetLag: 0, isFuture: false }] });
    expect(logDir.partitions[0].size).toBeGreaterThan(500_000); // random capitals, compressed
    expect(logDir.partitions[0].size).toBeLessThan(2_000_000);
  });

  test.skipIf(foreignBroker)('DumpLogSegments finds a log and its indexes valid after a clean stop', async () => {
    const topic = await newTopic();
    const producer = await kafkaJs(broker.bootstrap).producer();
    for (let n = 0; n < 20; n++) {
      const messages = Array.from({ length: 50 }, (_, i) => ({ value: `${n * 50 + i} ${'x'.repeat(100)}` }));
      await producer.send({ topic, messages });
    }
    expect(await broker.process.stop()).toEqual({ code: 0, signal: null });
    const log = join(broker.process.data, `${topic}-0`);
    const files = readdirSync(log).filter((name) => /\.(log|index|timeindex|snapshot)$/.test(name));
    const of = ['--deep-iteration', '--print-data-log', '--files', files.map((name) => join(log, name)).join(',')];
    const dump = await tool('DumpLogSegments', of, { bootstrap: '' });
    await broker.process.start();
    expect(files.map((name) => name.split('.')[1])).toEqual(expect.arrayContaining(['index', 'log', 'timeindex']));
    expect(dump.match(/^baseOffset: .* isvalid: true/gm)).toHaveLength(20);
    expect([...dump.matchAll(/^\| offset: (\d+) .*payload: (\d+) x{100}$/gm)].map(([, offset, n]) => [offset, n])).toEqual(
      Array.from({ length: 1000 }, (_, n) => [`${n}`, `${n}`]),
    );
    expect(dump).not.toMatch(/isvalid: false|Mismatches|Non-consecutive|out of order/i);
    expect(dump.match(/^offset: \d+ position: \d+$/gm)?.length).toBeGreaterThan(5);
  });
});
