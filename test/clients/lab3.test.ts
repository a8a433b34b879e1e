import { describe, expect, test } from 'vitest';
import { brokerUnderTest, foreignBroker, unique } from '../support/broker-under-test.ts';
import type { Program } from '../support/program.ts';
import { LEFT_CLEANLY, labs, printedRecords, produced, topicOfTwoPartitions } from './labs.ts';

const broker = brokerUnderTest();
const LONG_AGO = '2001-01-01T00:00:00.000Z';
const FAR_AWAY = '2999-01-01T00:00:00.000Z';

async function restart(): Promise<void> {
  if (foreignBroker) return;
  expect(await broker.process.stop()).toEqual(LEFT_CLEANLY);
  await broker.process.start();
}

/** One record as the producer said that it sent it. */
interface Sent {
  readonly key: string;
  readonly partition: number;
  readonly offset: number;
}

function sentBy(producer: Program): Sent[] {
  return producer.lines().map((line) => {
    const [, key, partition, offset] = /^sent (\S+) to partition (\d+) at offset (\d+)$/.exec(line)!;
    return { key: key!, partition: Number(partition), offset: Number(offset) };
  });
}

/** `key@partition/offset`, sorted. */
function placed(records: readonly Sent[]): string[] {
  return records.map(({ key, partition, offset }) => `${key}@${partition}/${offset}`).sort();
}

