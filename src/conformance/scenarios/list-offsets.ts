import { ListOffsets, Produce } from '../../protocol/messages/index.ts';
import { buildBatch } from '../../protocol/records/build.ts';
import type { RequestTo } from '../../protocol/schema.ts';
import { batchBytes, recordOf, T0 } from '../batch-bytes.ts';
import { scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';

type Request = RequestTo<typeof ListOffsets>;
type Partition = Request['topics'][number]['partitions'][number];

const LATEST = -1;
const EARLIEST = -2;
const MAX_TIMESTAMP = -3;
const LONG_MAX = Number.MAX_SAFE_INTEGER;
const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];

const ask = (name: string, partitions: Partition[], more: Partial<Request> = {}): Request => ({
  replicaId: -1,
  topics: [{ name, partitions }],
  timeoutMs: 5000,
  ...more,
});
/** Of partition 0. */
const when = (timestamp: number, more: Partial<Partition> = {}): Partition => ({
  partitionIndex: 0,
  timestamp,
  maxNumOffsets: 10,
  ...more,
});

async function append(stage: Pick<Stage<never, never>, 'ask'>, name: string, records: Buffer, index = 0): Promise<void> {
  await stage.ask(Produce, 8, { acks: -1, timeoutMs: 5000, topicData: [{ name, partitionData: [{ index, records }] }] });
}

