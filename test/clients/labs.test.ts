import { describe, expect, test } from 'vitest';
import { brokerUnderTest, foreignBroker, unique } from '../support/broker-under-test.ts';
import { eventually } from '../support/eventually.ts';
import type { Program } from '../support/program.ts';
import { assignment, LEFT_CLEANLY, labs, type PrintedRecord, printedRecords, produced, topicOfTwoPartitions } from './labs.ts';

const broker = brokerUnderTest();
/** Of the lab's consumers: how long a member that died without a word is waited for. */
const SESSION_TIMEOUT_MS = 6000;

function until(consumer: Program, what: string, ready: () => boolean): Promise<true> {
  return consumer.waitFor(what, () => ready() || undefined);
}

function assigned(consumer: Program, ...partitions: number[]): Promise<true> {
  return until(consumer, `the assignment of ${partitions}`, () => String(assignment(consumer)) === String(partitions));
}

/** Two consumers of one group that have shared the two partitions. */
async function pair(start: (...args: string[]) => Program, topic: string): Promise<[Program, Program]> {
  const args = ['--topic', topic, '--group', unique('pair')];
  const first = start(...args);
  await assigned(first, 0, 1);
  const second = start(...args);
  await Promise.all([first, second].map((each) => until(each, 'one partition', () => assignment(each)?.length === 1)));
  expect([...assignment(first)!, ...assignment(second)!].sort()).toEqual([0, 1]);
  return [first, second];
}

/** `partition/offset` of each record, without repetition: a group that changes may read a record twice, but never miss one. */
function places(...consumers: Program[]): Set<string> {
  return new Set(consumers.flatMap(printedRecords).map(({ partition, offset }) => `${partition}/${offset}`));
}

function keysInOffsetOrder(records: readonly PrintedRecord[], partition: number): string[] {
  return records
    .filter((record) => record.partition === partition)
    .sort((a, b) => a.offset - b.offset)
    .map(({ key }) => key);
}

describe.each(labs())('labs 1 and 2 with $name', (lab) => {
  const start =
    (program: 'producer' | 'consumer') =>
    (...args: string[]) =>
      lab.start(program, broker.bootstrap, ...args);
  const produce = (topic: string, count: number) => produced(lab, broker.bootstrap, topic, count);

  test('the consumer prints topic, partition, offset, key and value of each record that the producer sent', async () => {
    const topic = await topicOfTwoPartitions(broker.bootstrap);
    const before = Date.now();
    const producer = await produce(topic, 10);
    const keys = Array.from({ length: 10 }, (_, n) => `key-${n}`);
    expect(producer.lines().map((line) => line.split(' ')[1])).toEqual(keys);

    const consumer = start('consumer')('--topic', topic, '--group', unique('lab1'), '--max', '10');
    expect(await consumer.ended()).toEqual(LEFT_CLEANLY);
    const records = printedRecords(consumer);
    expect(records.map(({ key }) => key).sort()).toEqual(keys);
    for (const { topic: printed, partition, offset, key, value } of records) {
      expect(printed).toBe(topic);
      const [name, time] = value.split(' ');
      expect(name).toBe(key.replace('key', 'value'));
      expect(Date.parse(time!)).toBeGreaterThanOrEqual(before);
      expect(Date.parse(time!)).toBeLessThanOrEqual(Date.now());
      expect(producer.lines()).toContain(`sent ${key} to partition ${partition} at offset ${offset}`);
    }
    for (const partition of [0, 1]) {
      const inOrder = keysInOffsetOrder(records, partition);
      expect(inOrder).toEqual(keys.filter((key) => inOrder.includes(key)));
    }
  });

  test('a consumer goes on where its group stopped, after a restart of the broker too', async () => {
    const topic = await topicOfTwoPartitions(broker.bootstrap);
    await produce(topic, 10);
    const args = ['--topic', topic, '--group', unique('lab1'), '--max', '5'];
    const first = start('consumer')(...args);
    expect(await first.ended()).toEqual(LEFT_CLEANLY);
    if (!foreignBroker) {
      expect(await broker.process.stop()).toEqual({ code: 0, signal: null });
      await broker.process.start();
    }
    const second = start('consumer')(...args);
    expect(await second.ended()).toEqual(LEFT_CLEANLY);
    expect([first, second].map((each) => printedRecords(each).length)).toEqual([5, 5]);
    expect(places(first, second).size).toBe(10);
  });

  test.each(['SIGINT', 'SIGTERM'] as const)(
    'two consumers share two partitions; one leaves (%s), the other gets both, and nothing is lost',
    async (signal) => {
      const topic = await topicOfTwoPartitions(broker.bootstrap);
      const [stays, leaves] = await pair(start('consumer'), topic);
      await produce(topic, 20);
      await Promise.all([stays, leaves].map((each) => until(each, 'a record', () => printedRecords(each).length > 0)));

      leaves.signal(signal);
      expect(await leaves.ended()).toEqual(LEFT_CLEANLY);
      await assigned(stays, 0, 1);
      await produce(topic, 20);
      await until(stays, 'all 40 records', () => places(stays, leaves).size === 40);
      stays.signal(signal);
      expect(await stays.ended()).toEqual(LEFT_CLEANLY);
    },
  );

  test('a third consumer has nothing to do until one of the two leaves, and nothing is lost', async () => {
    const topic = await topicOfTwoPartitions(broker.bootstrap);
    const args = ['--topic', topic, '--group', unique('trio')];
    const first = start('consumer')(...args);
    await assigned(first, 0, 1);
    const three = [first, start('consumer')(...args), start('consumer')(...args)];
    await eventually(() => expect(three.map((each) => String(assignment(each))).sort()).toEqual(['', '0', '1']));
    const idle = three.find((each) => assignment(each)!.length === 0)!;
    const [leaves, stays] = three.filter((each) => each !== idle) as [Program, Program];
    await produce(topic, 20);
    await Promise.all([leaves, stays].map((each) => until(each, 'a record', () => printedRecords(each).length > 0)));
    expect(printedRecords(idle)).toEqual([]);

    leaves.signal('SIGINT');
    expect(await leaves.ended()).toEqual(LEFT_CLEANLY);
    await until(idle, 'a partition', () => assignment(idle)!.length === 1);
    await produce(topic, 20);
    await until(idle, 'a record', () => printedRecords(idle).length > 0);
    await eventually(() => expect(places(...three).size).toBe(40));
    for (const each of [idle, stays]) each.signal('SIGTERM');
    expect(await Promise.all([idle, stays].map((each) => each.ended()))).toEqual([LEFT_CLEANLY, LEFT_CLEANLY]);
  });

  test('a consumer that dies without a word loses its partition after the session timeout, and nothing is lost', async () => {
    const topic = await topicOfTwoPartitions(broker.bootstrap);
    const [stays, dies] = await pair(start('consumer'), topic);
    const before = performance.now();
    dies.signal('SIGKILL');
    await dies.ended();
    await produce(topic, 20);
    await assigned(stays, 0, 1);
    // Its last heartbeat was at most one interval (0.5 s) before its death; a second of tolerance for a busy machine.
    expect(performance.now() - before).toBeGreaterThan(SESSION_TIMEOUT_MS - 1500);
    await until(stays, 'all 20 records', () => places(stays).size === 20);
    stays.signal('SIGTERM');
    expect(await stays.ended()).toEqual(LEFT_CLEANLY);
  });
});