describe.each(labs())('lab 3 with $name', (lab) => {
  const produce = (topic: string, count: number) => produced(lab, broker.bootstrap, topic, count);

  /** What offsets.* printed: its records by key, its other lines by their first word; the second position is where it stopped. */
  async function offsets(...args: string[]): Promise<Record<string, string> & { keys: string[] }> {
    const program = lab.start('offsets', broker.bootstrap, ...args);
    expect(await program.ended(), program.output()).toEqual(LEFT_CLEANLY);
    const lines = program.lines().filter((line) => !line.startsWith('topic='));
    const seen = lines.map((line, n) => {
      const [what, ...values] = line.split(' ');
      const isStop = lines.slice(0, n).some((each) => each.startsWith(`${what} `));
      return [isStop ? `${what} at the end` : what, values.join(' ')];
    });
    return { ...Object.fromEntries(seen), keys: printedRecords(program).map(({ key }) => key) };
  }

  test('shows offsets, seeks, reads, and commits where it stopped; the same after a restart of the broker', async () => {
    const topic = await topicOfTwoPartitions(broker.bootstrap);
    const group = unique('offsets');
    const sent = sentBy(await produce(topic, 20));
    const keysOf = (partition: number) => sent.filter((each) => each.partition === partition).map(({ key }) => key);
    const [ends, keys] = [[0, 1].map((partition) => keysOf(partition).length), keysOf(1)];
    const shared = { beginning_offsets: '0:0 1:0', end_offsets: `0:${ends[0]} 1:${ends[1]}` };
    const run = (...args: string[]) => offsets('--topic', topic, '--partition', '1', '--group', group, ...args);

    expect(await run('--seek', 'committed', '--max', '2')).toEqual({
      ...shared,
      position: '0',
      keys: keys.slice(0, 2),
      'position at the end': '2',
      committed: 'none',
    });
    expect(await run('--seek', '3', '--max', '2', '--commit', '--time', LONG_AGO)).toEqual({
      ...shared,
      offsets_for_times: '0:0 1:0',
      position: '3',
      keys: keys.slice(3, 5),
      'position at the end': '5',
      committed: '5',
    });
    await restart();
    expect(await run('--seek', 'committed', '--max', '1', '--time', FAR_AWAY)).toEqual({
      ...shared,
      offsets_for_times: '0:none 1:none',
      position: '5',
      keys: keys.slice(5, 6),
      'position at the end': '6',
      committed: '5',
    });
    const end = String(ends[1]);
    expect(await run('--seek', 'end', '--commit')).toEqual({
      ...shared,
      position: end,
      keys: [],
      'position at the end': end,
      committed: end,
    });
    expect(await run('--seek', 'beginning', '--max', '1')).toMatchObject({ position: '0', keys: keys.slice(0, 1), committed: end });
  });

  test('finds the first record at a time, also after a restart of the broker', async () => {
    const topic = await topicOfTwoPartitions(broker.bootstrap);
    await produce(topic, 20);
    const reader = lab.start('resume', broker.bootstrap, '--topic', topic, '--group', unique('times'), '--max', '20');
    expect(await reader.ended()).toEqual(LEFT_CLEANLY);
    // The value says the record's time to the millisecond.
    const times = printedRecords(reader).map(({ value, ...where }) => ({ ...where, ms: Date.parse(value.split(' ')[1]!) }));
    const { ms } = times.find(({ key }) => key === 'key-10')!;
    const first = (partition: number) =>
      Math.min(...times.filter((each) => each.partition === partition && each.ms >= ms).map(({ offset }) => offset));
    const expected = [0, 1].map((partition) => `${partition}:${Number.isFinite(first(partition)) ? first(partition) : 'none'}`).join(' ');
    const run = () => offsets('--topic', topic, '--group', unique('times'), '--time', new Date(ms).toISOString());
    expect(await run()).toMatchObject({ offsets_for_times: expected });
    await restart();
    expect(await run()).toMatchObject({ offsets_for_times: expected });
  });

  test('a consumer that stopped goes on from its committed offset, also after a restart of the broker', async () => {
    const topic = await topicOfTwoPartitions(broker.bootstrap);
    const sent = sentBy(await produce(topic, 12));
    const group = unique('resume');
    const run = async (...args: string[]) => {
      const consumer = lab.start('resume', broker.bootstrap, '--topic', topic, '--group', group, ...args);
      expect(await consumer.ended(), consumer.output()).toEqual(LEFT_CLEANLY);
      return printedRecords(consumer);
    };
    const [forgotten] = await run('--max', '1', '--no-commit');
    const first = await run('--max', '4');
    expect(forgotten).toMatchObject({ offset: 0 }); // and it is read once more, see below
    await restart();
    const second = await run('--max', '5');

    const third = lab.start('resume', broker.bootstrap, '--topic', topic, '--group', group);
    await third.waitFor('the last three records', () => printedRecords(third).length >= 3 || undefined);
    third.signal('SIGINT');
    expect(await third.ended()).toEqual(LEFT_CLEANLY);
    expect(placed([...first, ...second, ...printedRecords(third)])).toEqual(placed(sent));
  });

  test('a group that has committed nothing starts at the beginning, or at the end, as it wishes', async () => {
    const topic = await topicOfTwoPartitions(broker.bootstrap);
    const before = sentBy(await produce(topic, 6));
    const start = (reset: string, group: string) =>
      lab.start('resume', broker.bootstrap, '--topic', topic, '--group', group, '--reset', reset);
    const group = unique('latest');
    const latest = start('latest', group);
    await latest.waitFor('ready', () => latest.lines().includes('ready') || undefined);
    const after = sentBy(await produce(topic, 6));
    await latest.waitFor('six records', () => printedRecords(latest).length >= 6 || undefined);
    latest.signal('SIGTERM');
    expect(await latest.ended()).toEqual(LEFT_CLEANLY);
    expect(placed(printedRecords(latest))).toEqual(placed(after));

    const earliest = start('earliest', unique('earliest'));
    await earliest.waitFor('twelve records', () => printedRecords(earliest).length >= 12 || undefined);
    earliest.signal('SIGTERM');
    expect(await earliest.ended()).toEqual(LEFT_CLEANLY);
    expect(placed(printedRecords(earliest))).toEqual(placed([...before, ...after]));

    // A committed offset counts more than the wish.
    const onward = sentBy(await produce(topic, 1));
    const again = start('latest', group);
    await again.waitFor('the record that came meanwhile', () => printedRecords(again).length >= 1 || undefined);
    again.signal('SIGTERM');
    expect(await again.ended()).toEqual(LEFT_CLEANLY);
    expect(placed(printedRecords(again))).toEqual(placed(onward));
  });
});
