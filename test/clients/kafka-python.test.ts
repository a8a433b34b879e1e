import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { brokerUnderTest, foreignBroker, unique } from '../support/broker-under-test.ts';
import { startProgram } from '../support/program.ts';
import { type PythonEnv, pythonEnvs } from './python.ts';

const CLIENT = fileURLToPath(new URL('./kafka-python/client.py', import.meta.url));
const broker = brokerUnderTest();
const envs = pythonEnvs();

interface PythonRecord {
  readonly partition: number;
  readonly timestamp: number;
  readonly key: string;
  readonly value: string | null;
  readonly headers: Readonly<Record<string, string>>;
}

/** Runs one step of client.py and returns what it printed. */
async function step(env: PythonEnv, name: string, options: object): Promise<Record<string, unknown>> {
  const program = startProgram(env.interpreter, [CLIENT, name, JSON.stringify({ bootstrap: broker.bootstrap, ...options })]);
  const end = await program.ended(60_000);
  if (end.code !== 0) throw new Error(`client.py ${name} ended with ${end.code}:\n${program.output()}`);
  return JSON.parse(program.lines().at(-1)!);
}

/** Ten records per partition, in time order; the third has no value, each fourth a header. */
function records(partitions: number, from: number, count = 10): PythonRecord[] {
  return Array.from(
    { length: partitions * count },
    (_, n): PythonRecord => ({
      partition: n % partitions,
      timestamp: from + n * 1000,
      key: `key-${n}`,
      value: n === 2 ? null : `value-${n} ünïcode`,
      headers: Object.fromEntries(n % 4 === 0 ? [['n', String(n)]] : []),
    }),
  );
}

/** Where the records must stand when they are all that is sent to the topic, in this order. */
function placed(sent: readonly PythonRecord[]): object[] {
  const next = new Map<number, number>();
  const result = sent.map((record) => {
    const offset = next.get(record.partition) ?? 0;
    next.set(record.partition, offset + 1);
    return { ...record, offset };
  });
  return inOrder(result);
}

function inOrder<T extends { readonly partition: number; readonly offset: number }>(read: readonly T[]): T[] {
  return [...read].sort((a, b) => a.partition - b.partition || a.offset - b.offset);
}

async function restart(): Promise<void> {
  expect(await broker.process.stop()).toEqual({ code: 0, signal: null });
  await broker.process.start();
}

if (envs.length === 0) test.skip('kafka-python: there is no Python to run it');

describe.each(envs)('kafka-python $version', (env) => {
  test('creates, describes, widens, lists and deletes topics', async () => {
    expect(await step(env, 'create', { topic: unique('admin') })).toEqual({
      again: 'TopicAlreadyExistsError',
      partitions: 3,
      listed: true,
      doomed: false,
      retention: '12345',
    });
  });

  const ways = [0, 1, 'all'].flatMap((acks) => [null, 'gzip'].map((compression) => ({ acks, compression })));
  test.each(ways)(
    'sends with acks=$acks and compression $compression, and reads all again, also after a restart',
    async ({ acks, compression }) => {
      const topic = unique('sent');
      await step(env, 'create', { topic });
      const sent = records(3, 1_700_000_000_000);
      const answer = await step(env, 'produce', { topic, acks, compression, records: sent });
      const expected = placed(sent);
      const answers = answer.sent as [number, number, number][];
      expect(answers.map(([partition]) => partition)).toEqual(sent.map(({ partition }) => partition));
      if (acks !== 0) expect(answers.map(([, offset]) => offset)).toEqual(sent.map((_, n) => Math.floor(n / 3)));

      const read = async () => inOrder((await step(env, 'read', { topic, expected: sent.length })).records as never[]);
      expect(await read()).toEqual(expected);
      if (foreignBroker) return;
      await restart();
      expect(await read()).toEqual(expected);
    },
  );

  test('reads in a group, commits, and goes on from there, also after a restart', async () => {
    const topic = unique('group');
    const group = unique('readers');
    await step(env, 'create', { topic });
    const sent = records(3, 1_700_000_000_000);
    await step(env, 'produce', { topic, acks: 'all', compression: null, records: sent });

    const first = await step(env, 'group', { topic, group, count: 12 });
    const firstRecords = first.records as { partition: number; offset: number }[];
    const counts = [0, 1, 2].map((partition) => firstRecords.filter((record) => record.partition === partition).length);
    expect(firstRecords).toHaveLength(12);
    // A position that was committed before anything was read counts as offset 0.
    expect(Object.values(first.committed as Record<string, number | null>).map((offset) => offset ?? 0)).toEqual(counts);
    if (!foreignBroker) await restart();
    expect(await step(env, 'committed', { topic, group })).toEqual({ committed: first.committed });

    const second = await step(env, 'group', { topic, group, count: 18 });
    expect(inOrder([...firstRecords, ...(second.records as typeof firstRecords)])).toEqual(placed(sent));
    expect(second.committed).toEqual({ 0: 10, 1: 10, 2: 10 });
  });

  test('commits an offset with metadata without joining the group', async () => {
    const topic = unique('commit');
    await step(env, 'create', { topic });
    expect(await step(env, 'commit', { topic, group: unique('plain'), offset: 7 })).toEqual({ offset: 7, metadata: 'noted' });
  });

  test('lists, describes and deletes a group, and lists its offsets', async () => {
    const [topic, group] = [unique('admin'), unique('administered')];
    await step(env, 'create', { topic });
    await step(env, 'commit', { topic, group, offset: 7 });
    const answer = await step(env, 'groups', { group });
    expect(answer).toMatchObject({ listed: true, state: 'Empty', members: 0, committed: [[topic, 0, 7, 'noted']], after: false });
    expect(answer.deletion).toMatch(/NoError|OK|None/);
  });

  test('finds offsets at the beginning, at the end and by time, and reads from where it seeks', async () => {
    const topic = unique('offsets');
    await step(env, 'create', { topic });
    const sent = records(1, 1_700_000_000_000, 5);
    await step(env, 'produce', { topic, acks: 'all', compression: null, records: sent });
    const times = [1_600_000_000_000, 1_700_000_001_500, 1_700_000_004_000, 1_800_000_000_000];
    const expected = {
      beginning: 0,
      end: 5,
      byTime: [[0, 1_700_000_000_000], [2, 1_700_000_002_000], [4, 1_700_000_004_000], null],
      sought: { ...sent[3], offset: 3 },
      positionAtEnd: 5,
    };
    expect(await step(env, 'offsets', { topic, times, seek: 3 })).toEqual(expected);
    if (foreignBroker) return;
    await restart();
    expect(await step(env, 'offsets', { topic, times, seek: 3 })).toEqual(expected);
  });
});
