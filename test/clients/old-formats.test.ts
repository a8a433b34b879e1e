import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { brokerUnderTest, unique } from '../support/broker-under-test.ts';
import { startProgram } from '../support/program.ts';
import { kafkaJs } from './kafkajs-client.ts';
import { pythonEnvs, pythonWithAllCodecs } from './python.ts';
import type { CodecName } from './record-client.ts';
import { recordClients } from './record-clients.ts';
import { type FlatRecord, flatRecords, readRecords, writeRecords, wrongRecords } from './record-file.ts';

/*
 * Clients from before Kafka 0.11, which know messages of magic 0 and 1 and no record batches: what they send is read by a client of today, and
 * the other way round.
 */
const broker = brokerUnderTest();
const PARTITIONS = 2;
const RECORDS = 3000;
const DEADLINE_MS = 90_000;
const CODECS: readonly CodecName[] = ['none', 'gzip', 'snappy', 'lz4'];
/** As kafka-python 2.0.2 speaks to them: Produce 0 and Fetch 0, 1 and 1, 2 and 2. */
const VERSIONS = [
  { speaks: '0.8.2', hasTimestamps: false },
  { speaks: '0.9', hasTimestamps: false },
  { speaks: '0.10', hasTimestamps: true },
];

const seed = Date.now() % 1_000_000;
console.log(`seed ${seed}`);
/** What kafka-python can send: never without key and value. */
const records = flatRecords(seed, RECORDS, PARTITIONS).map((record) => ({
  ...record,
  key: record.key ?? (record.value === null ? Buffer.from('key') : null),
}));
/** What is left of it in the old formats. */
const asMessages = (hasTimestamps: boolean): FlatRecord[] =>
  records.map((record) => ({ ...record, headers: [], timestamp: hasTimestamps ? record.timestamp : -1 }));

const old = pythonEnvs().find(({ version }) => version === '2.0.2');
const withCodecs = pythonWithAllCodecs();
const modern = recordClients().find(({ name }) => name === 'confluent-kafka');
const folder = mkdtempSync(join(tmpdir(), 'minikafka-old-formats-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function librariesOf(interpreter: string): string {
  return execFileSync(interpreter, ['-c', 'import sysconfig; print(sysconfig.get_paths()["purelib"])'], { encoding: 'utf8' }).trim();
}

async function kafkaPython(step: string, ...args: string[]): Promise<void> {
  const program = startProgram(
    old!.interpreter,
    [join(import.meta.dirname, 'kafka-python-old', 'records.py'), step, broker.bootstrap, ...args],
    {
      env: { PYTHONPATH: join(import.meta.dirname, 'python'), CODECS: librariesOf(withCodecs!) },
    },
  );
  const { code } = await program.ended(DEADLINE_MS);
  if (code !== 0) throw new Error(`kafka-python ${step} ended with ${code}:\n${program.output().slice(-4000)}`);
}

async function topicOf(codec: string): Promise<string> {
  const topic = unique(codec);
  await (await kafkaJs(broker.bootstrap).admin()).createTopics({ topics: [{ topic, numPartitions: PARTITIONS }], waitForLeaders: true });
  return topic;
}

function wrongIn(sent: readonly FlatRecord[], read: ReadonlyMap<string, readonly FlatRecord[]>): string[] {
  return [...read].flatMap(([topic, some]) => wrongRecords(sent, some).map((wrong) => `${topic}: ${wrong}`));
}

async function readOld(speaks: string, topics: readonly string[]): Promise<Map<string, FlatRecord[]>> {
  await kafkaPython('read', speaks, folder, `${RECORDS}`, ...topics);
  return new Map(topics.map((topic) => [topic, readRecords(join(folder, topic))]));
}

if (!old || !withCodecs) test.skip('kafka-python 2.0.2: there is no Python to run it');

describe.skipIf(!old || !withCodecs).each(VERSIONS)('kafka-python 2.0.2 as for Kafka $speaks', ({ speaks, hasTimestamps }) => {
  test(`what it sends with each codec is what it reads, and what a client of today reads`, async () => {
    const topics = await Promise.all(CODECS.map(topicOf));
    const file = join(folder, `sent-${speaks}`);
    writeRecords(file, records);
    await kafkaPython('produce', speaks, file, ...topics.map((topic, n) => `${topic}:compression.type=${CODECS[n]}`));
    expect(wrongIn(asMessages(hasTimestamps), await readOld(speaks, topics))).toEqual([]);
    const read = await modern!.read(broker.bootstrap, topics, RECORDS);
    expect([...read.keys()]).toEqual(topics);
    expect(wrongIn(asMessages(hasTimestamps), read)).toEqual([]);
  });

  test('it reads what a client of today sends with each codec, without headers', async () => {
    const topics = await Promise.all(CODECS.map(topicOf));
    await modern!.produce(
      broker.bootstrap,
      topics.map((topic, n) => ({ topic, codec: CODECS[n]! })),
      records,
    );
    expect(wrongIn(asMessages(hasTimestamps), await readOld(speaks, topics))).toEqual([]);
  });
});

const hasKcat = spawnSync('kcat', ['-V'], { stdio: 'ignore' }).status === 0;
if (!hasKcat && process.env.CI) throw new Error('kcat is not installed');

describe.skipIf(!hasKcat).each(['0.8.2', '0.9.0', '0.10.0'])('kcat as for Kafka %s', (speaks) => {
  const kcat = (...args: string[]) => execFileSync('kcat', ['-b', broker.bootstrap, ...args], { encoding: 'utf8', timeout: 30_000 });
  const old = ['-X', `broker.version.fallback=${speaks}`, '-X', 'api.version.request=false'];

  test.each(CODECS)('sends and reads with %s what it reads as of today', async (codec) => {
    const topic = await topicOf(codec);
    const file = join(folder, 'lines');
    const lines = Array.from({ length: 1000 }, (_, n) => `${n} ${'añ€ '.repeat(n % 30)}\n`).join('');
    writeFileSync(file, lines);
    kcat(...old, '-P', '-t', topic, '-p', '0', '-z', codec, '-l', file);
    const read = ['-C', '-t', topic, '-p', '0', '-e', '-q'];
    expect(kcat(...old, ...read)).toBe(lines);
    expect(kcat(...read)).toBe(lines);
  });
});
