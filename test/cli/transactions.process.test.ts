import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Kafka, logLevel, Partitioners, type Producer, type Transaction } from 'kafkajs';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { T0 } from '../../src/conformance/batch-bytes.ts';
import { type BrokerProcess, startBrokerProcess } from '../support/broker-process.ts';
import { eventually } from '../support/eventually.ts';
import { hang } from '../support/hanging-transaction.ts';

// The real program, as `npm test` has built it, with kafkajs on the other side of the transactions.
const CLI = fileURLToPath(new URL('../../bin/minikafka.js', import.meta.url));
const DEADLINE_MS = 30_000;

let broker: BrokerProcess;
let kafka: Kafka;
beforeAll(async () => {
  const settings = ['transaction.partition.verification.enable=false', 'transaction.max.timeout.ms=120000', 'log.retention.ms=-1'];
  broker = await startBrokerProcess({ args: settings.flatMap((each) => ['--override', each]) });
  kafka = new Kafka({ brokers: [broker.bootstrap], logLevel: logLevel.NOTHING });
});
afterAll(() => broker.remove());

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

const run = (...args: string[]): Promise<Ran> => exec([CLI, 'transactions', ...args, '--bootstrap-server', broker.bootstrap]);

function exec(words: readonly string[]): Promise<Ran> {
  return new Promise((resolve) => {
    execFile(process.execPath, words, { timeout: DEADLINE_MS }, (error, out, err) => {
      resolve({ code: error ? Number(error.code) : 0, out, err });
    });
  });
}
const ok = (...lines: (string | number)[][]): Ran => ({ code: 0, out: lines.map((cells) => `${cells.join('\t')}\n`).join(''), err: '' });
const refusal = (code: number, message: string): Ran => ({ code, out: '', err: `minikafka: ${message}\n` });
const json = async (...args: string[]) => JSON.parse((await run(...args, '--json')).out);

let names = 0;
async function newTopic(numPartitions = 1): Promise<string> {
  const topic = `topic-${++names}`;
  const admin = kafka.admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic, numPartitions }], waitForLeaders: true });
  await admin.disconnect();
  return topic;
}

async function producer(transactionalId: string): Promise<Producer> {
  const made = kafka.producer({
    transactionalId,
    transactionTimeout: 60_000,
    maxInFlightRequests: 1,
    idempotent: true,
    createPartitioner: Partitioners.DefaultPartitioner,
  });
  onTestFinished(() => made.disconnect());
  await made.connect();
  return made;
}

/** A transaction that has a record in each of these partitions. */
async function ongoing(transactionalId: string, topic: string, ...partitions: number[]): Promise<Transaction> {
  const transaction = await (await producer(transactionalId)).transaction();
  await transaction.send({ topic, messages: partitions.map((partition) => ({ partition, value: 'v' })) });
  return transaction;
}

/** The first offset that readers of committed records do not get; null: they get all. */
async function openFrom(topic: string): Promise<(number | null)[]> {
  const producers = await json('describe-producers', topic);
  return producers.map(({ startOffset }: { startOffset: number | null }) => startOffset);
}

test('where nobody has used a transactional id none is listed, and no transaction hangs', async () => {
  expect(await run('list')).toEqual(ok());
  expect(await run('find-hanging')).toEqual(ok());
});

test('list shows the transactional ids with their states, and filters them', async () => {
  const topic = await newTopic();
  const open = await ongoing('list-open', topic, 0);
  await (await ongoing('list-done', topic, 0)).commit();
  await eventually(async () => expect(await json('list', '--pattern', 'list-done')).toMatchObject([{ state: 'CompleteCommit' }]));
  const all = (await json('list')) as { transactionalId: string; coordinator: number; producerId: number; state: string }[];
  const [done, opened] = ['list-done', 'list-open'].map((id) => all.find(({ transactionalId }) => transactionalId === id)!);
  expect(opened).toEqual({ transactionalId: 'list-open', coordinator: 1, producerId: expect.any(Number), state: 'Ongoing' });
  expect(await run('list', '--state', 'completecommit,Dead', '--pattern', 'list-.*')).toEqual(
    ok(['list-done', 1, done!.producerId, 'CompleteCommit']),
  );
  expect(await run('list', '--producer-id', String(opened!.producerId))).toEqual(ok(['list-open', 1, opened!.producerId, 'Ongoing']));
  expect(await run('list', '--state', 'Ongoing', '--pattern', 'list-.*', '--longer-than', '1h')).toEqual(ok());
  await open.abort();
});

