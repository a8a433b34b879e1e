import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type Admin, Kafka, type KafkaMessage, logLevel, Partitioners, type Producer } from 'kafkajs';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type BrokerProcess, startBrokerProcess } from '../support/broker-process.ts';
import { eventually } from '../support/eventually.ts';

// The real program, as `npm test` has built it, with kafkajs on the other side of the topic.
const CLI = fileURLToPath(new URL('../../bin/minikafka.js', import.meta.url));

let broker: BrokerProcess;
let kafka: Kafka;
let admin: Admin;
let producer: Producer;
beforeAll(async () => {
  broker = await startBrokerProcess({ args: ['--override', 'auto.create.topics.enable=false'] });
  kafka = new Kafka({ brokers: [broker.bootstrap], logLevel: logLevel.NOTHING });
  admin = kafka.admin();
  producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
  await Promise.all([admin.connect(), producer.connect()]);
});
afterAll(async () => {
  await Promise.all([admin.disconnect(), producer.disconnect()]);
  await broker.remove();
});

const children = new Set<ChildProcessWithoutNullStreams>();
afterEach(() => {
  for (const child of children) child.kill('SIGKILL');
});

const defaultServer = (args: readonly string[]) =>
  args.includes('--bootstrap-server') ? args : [...args, '--bootstrap-server', broker.bootstrap];

/** A command line with what it wrote so far. */
function started(...args: string[]) {
  const child = spawn(process.execPath, [CLI, ...defaultServer(args)]);
  children.add(child);
  const ran = { out: Buffer.alloc(0), err: '' };
  child.stdout.on('data', (chunk: Buffer) => {
    ran.out = Buffer.concat([ran.out, chunk]);
  });
  child.stderr.on('data', (chunk: Buffer) => {
    ran.err += chunk;
  });
  const ended = new Promise<{ code: number | null; out: string; err: string }>((resolve) => {
    child.once('close', (code) => {
      children.delete(child);
      resolve({ code, out: ran.out.toString(), err: ran.err });
    });
  });
  return { child, ran, ended };
}

function run(args: readonly string[], input: string | Buffer = '') {
  const { child, ended } = started(...args);
  child.stdin.end(input);
  return ended;
}

let topics = 0;
async function newTopic(numPartitions = 1, configs: Record<string, string> = {}): Promise<string> {
  const topic = `topic-${++topics}`;
  const configEntries = Object.entries(configs).map(([name, value]) => ({ name, value }));
  await admin.createTopics({ topics: [{ topic, numPartitions, configEntries }] });
  return topic;
}

/** The first `count` records of a topic, as kafkajs reads them. */
async function readWithKafkaJs(topic: string, count: number): Promise<(KafkaMessage & { partition: number })[]> {
  const consumer = kafka.consumer({ groupId: `read-${topic}`, maxWaitTimeInMs: 200 });
  const records: (KafkaMessage & { partition: number })[] = [];
  try {
    await consumer.connect();
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    await new Promise<void>((resolve) => {
      void consumer.run({
        eachMessage: async ({ message, partition }) => {
          records.push({ ...message, partition });
          if (records.length === count) resolve();
        },
      });
    });
  } finally {
    await consumer.disconnect();
  }
  return records;
}

async function committed(group: string, topic: string): Promise<Record<number, number>> {
  const [offsets] = await admin.fetchOffsets({ groupId: group, topics: [topic] });
  return Object.fromEntries(offsets!.partitions.map(({ partition, offset }) => [partition, Number(offset)]));
}

const fill = (topic: string, values: readonly (string | Buffer)[], partition = 0) =>
  producer.send({ topic, messages: values.map((value) => ({ value, partition })) });

test('produce writes keys, values of any bytes, null and headers, with nothing on standard output', async () => {
  const topic = await newTopic();
  const input = Buffer.concat([Buffer.from('k1:v1\r\nk2:-\n:'), Buffer.from([0xff, 0, 0x80]), Buffer.from('\nlast:x:y')]);
  const args = ['--key-separator', ':', '--null-value', '-', '--header', 'a=1', '--header', 'b=x=y'];
  expect(await run(['produce', topic, ...args], input)).toEqual({ code: 0, out: '', err: '4 records written.\n' });
  const records = await readWithKafkaJs(topic, 4);
  expect(records.map(({ key, value }) => [key?.toString(), value?.toString('latin1')])).toEqual([
    ['k1', 'v1'],
    ['k2', undefined],
    ['', '\xff\0\x80'],
    ['last', 'x:y'],
  ]);
  for (const { headers } of records) expect(headers).toEqual({ a: Buffer.from('1'), b: Buffer.from('x=y') });
});

