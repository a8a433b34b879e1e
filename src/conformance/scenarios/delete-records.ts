import { DeleteRecords, Fetch, ListOffsets, Produce } from '../../protocol/messages/index.ts';
import { batchBytes, T0 } from '../batch-bytes.ts';
import { scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';

const LATEST = -1;
const EARLIEST = -2;
const LONG_MAX = Number.MAX_SAFE_INTEGER;

const ask = (name: string, ...offsets: (number | { partitionIndex: number; offset: number })[]) => ({
  topics: [{ name, partitions: offsets.map((each) => (typeof each === 'number' ? { partitionIndex: 0, offset: each } : each)) }],
  timeoutMs: 5000,
});

async function fill(stage: Pick<Stage<never, never>, 'ask'>, name: string): Promise<void> {
  for (const timestamp of [T0, T0 + 1000]) {
    const records = batchBytes({ values: ['a', 'b', 'c'], timestamp });
    await stage.ask(Produce, 8, { acks: -1, timeoutMs: 5000, topicData: [{ name, partitionData: [{ index: 0, records }] }] });
  }
}

export const deleteRecordsScenarios = [
  scenario(DeleteRecords, 'the beginning moves', async (stage) => {
    const { name } = await stage.topic('a');
    await stage.step('of an empty partition', ask(name, 0));
    await stage.step('all of an empty partition', ask(name, LATEST));
    await stage.step('beyond the end of an empty partition', ask(name, 1));
    await fill(stage, name);
    await stage.step('before the log start', ask(name, 0));
    await stage.step('inside a batch', ask(name, 2));
    await stage.step('again', ask(name, 2));
    await stage.step('back', ask(name, 1));
    await stage.step('beyond the end', ask(name, 7));
    await stage.step('far beyond the end', ask(name, LONG_MAX));
    await stage.step('a negative offset', ask(name, -2));
    await stage.step('to the end', ask(name, 6));
    await stage.step('all', ask(name, LATEST));
  }),

  scenario(DeleteRecords, 'what does not exist', async (stage) => {
    const { name } = await stage.topic('a');
    await stage.step('a topic', ask(stage.name('nowhere'), 0));
    await stage.step('a partition', ask(name, { partitionIndex: 7, offset: 0 }));
    await stage.step('a negative partition', ask(name, { partitionIndex: -1, offset: 0 }));
    await stage.step('no topics', { topics: [], timeoutMs: 5000 });
    await stage.step('no partitions', ask(name));
    await stage.step('no time', { ...ask(name, 0), timeoutMs: 0 });
    await stage.step('negative time', { ...ask(name, 0), timeoutMs: -1 });
    await stage.step('one that does not beside one that does', ask(name, 0, { partitionIndex: 7, offset: 0 }));
    await stage.step('a partition twice', ask(name, 0, 0));
    await stage.step('the empty name', ask('', 0));
    await stage.step('an invalid name', ask('a b', 0));
    const [topic] = ask(name, 0).topics;
    await stage.step('a topic twice', { topics: [topic!, topic!], timeoutMs: 5000 });
    await stage.step('a topic without partitions beside one with', { topics: [topic!, { name: 'x', partitions: [] }], timeoutMs: 5000 });
  }),

  scenario(DeleteRecords, 'several partitions', async (stage) => {
    const a = await stage.topic('a', { partitions: 3 });
    const b = await stage.topic('b');
    await fill(stage, a.name);
    await fill(stage, b.name);
    const [ofA] = ask(a.name, 3, { partitionIndex: 1, offset: 0 }, { partitionIndex: 2, offset: 9 }).topics;
    const [ofB] = ask(b.name, LATEST).topics;
    await stage.step('of two topics', { topics: [ofA!, ofB!], timeoutMs: 5000 });
    await stage.stepOf(ListOffsets, 7, 'where they begin', {
      replicaId: -1,
      topics: [
        { name: a.name, partitions: [0, 1, 2].map((partitionIndex) => ({ partitionIndex, timestamp: EARLIEST })) },
        { name: b.name, partitions: [{ partitionIndex: 0, timestamp: EARLIEST }] },
      ],
    });
    await fill(stage, b.name);
    await stage.step(
      'a partition twice, the lower offset last',
      ask(a.name, { partitionIndex: 1, offset: 4 }, { partitionIndex: 1, offset: 1 }),
    );
    await stage.step(
      'a partition twice, the higher offset last',
      ask(a.name, { partitionIndex: 1, offset: 2 }, { partitionIndex: 1, offset: 3 }),
    );
    await stage.step('what was appended since', ask(b.name, 9));
    await stage.step('before what is gone', ask(b.name, 0));
  }),

  scenario(DeleteRecords, 'internal topics', async (stage) => {
    await stage.group('any');
    await stage.ready('__consumer_offsets', 50);
    await stage.step('an internal topic', ask('__consumer_offsets', 0));
    await stage.step('a partition that it does not have', ask('__consumer_offsets', { partitionIndex: 50, offset: 0 }));
  }),

  scenario(DeleteRecords, 'policies', async (stage) => {
    for (const policy of ['compact', 'delete', 'compact,delete']) {
      const { name } = await stage.topic(policy.replace(',', '-'), { configs: { 'cleanup.policy': policy } });
      await stage.step(policy, ask(name, 0));
      await stage.step(`${policy}: beyond the end`, ask(name, 5));
    }
  }),
];

/** Version 0 lists segments, by the times of their files. */
const SINCE_TIMES = [1, 11] as const;
/** Later versions name topics by id. */
const BY_NAME = [4, 12] as const;

export const deletedRecordsScenarios = [
  scenario(
    ListOffsets,
    'records were deleted',
    async (stage) => {
      const { name } = await stage.topic('a');
      await fill(stage, name);
      await stage.ask(DeleteRecords, 0, ask(name, 4));
      for (const timestamp of [EARLIEST, LATEST, T0, T0 + 1000, T0 + 1002]) {
        await stage.step(`${timestamp}`, {
          replicaId: -1,
          topics: [{ name, partitions: [{ partitionIndex: 0, timestamp, maxNumOffsets: 5 }] }],
        });
      }
    },
    SINCE_TIMES,
  ),
  scenario(
    Fetch,
    'records were deleted',
    async (stage) => {
      const { name } = await stage.topic('a');
      await fill(stage, name);
      await stage.ask(DeleteRecords, 0, ask(name, 4));
      for (const [step, fetchOffset] of [
        ['before the log start', 3],
        ['inside the first batch', 4],
        ['the end', 6],
      ] as const) {
        const partitions = [{ partition: 0, fetchOffset, partitionMaxBytes: 10_000 }];
        await stage.step(step, {
          maxWaitMs: 0,
          minBytes: 0,
          maxBytes: 10_000,
          sessionEpoch: -1,
          topics: [{ topic: name, partitions }],
        });
      }
    },
    BY_NAME,
  ),
];