test('a wrong filter is refused in one line', async () => {
  expect(await run('list', '--pattern', '(')).toEqual(refusal(1, 'the broker does not understand --pattern ('));
  expect(await run('list', '--state', 'Open')).toEqual(
    refusal(
      2,
      '--state Open: there is no such state; write one of Empty, Ongoing, PrepareCommit, PrepareAbort, CompleteCommit, CompleteAbort, ' +
        'Dead, PrepareEpochFence',
    ),
  );
  expect(await run('list', '--producer-id', 'x')).toEqual(refusal(2, '--producer-id x: write a number from 0 to 9007199254740991'));
});

test('describe shows producer, timeout and partitions of a transaction, and none of them when it is over', async () => {
  const topic = await newTopic(3);
  const open = await ongoing('described', topic, 0, 2);
  const { out } = await run('describe', 'described');
  const [id, coordinator, producerId, epoch, state, timeout, started, lasted, partitions] = out.trimEnd().split('\t');
  expect({ id, coordinator, epoch, state, timeout, partitions }).toEqual({
    id: 'described',
    coordinator: '1',
    epoch: '0',
    state: 'Ongoing',
    timeout: '60000',
    partitions: `${topic}:0,2`,
  });
  expect(Number(producerId)).toBeGreaterThanOrEqual(0);
  expect(Math.abs(Date.parse(started!) + Number(lasted) - Date.now())).toBeLessThan(DEADLINE_MS);
  await open.abort();
  await eventually(async () =>
    expect(await json('describe', 'described')).toMatchObject([
      { state: 'CompleteAbort', startMs: null, durationMs: null, partitions: [] },
    ]),
  );
  expect(await run('describe', 'nobody')).toEqual(
    refusal(1, `there is no transactional id "nobody" at ${broker.bootstrap}; "minikafka transactions list" shows those that exist`),
  );
});

test('describe-producers shows where transactions are open in partitions', async () => {
  const topic = await newTopic(2);
  const open = await ongoing('producing', topic, 1);
  const { producerId } = (await json('describe', 'producing'))[0];
  const [line, ...more] = (await run('describe-producers', `${topic}:1`)).out.trimEnd().split('\n');
  const cells = line!.split('\t');
  expect(more).toEqual([]);
  expect(cells.toSpliced(6, 1)).toEqual([topic, '1', String(producerId), '0', '-', '0', '0']);
  expect(Math.abs(Date.parse(cells[6]!) - Date.now())).toBeLessThan(DEADLINE_MS);
  await open.commit();
  await eventually(async () => expect(await openFrom(topic)).toEqual([null]));
  expect(await run('describe-producers', `${topic}:0`)).toEqual(ok());
  expect(await run('describe-producers', `${topic}:7`)).toEqual(refusal(1, `topic "${topic}" has no partition 7; it has 2, from 0 on`));
  expect(await run('describe-producers', topic, '--broker', '7')).toEqual(refusal(1, 'there is no broker 7'));
});

test('find-hanging finds what no coordinator knows, and nothing that one does or that is young', async () => {
  const [topic, other] = [await newTopic(), await newTopic()];
  const open = await ongoing('known', topic, 0);
  const offset = await hang(broker.bootstrap, { topic, producerId: 90_001, producerEpoch: 3 });
  await hang(broker.bootstrap, { topic: other, producerId: 90_002, timestamp: Date.now() });
  const row = (idle: number) => [topic, 0, offset, 90_001, 3, '-', '-', new Date(T0).toISOString(), idle];
  const minutes = () => Math.floor((Date.now() - T0) / 60_000);
  const before = minutes();
  const found = await run('find-hanging', topic, other);
  expect([ok(row(before)), ok(row(minutes()))]).toContainEqual(found);
  expect((await json('find-hanging')).filter((each: { topic: string }) => [topic, other].includes(each.topic))).toMatchObject([
    { topic, startOffset: offset, transactionalId: null },
  ]);
  expect(await json('find-hanging', topic, other, '--older-than', '0s', '--broker', '1')).toMatchObject([
    { topic, producerId: 90_001 },
    { topic: other, producerId: 90_002 },
  ]);
  await open.abort();
});

test('abort ends a hanging transaction by its start offset, so that committed records are read again', async () => {
  const topic = await newTopic();
  const offset = await hang(broker.bootstrap, { topic, producerId: 90_003 });
  expect(await openFrom(topic)).toEqual([offset]);
  expect(await run('abort', `${topic}:0`, '--start-offset', String(offset + 1))).toEqual(
    refusal(1, `no open transaction begins at offset ${offset + 1} of ${topic}:0; those that are open begin at ${offset}`),
  );
  expect(await run('abort', `${topic}:0`, '--start-offset', String(offset))).toEqual({
    code: 0,
    out: `Aborted the transaction of producer 90003 (epoch 0) in ${topic}:0.\n`,
    err: '',
  });
  expect(await openFrom(topic)).toEqual([null]);
  expect(await run('find-hanging', topic)).toEqual(ok());
});