test('produce keeps keys in the partitions that kafkajs chooses, and lines of a partition in order', async () => {
  const topic = await newTopic(4);
  const keys = Array.from({ length: 5_000 }, (_, i) => `key-${i % 97}`);
  const ran = await run(['produce', topic, '--key-separator', ' ', '--json'], keys.map((key, i) => `${key} ${i}\n`).join(''));
  expect(ran).toMatchObject({ code: 0, err: '5000 records written.\n' });
  const records = await readWithKafkaJs(topic, 5_000);
  const sorted = records.map(({ key, value }) => [key!.toString(), Number(value)] as const).sort((a, b) => a[1] - b[1]);
  expect(sorted).toEqual(keys.map((key, i) => [key, i]));
  const choose = Partitioners.DefaultPartitioner();
  const partitionMetadata = [0, 1, 2, 3].map((partitionId) => ({ partitionId, leader: 1 })) as never;
  const last = new Map<number, number>();
  for (const { key, value, partition } of records) {
    expect(partition).toBe(choose({ topic, partitionMetadata, message: { key, value } }));
    expect(Number(value)).toBeGreaterThan(last.get(partition) ?? -1);
    last.set(partition, Number(value));
  }
  // The JSON lines say where the batches went: together they are the offsets that the partitions have.
  const counts = new Map<number, number>();
  for (const line of ran.out.trim().split('\n')) {
    const batch = JSON.parse(line);
    expect(batch).toEqual({ topic, partition: batch.partition, baseOffset: counts.get(batch.partition) ?? 0, records: expect.any(Number) });
    counts.set(batch.partition, batch.baseOffset + batch.records);
  }
  const ends = await admin.fetchTopicOffsets(topic);
  expect(Object.fromEntries(counts)).toEqual(Object.fromEntries(ends.map(({ partition, offset }) => [partition, Number(offset)])));
});

test.each(['none', 'gzip', 'snappy', 'lz4', 'zstd'])('what produce compresses with %s, consume reads', async (codec) => {
  const topic = await newTopic();
  const lines = Array.from({ length: 300 }, (_, i) => `line ${i} ${'ab'.repeat(50)}\n`).join('');
  expect(await run(['produce', topic, '--compression', codec], lines)).toMatchObject({ code: 0 });
  expect(await run(['consume', topic, '--from-beginning', '--max-messages', '300'])).toEqual({ code: 0, out: lines, err: '' });
});

test('produce says in one line what was not written, and exits with 1', async () => {
  const topic = await newTopic(1, { 'max.message.bytes': '1000' });
  const small = 'x\n'.repeat(500); // as one batch too large, in halves not
  expect(await run(['produce', topic], small)).toEqual({ code: 0, out: '', err: '500 records written.\n' });
  expect(await run(['produce', topic], `${'y'.repeat(5_000)}\n`)).toEqual({
    code: 1,
    out: '',
    err: `minikafka: line 1: it is larger than the max.message.bytes of topic "${topic}"; of 1 line read, 0 are written and 1 not\n`,
  });
  expect(await run(['produce', topic, '--key-separator', ':'], 'a:b\nc\n')).toEqual({
    code: 1,
    out: '',
    err: 'minikafka: line 2 has no key separator ":"; the 1 record before it is written\n',
  });
  const missing = await run(['produce', 'missing'], 'x\n');
  expect(missing).toMatchObject({ code: 1, out: '', err: expect.stringMatching(/^minikafka: there is no topic "missing" at [^\n]*\n$/) });
  expect(await run(['produce', topic])).toEqual({ code: 0, out: '', err: '0 records written.\n' });
});

test('Ctrl-C has produce send the lines that are whole, and end', async () => {
  const topic = await newTopic();
  const { child, ran, ended } = started('produce', topic);
  child.stdin.write('one\ntwo\nthr');
  await eventually(async () => expect((await admin.fetchTopicOffsets(topic))[0]!.offset).toBe('2'));
  child.kill('SIGINT');
  expect(await ended).toMatchObject({ code: 0, out: '' });
  expect(ran.err).toBe('2 records written.\nThe last line had no end yet and was left out (3 bytes).\n');
});

