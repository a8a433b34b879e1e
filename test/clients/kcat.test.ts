import { execFile, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, expect, test } from 'vitest';
import { brokerUnderTest, unique } from '../support/broker-under-test.ts';
import { prng } from '../support/prng.ts';
import { kafkaJs } from './kafkajs-client.ts';
import { CODEC_NAMES } from './record-client.ts';
import { flatRecords } from './record-file.ts';

const broker = brokerUnderTest();
const missing = spawnSync('kcat', ['-V'], { stdio: 'ignore' }).status !== 0;
const RECORDS = 10_000;
const PARTITIONS = 2;
const LIMITS = { encoding: 'buffer', maxBuffer: 64 * 1024 * 1024, timeout: 60_000 } as const;
const folder = mkdtempSync(join(tmpdir(), 'minikafka-kcat-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

if (missing && process.env.CI) throw new Error('kcat is not installed');
if (missing) console.error('\nSKIPPED: everything with kcat, for it is not installed\n');

async function kcat(...args: string[]): Promise<Buffer> {
  const { stdout } = await promisify(execFile)('kcat', ['-b', broker.bootstrap, ...args], LIMITS);
  return stdout;
}

function jsonLines(output: Buffer): Record<string, unknown>[] {
  return String(output)
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}

async function topicOf(partitions: number): Promise<string> {
  const topic = unique('kcat');
  await (await kafkaJs(broker.bootstrap).admin()).createTopics({ topics: [{ topic, numPartitions: partitions }], waitForLeaders: true });
  return topic;
}

/** Lines `key:value`, in which kcat takes an empty key or value for none (-Z). */
const random = prng(5);
const lines = Array.from({ length: RECORDS }, (_, n) => {
  const kind = Math.floor(random() * 10);
  return {
    key: kind === 0 ? null : `key-${n % 100}`,
    payload: kind === 1 ? null : `value ${n} ${'añ€ '.repeat(Math.floor(random() * 30))}`,
  };
});
const inputFile = join(folder, 'lines');
writeFileSync(inputFile, lines.map(({ key, payload }) => `${key ?? ''}:${payload ?? ''}\n`).join(''));
const large = flatRecords(7, 1, 1)[0]!.value!;
const largeFile = join(folder, 'large');
writeFileSync(largeFile, large);

test.skipIf(missing)('lists brokers, topics, partitions and offsets', async () => {
  const topic = await topicOf(PARTITIONS);
  const text = String(await kcat('-L', '-t', topic));
  expect(text).toContain(' 1 brokers:');
  expect(text).toContain(
    `topic "${topic}" with 2 partitions:\n    partition 0, leader 1, replicas: 1, isrs: 1\n    partition 1, leader 1, replicas: 1, isrs: 1`,
  );
  const [metadata] = jsonLines(await kcat('-L', '-J', '-t', topic));
  const partitions = [0, 1].map((partition) => ({ partition, leader: 1, replicas: [{ id: 1 }], isrs: [{ id: 1 }] }));
  expect(metadata).toMatchObject({ controllerid: 1, brokers: [{ id: 1, name: broker.bootstrap }], topics: [{ topic, partitions }] });
  expect(String(await kcat('-Q', '-t', `${topic}:1:-1`))).toContain(`${topic} [1] offset 0`);
});

test.skipIf(missing).each(CODEC_NAMES)(
  `sends ${RECORDS} records and 900 KB with %s, and reads them byte for byte, by partition and in a group`,
  async (codec) => {
    const topic = await topicOf(1);
    const headers = ['-H', 'origin=kcat', '-H', 'empty=', '-H', 'none'];
    await kcat('-P', '-t', topic, '-p', '0', '-z', codec, '-K:', '-Z', ...headers, '-X', 'enable.idempotence=true', '-l', inputFile);
    await kcat('-P', '-t', topic, '-p', '0', '-z', codec, '-k', 'large', largeFile);

    const expected = lines.map(({ key, payload }, offset) => ({
      partition: 0,
      offset,
      key,
      payload,
      headers: ['origin', 'kcat', 'empty', '', 'none', null],
    }));
    const read = jsonLines(await kcat('-C', '-t', topic, '-p', '0', '-o', 'beginning', '-c', `${RECORDS}`, '-q', '-J'));
    expect(
      read.map(({ partition, offset, key, payload, headers: pairs }) => ({ partition, offset, key, payload, headers: pairs })),
    ).toEqual(expected);

    const bytes = await kcat('-C', '-t', topic, '-p', '0', '-o', `${RECORDS}`, '-e', '-q', '-D', '', '-f', '%s');
    expect([bytes.byteLength, sha256(bytes)]).toEqual([large.byteLength, sha256(large)]);

    const offsets = await kcat(
      '-G',
      unique('kcat-group'),
      '-X',
      'auto.offset.reset=earliest',
      '-c',
      `${RECORDS + 1}`,
      '-q',
      '-f',
      '%o\n',
      topic,
    );
    expect(String(offsets).trim().split('\n').map(Number)).toEqual(Array.from({ length: RECORDS + 1 }, (_, n) => n));
  },
);

test.skipIf(missing)('reads from the end back, and by time', async () => {
  const topic = await topicOf(1);
  await kcat('-P', '-t', topic, '-K:', '-Z', '-l', inputFile);
  const tail = await kcat('-C', '-t', topic, '-p', '0', '-o', '-3', '-e', '-q', '-f', '%o %T\n');
  const [first, ...others] = String(tail)
    .trim()
    .split('\n')
    .map((line) => line.split(' '));
  expect([first, ...others].map((each) => each?.[0])).toEqual([9_997, 9_998, 9_999].map(String));
  const byTime = String(await kcat('-Q', '-t', `${topic}:0:1`));
  expect(byTime).toContain(`${topic} [0] offset 0`);
});

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
