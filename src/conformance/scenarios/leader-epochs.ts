import { OffsetForLeaderEpoch, Produce } from '../../protocol/messages/index.ts';
import { batchBytes } from '../batch-bytes.ts';
import { scenario } from '../scenario.ts';

const CONSUMER = -1;
const ask = (topic: string, partitions: { partition?: number; leaderEpoch?: number; currentLeaderEpoch?: number }[]) => ({
  replicaId: CONSUMER,
  topics: [{ topic, partitions: partitions.map((more) => ({ partition: 0, leaderEpoch: 0, ...more })) }],
});

export const offsetForLeaderEpochScenarios = [
  scenario(OffsetForLeaderEpoch, 'the ends of epochs', async (stage) => {
    const { name } = await stage.topic('a');
    for (const state of ['empty', 'with records']) {
      if (state !== 'empty') {
        const records = batchBytes({ values: ['a', 'b', 'c'] });
        await stage.ask(Produce, 8, { acks: -1, timeoutMs: 5000, topicData: [{ name, partitionData: [{ index: 0, records }] }] });
      }
      for (const leaderEpoch of [0, 1, -1]) await stage.step(`${state}: epoch ${leaderEpoch}`, ask(name, [{ leaderEpoch }]));
    }
    if (stage.version < 2) return;
    await stage.step('the current leader epoch', ask(name, [{ currentLeaderEpoch: 0 }]));
    await stage.step('a future leader epoch', ask(name, [{ currentLeaderEpoch: 9 }]));
  }),

  scenario(OffsetForLeaderEpoch, 'what does not exist', async (stage) => {
    const { name } = await stage.topic('a');
    await stage.step('a topic', ask(stage.name('nowhere'), [{}]));
    await stage.step('a partition beside one that does', ask(name, [{}, { partition: 7 }]));
    await stage.step('a negative partition', ask(name, [{ partition: -1 }]));
    await stage.step('no topics', { replicaId: CONSUMER, topics: [] });
    await stage.step('no partitions', ask(name, []));
    await stage.step('a partition twice', ask(name, [{}, {}]));
  }),
];