export const listOffsetsScenarios = [
  scenario(ListOffsets, 'special timestamps', async (stage) => {
    const { name } = await stage.topic('a');
    for (const state of ['empty', 'with records']) {
      if (state !== 'empty')
        for (const timestamp of [T0, T0 + 5000]) await append(stage, name, batchBytes({ values: ['a', 'b'], timestamp }));
      for (const timestamp of [LATEST, EARLIEST, MAX_TIMESTAMP, -4, -5, -6, -7]) {
        await stage.step(`${state}: ${timestamp}`, ask(name, [when(timestamp)]));
      }
    }
    if (stage.version >= 2) await stage.step('read committed', ask(name, [when(LATEST)], { isolationLevel: 1 }));
  }),

  scenario(ListOffsets, 'by time', async (stage) => {
    const { name } = await stage.topic('a');
    const batches = [
      batchBytes({ values: ['a', 'b', 'c'], timestamp: T0 }),
      batchBytes({ values: ['d', 'e', 'f'], timestamp: T0 + 1000, attributes: 1 }),
      batchBytes({ values: ['late'], timestamp: T0 + 500 }),
      batchBytes({ values: ['none'], timestamp: -1 }),
    ];
    for (const records of batches) await append(stage, name, records);
    for (const delta of [-1, 0, 1, 2, 3, 500, 1000, 1001, 1002, 1003]) {
      await stage.step(`T0 + ${delta}`, ask(name, [when(T0 + delta, { maxNumOffsets: 2 })]));
    }
    await stage.step('0', ask(name, [when(0)]));
    await stage.step('the end of time', ask(name, [when(LONG_MAX)]));
  }),

  scenario(
    ListOffsets,
    'by time in compressed batches',
    async (stage) => {
      const { name } = await stage.topic('a', { partitions: CODECS.length });
      const records = [3, 1, 4, 1, 5].map((delta) => ({ value: Buffer.from('v'), timestamp: T0 + delta * 100 }));
      for (const [codec] of CODECS.entries()) await append(stage, name, buildBatch({ records, attributes: codec }), codec);
      for (const delta of [0, 100, 101, 300, 301, 400, 401, 500, 501]) {
        const partitions = CODECS.map((_, partitionIndex) => ({ partitionIndex, timestamp: T0 + delta }));
        await stage.step(`T0 + ${delta}`, ask(name, partitions));
      }
      const highest = CODECS.map((_, partitionIndex) => ({ partitionIndex, timestamp: MAX_TIMESTAMP }));
      await stage.step('the highest timestamp', ask(name, highest));
    },
    [1, 11],
  ),

  scenario(
    ListOffsets,
    'timestamps that are odd',
    async (stage) => {
      const { name } = await stage.topic('a', { partitions: 4 });
      for (const timestamp of [T0 + 9, T0, T0 + 9]) await append(stage, name, batchBytes({ values: ['x', 'y'], timestamp }));
      await append(stage, name, batchBytes({ values: ['x', 'y'], timestamp: -1 }), 1);
      const equal = Buffer.concat([recordOf(5, 0, null, 'x'), recordOf(5, 1, null, 'y'), recordOf(0, 2, null, 'z')]);
      await append(stage, name, batchBytes({ values: ['', '', ''], records: equal, maxTimestamp: 77 }), 2);
      await append(stage, name, batchBytes({ values: ['x'], timestamp: 0 }), 3);
      for (const timestamp of [MAX_TIMESTAMP, 0, 1, T0 + 5, T0 + 9, T0 + 10]) {
        const partitions = [0, 1, 2, 3].map((partitionIndex) => ({ partitionIndex, timestamp }));
        await stage.step(`${timestamp - T0 > -100 ? `T0 + ${timestamp - T0}` : timestamp}`, ask(name, partitions));
      }
      for (const timestamp of [-8, -100, -LONG_MAX]) await stage.step(`${timestamp}`, ask(name, [when(timestamp)]));
    },
    [1, 11],
  ),

  scenario(
    ListOffsets,
    'of a LogAppendTime topic',
    async (stage) => {
      const { name } = await stage.topic('a', { configs: { 'message.timestamp.type': 'LogAppendTime' } });
      await append(stage, name, batchBytes({ values: ['a', 'b', 'c'] }));
      await append(stage, name, batchBytes({ values: ['d', 'e'], attributes: 1 }));
      for (const [step, timestamp] of [
        ['T0', T0],
        ['T0 + 1', T0 + 1],
        ['the end of time', LONG_MAX],
        ['the latest', LATEST],
      ] as const) {
        await stage.step(step, ask(name, [when(timestamp)]));
      }
    },
    [1, 11],
  ),

  scenario(ListOffsets, 'what does not exist', async (stage) => {
    const { name } = await stage.topic('a', { partitions: 2 });
    const latest = (partitionIndex: number) => when(LATEST, { partitionIndex });
    await stage.step('a topic', ask(stage.name('nowhere'), [latest(0)]));
    await stage.step('a partition beside one that does', ask(name, [0, 7].map(latest)));
    await stage.step('a negative partition', ask(name, [latest(-1)]));
    await stage.step('a partition twice', ask(name, [0, 0, 1].map(latest)));
    await stage.step('a partition that does not exist, twice', ask(name, [7, 7].map(latest)));
    await stage.step('no topics', { replicaId: -1, topics: [] });
    await stage.step('no partitions', ask(name, []));
    await stage.step('the empty name', ask('', [latest(0)]));
    await stage.step('an invalid name', ask('a b', [latest(0)]));
    const twice = { name, partitions: [latest(0)] };
    await stage.step('a topic twice', { replicaId: -1, topics: [twice, { name, partitions: [latest(1)] }] });
    await stage.step('a topic twice, with the same partition', { replicaId: -1, topics: [twice, twice] });
    if (stage.version < 4) return;
    await stage.step('the current leader epoch', ask(name, [when(LATEST, { currentLeaderEpoch: 0 })]));
    await stage.step('a future leader epoch', ask(name, [when(LATEST, { currentLeaderEpoch: 9 })]));
  }),

  scenario(ListOffsets, 'who asks, and for what', async (stage) => {
    const { name } = await stage.topic('a');
    await append(stage, name, batchBytes({ values: ['a', 'b'] }));
    for (const replicaId of [-2, -3, 0, 1, 77]) {
      for (const timestamp of [LATEST, EARLIEST, T0 + 1])
        await stage.step(`replica id ${replicaId}: ${timestamp}`, ask(name, [when(timestamp)], { replicaId }));
    }
    if (stage.version >= 2)
      for (const isolationLevel of [1, 2, -1])
        await stage.step(`isolation level ${isolationLevel}`, ask(name, [when(LATEST)], { isolationLevel }));
    if (stage.version >= 4) {
      // No epoch is before 0, where topics begin: -2 stands for one that is over.
      for (const currentLeaderEpoch of [-2, -1, 0, 1]) {
        for (const timestamp of [LATEST, EARLIEST, T0])
          await stage.step(`epoch ${currentLeaderEpoch}: ${timestamp}`, ask(name, [when(timestamp, { currentLeaderEpoch })]));
        await stage.step(`epoch ${currentLeaderEpoch}: a tool`, ask(name, [when(LATEST, { currentLeaderEpoch })], { replicaId: -2 }));
      }
    }
    if (stage.version >= 10)
      for (const timeoutMs of [0, -1, 2 ** 31 - 1]) await stage.step(`timeout ${timeoutMs}`, ask(name, [when(T0)], { timeoutMs }));
    if (stage.version === 0)
      for (const maxNumOffsets of [0, 1, -1]) await stage.step(`at most ${maxNumOffsets}`, ask(name, [when(LATEST, { maxNumOffsets })]));
  }),
];