test('abort takes producer and epochs of brokers that do not tell them, and says which it was told', async () => {
  const topic = await newTopic();
  await hang(broker.bootstrap, { topic, producerId: 90_004, producerEpoch: 5 });
  const by = (epoch: string) => ['--producer-id', '90004', '--producer-epoch', epoch, '--coordinator-epoch', '0'];
  const { code, err } = await run('abort', `${topic}:0`, ...by('4'));
  expect({ code, err }).toEqual({
    code: 1,
    err: expect.stringMatching(`^minikafka: the transaction in ${topic}:0 was not aborted: .+\n$`),
  });
  expect(await json('abort', `${topic}:0`, ...by('5'))).toEqual({
    topic,
    partition: 0,
    producerId: 90_004,
    producerEpoch: 5,
    coordinatorEpoch: 0,
    aborted: true,
  });
  expect(await openFrom(topic)).toEqual([null]);
});

test('abort leaves alone what its coordinator still has, unless it is forced', async () => {
  const topic = await newTopic();
  const open = await ongoing('living', topic, 0);
  expect(await run('abort', `${topic}:0`, '--start-offset', '0')).toEqual(
    refusal(
      1,
      `the transaction at offset 0 of ${topic}:0 does not hang: its coordinator still has it, and ends it within its timeout; --force aborts ` +
        'it in this partition all the same',
    ),
  );
  expect(await openFrom(topic)).toEqual([0]);
  expect(await run('abort', `${topic}:0`, '--start-offset', '0', '--force')).toMatchObject({ code: 0 });
  expect(await openFrom(topic)).toEqual([null]);
  await open.abort();
});

test('consume --read-committed prints neither what was aborted nor what is open, with a group and without', async () => {
  const topic = await newTopic();
  const send = async (transaction: Transaction, ...values: string[]) => {
    for (const value of values) await transaction.send({ topic, messages: [{ value }] });
    return transaction;
  };
  const [one, two] = [await producer('consumed-1'), await producer('consumed-2')];
  const aborted = await send(await one.transaction(), 'aborted 1', 'aborted 2');
  const between = await send(await two.transaction(), 'committed 1');
  await aborted.abort();
  await between.commit();
  await (await send(await one.transaction(), 'committed 2')).commit();
  const open = await send(await two.transaction(), 'open');
  const plain = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
  onTestFinished(() => plain.disconnect());
  await plain.connect();
  await plain.send({ topic, messages: [{ value: 'behind the open one' }] });
  const consumed = async (...args: string[]) => {
    const words = [CLI, 'consume', topic, '--bootstrap-server', broker.bootstrap, '--timeout', '1s', ...args];
    const { out, code } = await exec(words);
    expect(code).toBe(0);
    return out.trimEnd().split('\n');
  };
  const committed = ['committed 1', 'committed 2'];
  expect(await consumed('--from-beginning', '--read-committed')).toEqual(committed);
  expect(await consumed('--from-beginning', '--read-committed', '--group', topic)).toEqual(committed);
  // In the middle of the transaction that was aborted.
  expect(await consumed('--partition', '0', '--offset', '1', '--read-committed')).toEqual(committed);
  const all = ['aborted 1', 'aborted 2', ...committed, 'open', 'behind the open one'];
  expect(await consumed('--from-beginning')).toEqual(all);
  await open.commit();
  await eventually(async () => expect(await consumed('--from-beginning', '--read-committed')).toEqual([...committed, ...all.slice(-2)]));
}, 60_000);

test('abort wants one partition, and one way to say which transaction', async () => {
  expect(await run('abort', 'orders:0')).toEqual(
    refusal(2, 'which transaction? add --start-offset, or all of --producer-id, --producer-epoch and --coordinator-epoch'),
  );
  expect(await run('abort', 'orders:0', '--start-offset', '1', '--producer-id', '1')).toEqual(
    refusal(2, '--start-offset says which transaction; leave out the producer and the epochs'),
  );
  expect(await run('abort', 'orders', '--start-offset', '1')).toEqual(refusal(2, 'orders: write one partition, as in orders:0'));
  expect(await run('abort', 'orders:0', '--producer-id', '1', '--producer-epoch', '32768', '--coordinator-epoch', '0')).toEqual(
    refusal(2, '--producer-epoch 32768: write a number from 0 to 32767'),
  );
  expect(await run('abort', 'gone:0', '--start-offset', '1')).toEqual(
    refusal(1, `there is no topic "gone" at ${broker.bootstrap}; "minikafka topics list" shows those that exist`),
  );
});
