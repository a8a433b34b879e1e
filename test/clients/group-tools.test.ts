import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { brokerUnderTest, unique } from '../support/broker-under-test.ts';
import { eventually } from '../support/eventually.ts';
import { javaWithKafka } from './java.ts';
import { kafkaJs } from './kafkajs-client.ts';

const broker = brokerUnderTest();
const java = javaWithKafka();
const DEADLINE_MS = 60_000;

/** What Kafka's ConsumerGroupCommand prints, as words by line; lines without words left out. */
async function groups(...args: string[]): Promise<string[][]> {
  const all = ['--bootstrap-server', broker.bootstrap, ...args];
  const [command, ...rest] = java!.command('org.apache.kafka.tools.consumer.group.ConsumerGroupCommand', all);
  const { stdout } = await promisify(execFile)(command!, rest, { timeout: DEADLINE_MS });
  const lines = stdout.split('\n').filter((line) => line.trim() !== '');
  return lines.map((line) => line.trim().split(/\s+/));
}

/** The table as objects, by the words of its head. Cells hold no blanks. */
function table(lines: readonly string[][]): Record<string, string>[] {
  const at = lines.findIndex(([word]) => word === 'GROUP');
  const head = lines[at]!.map((word) => word);
  return lines.slice(at + 1).map((line) => Object.fromEntries(head.map((name, n) => [name, line[n] ?? ''])));
}

describe.skipIf(java === null)("Kafka's ConsumerGroupCommand", () => {
  test('lists, describes, resets, and deletes a group and its offsets', async () => {
    const [topic, group] = [unique('grouped'), unique('described')];
    const client = kafkaJs(broker.bootstrap);
    const admin = await client.admin();
    await admin.createTopics({ topics: [{ topic, numPartitions: 2 }], waitForLeaders: true });
    const producer = await client.producer();
    const at = (n: number) => 1_700_000_000_000 + n * 1000;
    const messages = [0, 1].flatMap((partition) =>
      Array.from({ length: 5 }, (_, n) => ({ partition, value: `${n}`, timestamp: `${at(n)}` })),
    );
    await producer.send({ topic, messages });
    const consumer = await client.consumer(group);
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({ eachMessage: async () => {} });
    const committed = async () => {
      const [found] = await admin.fetchOffsets({ groupId: group, topics: [topic] });
      return found!.partitions.sort((a, b) => a.partition - b.partition).map(({ offset }) => offset);
    };
    await eventually(async () => expect(await committed()).toEqual(['5', '5']));
    await producer.send({ topic, messages: [{ partition: 0, value: '5', timestamp: `${at(5)}` }] });
    await eventually(async () => expect(await committed()).toEqual(['6', '5']));
    await consumer.stop();
    await consumer.run({ eachMessage: async () => {} }); // in again, as the one member, in a later generation
    await eventually(async () => expect((await admin.describeGroups([group])).groups[0]).toMatchObject({ state: 'Stable' }));

    expect(await groups('--list')).toContainEqual([group]);
    const described = { GROUP: group, TOPIC: topic, LAG: '0', HOST: expect.stringMatching(/^\//), 'CLIENT-ID': 'test' };
    expect(table(await groups('--describe', '--group', group))).toEqual([
      expect.objectContaining({ ...described, PARTITION: '0', 'CURRENT-OFFSET': '6', 'LOG-END-OFFSET': '6' }),
      expect.objectContaining({ ...described, PARTITION: '1', 'CURRENT-OFFSET': '5', 'LOG-END-OFFSET': '5' }),
    ]);
    const [member] = table(await groups('--describe', '--group', group, '--members', '--verbose'));
    expect(member).toMatchObject({ GROUP: group, 'CLIENT-ID': 'test', '#PARTITIONS': '2' });
    expect(Object.values(member!)).toContain(`${topic}:0,1`);
    const state = (await groups('--describe', '--group', group, '--state')).at(-1)!;
    expect(state).toEqual([group, broker.bootstrap, '(1)', 'RoundRobinAssigner', 'Stable', '1']);
    const reset = (...how: string[]) => groups('--reset-offsets', '--group', group, '--topic', topic, ...how);
    expect((await reset('--to-earliest', '--execute')).map((line) => line.join(' ')).join(' ')).toContain(
      'Assignments can only be reset if the group',
    );
    await consumer.disconnect();

    const news = (lines: string[][]) =>
      table(lines)
        .map(({ PARTITION, 'NEW-OFFSET': offset }) => [PARTITION, offset])
        .sort();
    expect(news(await reset('--to-earliest', '--dry-run'))).toEqual([
      ['0', '0'],
      ['1', '0'],
    ]);
    expect(await committed()).toEqual(['6', '5']);
    expect(news(await reset('--shift-by', '-2', '--execute'))).toEqual([
      ['0', '4'],
      ['1', '3'],
    ]);
    expect(await committed()).toEqual(['4', '3']);
    const datetime = new Date(at(1) + 1).toISOString().replace('Z', '+00:00');
    expect(news(await reset('--to-datetime', datetime, '--execute'))).toEqual([
      ['0', '2'],
      ['1', '2'],
    ]);
    expect(await committed()).toEqual(['2', '2']);

    expect(await groups('--delete-offsets', '--group', group, '--topic', `${topic}:1`)).toContainEqual([topic, '1', 'Successful']);
    expect(await committed()).toEqual(['2', '-1']);
    expect((await groups('--delete', '--group', group)).map((line) => line.join(' '))).toEqual([
      `Deletion of requested consumer groups ('${group}') was successful.`,
    ]);
    expect((await admin.listGroups()).groups.map(({ groupId }) => groupId)).not.toContain(group);
    expect(await committed()).toEqual(['-1', '-1']);
  });
});
