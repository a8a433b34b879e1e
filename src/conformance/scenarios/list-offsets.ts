import { ListOffsets, Produce } from '../../protocol/messages/index.ts';
import { batchBytes, T0 } from '../batch-bytes.ts';
import { scenario } from '../scenario.ts';

const LATEST = -1;
const EARLIEST = -2;
const LONG_MAX = Number.MAX_SAFE_INTEGER;

const ask = (
  name: string,
  partitions: { partitionIndex: number; timestamp: number; maxNumOffsets?: number; currentLeaderEpoch?: number }[],
  more: object = {},
) => ({
  replicaId: -1,
  topics: [{ name, partitions }],
  timeoutMs: 5000,
  ...more,
});

export const listOffsetsScenarios = [
  scenario(ListOffsets, 'special timestamps', async (stage) => {
    const { name } = await stage.topic('a');
    for (const state of ['empty', 'with records']) {
      if (state !== 'empty') {
        for (const timestamp of [T0, T0 + 5000]) {
          const records = batchBytes({ values: ['a', 'b'], timestamp });
          await stage.ask(Produce, 8, { acks: -1, timeoutMs: 5000, topicData: [{ name, partitionData: [{ index: 0, records }] }] });
        }
      }
      for (const timestamp of [LATEST, EARLIEST, -3, -4, -5, -6, -7]) {
        await stage.step(`${state}: ${timestamp}`, ask(name, [{ partitionIndex: 0, timestamp, maxNumOffsets: 10 }]));
      }
    }
    if (stage.version >= 2)
      await stage.step('read committed', ask(name, [{ partitionIndex: 0, timestamp: LATEST }], { isolationLevel: 1 }));
  }),

  scenario(ListOffsets, 'by time', async (stage) => {
    const { name } = await stage.topic('a');
    const batches = [
      batchBytes({ values: ['a', 'b', 'c'], timestamp: T0 }),
      batchBytes({ values: ['d', 'e', 'f'], timestamp: T0 + 1000, attributes: 1 }),
      batchBytes({ values: ['late'], timestamp: T0 + 500 }),
      batchBytes({ values: ['none'], timestamp: -1 }),
    ];
    for (const records of batches) {
      await stage.ask(Produce, 8, { acks: -1, timeoutMs: 5000, topicData: [{ name, partitionData: [{ index: 0, records }] }] });
    }
    for (const delta of [-1, 0, 1, 2, 3, 500, 1000, 1001, 1002, 1003]) {
      await stage.step(`T0 + ${delta}`, ask(name, [{ partitionIndex: 0, timestamp: T0 + delta, maxNumOffsets: 2 }]));
    }
    await stage.step('0', ask(name, [{ partitionIndex: 0, timestamp: 0 }]));
    await stage.step('the end of time', ask(name, [{ partitionIndex: 0, timestamp: LONG_MAX }]));
  }),

  scenario(ListOffsets, 'what does not exist', async (stage) => {
    const { name } = await stage.topic('a', { partitions: 2 });
    await stage.step('a topic', ask(stage.name('nowhere'), [{ partitionIndex: 0, timestamp: LATEST }]));
    await stage.step(
      'a partition beside one that does',
      ask(
        name,
        [0, 7].map((partitionIndex) => ({ partitionIndex, timestamp: LATEST })),
      ),
    );
    await stage.step(
      'a partition twice',
      ask(
        name,
        [0, 0, 1].map((partitionIndex) => ({ partitionIndex, timestamp: LATEST })),
      ),
    );
    await stage.step('no topics', { replicaId: -1, topics: [] });
    if (stage.version < 4) return;
    await stage.step('the current leader epoch', ask(name, [{ partitionIndex: 0, timestamp: LATEST, currentLeaderEpoch: 0 }]));
    await stage.step('a future leader epoch', ask(name, [{ partitionIndex: 0, timestamp: LATEST, currentLeaderEpoch: 9 }]));
  }),
];
