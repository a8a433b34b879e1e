import { describe, expect, onTestFinished, test } from 'vitest';
import { T0 } from '../../src/conformance/batch-bytes.ts';
import { brokerUnderTest, unique } from '../support/broker-under-test.ts';
import { eventually } from '../support/eventually.ts';
import { hang } from '../support/hanging-transaction.ts';
import { javaWithKafka } from './java.ts';
import { kafkaJs } from './kafkajs-client.ts';

const broker = brokerUnderTest();
const java = javaWithKafka();
const TIMEOUT_MS = 60_000;

const tool = (name: string, ...args: string[]) => java!.tool(name, ['--bootstrap-server', broker.bootstrap, ...args]);

/** What Kafka's TransactionsCommand prints as a table: a row by the names in its head. */
async function table(...args: string[]): Promise<Record<string, string>[]> {
  const [head, ...rows] = (await tool('TransactionsCommand', ...args))
    .trim()
    .split('\n')
    .map((line) => line.split('\t').map((cell) => cell.trim()));
  const names = head!.filter((name) => name !== ''); // each cell is followed by a tab
  return rows.map((row) => Object.fromEntries(names.map((name, i) => [name, row[i] ?? ''])));
}

async function newTopic(numPartitions = 1): Promise<string> {
  const topic = unique('transactions');
  await (await kafkaJs(broker.bootstrap).admin()).createTopics({ topics: [{ topic, numPartitions }], waitForLeaders: true });
  return topic;
}

/** A transaction with a record in each of two partitions. */
async function ongoing(transactionalId: string, topic: string) {
  const options = { transactionalId, transactionTimeout: TIMEOUT_MS, idempotent: true, maxInFlightRequests: 1 };
  const transaction = await (await kafkaJs(broker.bootstrap).producer(options)).transaction();
  await transaction.send({ topic, messages: [0, 1].map((partition) => ({ partition, value: 'v' })) });
  return transaction;
}

describe.skipIf(java === null)("Kafka's TransactionsCommand", () => {
  test('lists and describes a transaction, and the producers of its partitions', async () => {
    const [topic, id] = [await newTopic(2), unique('id')];
    const open = await ongoing(id, topic);
    const [listed] = await table('list', '--transactional-id-pattern', `${id.slice(0, -1)}.`);
    expect(listed).toEqual({
      TransactionalId: id,
      Coordinator: '1',
      ProducerId: expect.stringMatching(/^\d+$/),
      TransactionState: 'Ongoing',
    });
    expect(await table('list', '--duration-filter', '3600000')).not.toContainEqual(listed);
    const [described] = await table('describe', '--transactional-id', id);
    expect(described).toMatchObject({
      CoordinatorId: '1',
      ProducerId: listed!.ProducerId,
      ProducerEpoch: '0',
      TransactionState: 'Ongoing',
      TransactionTimeoutMs: `${TIMEOUT_MS}`,
    });
    expect(described!.TopicPartitions!.split(',').sort()).toEqual([`${topic}-0`, `${topic}-1`]);
    const of = ['describe-producers', '--topic', topic, '--partition', '1'];
    const [producer] = await table(...of);
    expect(producer).toMatchObject({
      ProducerId: listed!.ProducerId,
      ProducerEpoch: '0',
      LastSequence: '0',
      CurrentTransactionStartOffset: '0',
    });
    expect(await table(...of, '--broker-id', '1')).toEqual([producer]);
    await open.commit();
    await eventually(async () => expect(await table('list')).toContainEqual({ ...listed, TransactionState: 'CompleteCommit' }));
    expect((await table(...of))[0]).toMatchObject({ ProducerId: listed!.ProducerId, CurrentTransactionStartOffset: 'None' });
  });

  test('finds a hanging transaction, and none that its coordinator knows, and aborts it', async () => {
    const topic = await newTopic(2);
    const open = await ongoing(unique('id'), topic);
    await trusting();
    const producerId = 90_001;
    const offset = await hang(broker.bootstrap, { topic, producerId });
    const found = { Topic: topic, Partition: '0', ProducerId: `${producerId}`, StartOffset: `${offset}`, LastTimestamp: `${T0}` };
    expect(await table('find-hanging', '--topic', topic)).toEqual([expect.objectContaining(found)]);
    expect(await table('find-hanging', '--broker-id', '1')).toContainEqual(expect.objectContaining(found));
    expect(await tool('TransactionsCommand', 'abort', '--topic', topic, '--partition', '0', '--start-offset', `${offset}`)).toBe('');
    expect(await table('find-hanging', '--topic', topic)).toEqual([]);
    const of = await table('describe-producers', '--topic', topic, '--partition', '0');
    expect(of.find(({ ProducerId }) => ProducerId === `${producerId}`)).toMatchObject({ CurrentTransactionStartOffset: 'None' });
    await open.abort();
  });

  test('aborts by producer and epochs, as brokers from before Kafka 3.0 need it', async () => {
    const topic = await newTopic();
    await trusting();
    await hang(broker.bootstrap, { topic, producerId: 90_002, producerEpoch: 7 });
    const by = ['--producer-id', '90002', '--producer-epoch', '7', '--coordinator-epoch', '0'];
    expect(await tool('TransactionsCommand', 'abort', '--topic', topic, '--partition', '0', ...by)).toBe('');
    expect(await table('find-hanging', '--topic', topic)).toEqual([]);
  });

  test('forceTerminateTransaction ends a transaction, whose producer can no more commit it', async () => {
    const [topic, id] = [await newTopic(2), unique('id')];
    const open = await ongoing(id, topic);
    expect(await tool('TransactionsCommand', 'forceTerminateTransaction', '--transactionalId', id)).toBe('');
    await eventually(async () => expect((await table('describe', '--transactional-id', id))[0]).toMatchObject({ TopicPartitions: '' }));
    await expect(open.commit()).rejects.toThrow();
  });
});

/** Has the broker take transactional records without asking their coordinator (KIP-890), until the test has finished. */
async function trusting(): Promise<void> {
  const alter = ['--entity-type', 'brokers', '--entity-name', '1', '--alter'];
  await tool('kafka.admin.ConfigCommand', ...alter, '--add-config', 'transaction.partition.verification.enable=false');
  onTestFinished(async () => {
    await tool('kafka.admin.ConfigCommand', ...alter, '--delete-config', 'transaction.partition.verification.enable');
  });
}