test('consume reads all partitions, one, from an offset, and the last few', async () => {
  const topic = await newTopic(2);
  await fill(topic, ['a0', 'a1', 'a2', 'a3'], 0);
  await fill(topic, ['b0', 'b1'], 1);
  const all = await run(['consume', topic, '--from-beginning', '--timeout', '1s', '--format', '%p %o %v\\n']);
  expect(all.out.trim().split('\n').sort()).toEqual(['0 0 a0', '0 1 a1', '0 2 a2', '0 3 a3', '1 0 b0', '1 1 b1']);
  expect(all).toMatchObject({ code: 0, err: '' });
  const one = (...args: string[]) => run(['consume', topic, '--partition', '0', ...args]);
  expect(await one('--offset', '2', '--max-messages', '1')).toEqual({ code: 0, out: 'a2\n', err: '' });
  expect(await one('--offset', '-2', '--max-messages', '2')).toMatchObject({ out: 'a2\na3\n' });
  expect(await one('--offset', '9')).toEqual({
    code: 1,
    out: '',
    err: `minikafka: partition 0 of topic "${topic}" has the offsets 0 to 3; choose another --offset\n`,
  });
  expect(await one('--from-beginning', '--max-messages', '5', '--timeout', '500ms')).toEqual({
    code: 1,
    out: 'a0\na1\na2\na3\n',
    err: 'minikafka: 4 of 5 records came, then none for 0.5 s\n',
  });
});

test('consume without --from-beginning prints what comes from now on, and Ctrl-C ends it', async () => {
  const topic = await newTopic();
  await fill(topic, ['old']);
  const { child, ran, ended } = started('consume', topic);
  await eventually(async () => {
    await fill(topic, ['new']);
    expect(ran.out.toString()).toContain('new\n');
  });
  child.kill('SIGINT');
  const { code, out, err } = await ended;
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect(out).toMatch(/^(new\n)+$/);
});

test('a group goes on right behind the last record that was printed', async () => {
  const topic = await newTopic();
  await fill(
    topic,
    Array.from({ length: 10 }, (_, i) => `v${i}`),
  );
  const read = (...args: string[]) => run(['consume', topic, '--group', 'g', '--timeout', '10s', ...args]);
  expect(await read('--from-beginning', '--max-messages', '4')).toEqual({ code: 0, out: 'v0\nv1\nv2\nv3\n', err: '' });
  expect(await committed('g', topic)).toEqual({ 0: 4 });
  expect(await read('--max-messages', '3')).toMatchObject({ code: 0, out: 'v4\nv5\nv6\n' });
  const { child, ran, ended } = started('consume', topic, '--group', 'g');
  await eventually(() => expect(ran.out.toString()).toBe('v7\nv8\nv9\n'));
  child.kill('SIGINT');
  expect(await ended).toMatchObject({ code: 0, err: '' });
  expect(await committed('g', topic)).toEqual({ 0: 10 });
});

test('a reader that has seen enough ends consume quietly', async () => {
  const topic = await newTopic();
  await fill(
    topic,
    Array.from({ length: 200 }, () => 'x'.repeat(5_000)),
  );
  for (const group of [[], ['--group', 'early']]) {
    const { child, ended } = started('consume', topic, '--from-beginning', ...group);
    child.stdout.once('data', () => child.stdout.destroy());
    expect(await ended).toMatchObject({ code: 0, err: '' });
  }
});

test('consume goes on where it was when the broker is killed and comes back', async () => {
  const other = await startBrokerProcess({ args: ['--topic', 'restarted:1'] });
  try {
    const write = (text: string) =>
      spawnSync(process.execPath, [CLI, 'produce', 'restarted', '--bootstrap-server', other.bootstrap], { input: text });
    expect(write('one\n').status).toBe(0);
    const { child, ran, ended } = started('consume', 'restarted', '--from-beginning', '--bootstrap-server', other.bootstrap);
    await eventually(() => expect(ran.out.toString()).toBe('one\n'));
    await other.kill();
    await other.start();
    expect(write('two\n').status).toBe(0);
    await eventually(() => expect(ran.out.toString()).toBe('one\ntwo\n'));
    child.kill('SIGINT');
    expect(await ended).toMatchObject({ code: 0, err: '' });
  } finally {
    await other.remove();
  }
});
