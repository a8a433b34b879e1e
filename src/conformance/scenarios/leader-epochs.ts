import { DeleteRecords, OffsetForLeaderEpoch, Produce } from '../../protocol/messages/index.ts';
import { batchBytes } from '../batch-bytes.ts';
import { scenario } from '../scenario.ts';

const CONSUMER = -1;
const ask = (topic: string, partitions: { partition?: number; leaderEpoch?: number; currentLeaderEpoch?: number }[]) => ({
  replicaId: CONSUMER,
  topics: [{ topic, partitions: partitions.map((more) => ({ partition: 0, leaderEpoch: 0, ...more })) }],
});
const three = (name: string) => {
  const records = batchBytes({ values: ['a', 'b', 'c'] });
  return { acks: -1, timeoutMs: 5000, topicData: [{ name, partitionData: [{ index: 0, records }] }] };
};

export const offsetForLeaderEpochScenarios = [
  scenario(OffsetForLeaderEpoch, 'the ends of epochs', async (stage) => {
    const { name } = await stage.topic('a');
    for (const state of ['empty', 'with records', 'with deleted records', 'with records again']) {
      if (state.startsWith('with records')) await stage.ask(Produce, 8, three(name));
      if (state === 'with deleted records')
        await stage.ask(DeleteRecords, 1, { topics: [{ name, partitions: [{ partitionIndex: 0, offset: -1 }] }], timeoutMs: 5000 });
      for (const leaderEpoch of [0, 1, -1, -2, 2 ** 31 - 1])
        await stage.step(`${state}: epoch ${leaderEpoch}`, ask(name, [{ leaderEpoch }]));
    }
    if (stage.version < 2) return;
    await stage.step('the current leader epoch', ask(name, [{ currentLeaderEpoch: 0 }]));
    await stage.step('a future leader epoch', ask(name, [{ currentLeaderEpoch: 9 }]));
    // No epoch is before 0, where topics begin.
    await stage.step('a leader epoch that is over', ask(name, [{ currentLeaderEpoch: -2 }]));
    await stage.step('a future leader epoch, and an unknown one', ask(name, [{ currentLeaderEpoch: 9, leaderEpoch: 5 }]));
  }),

  scenario(OffsetForLeaderEpoch, 'what does not exist', async (stage) => {
    const { name } = await stage.topic('a', { partitions: 2 });
    await stage.step('a topic', ask(stage.name('nowhere'), [{}]));
    await stage.step('a partition beside one that does', ask(name, [{}, { partition: 7 }]));
    await stage.step('a negative partition', ask(name, [{ partition: -1 }]));
    await stage.step('no topics', { replicaId: CONSUMER, topics: [] });
    await stage.step('no partitions', ask(name, []));
    await stage.step('a partition twice', ask(name, [{}, {}]));
    const topic = ask(name, [{}]).topics[0]!;
    const other = ask(name, [{ partition: 1 }]).topics[0]!;
    await stage.step('a topic in two pieces', { replicaId: CONSUMER, topics: [topic, other] });
    await stage.step('the empty name', ask('', [{}]));
    await stage.step('an invalid name', ask('a b', [{}]));
  }),

  scenario(
    OffsetForLeaderEpoch,
    'who asks',
    async (stage) => {
      const { name } = await stage.topic('a');
      await stage.ask(Produce, 8, three(name));
      for (const replicaId of [-1, -2, -7, 0, 1, 77]) await stage.step(`replica id ${replicaId}`, { ...ask(name, [{}]), replicaId });
    },
    [3, 4],
  ),
];
