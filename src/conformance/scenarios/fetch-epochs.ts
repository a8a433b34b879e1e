import { Fetch } from '../../protocol/messages/index.ts';
import { scenario } from '../scenario.ts';
import { AT_ONCE_MS, append, at, FETCH_MODERN, of, request } from './fetch-support.ts';

const UNKNOWN_REPLICA = 77;
const patient = { maxWaitMs: AT_ONCE_MS, minBytes: 100_000 };

export const fetchEpochsScenarios = [
  scenario(
    Fetch,
    'leader epochs',
    async (stage) => {
      const topic = await stage.topic('a');
      await append(stage, topic, ['one', 'two']);
      await stage.step('the current one', request([of(topic, at(0, 0, { currentLeaderEpoch: 0 }))]));
      await stage.step('a future one', request([of(topic, at(0, 0, { currentLeaderEpoch: 5 }))]));
      if (stage.version < 12) return;
      await stage.step('the last fetched epoch agrees', request([of(topic, at(0, 1, { lastFetchedEpoch: 0 }))]));
      await stage.step('the last fetched epoch is unknown here', request([of(topic, at(0, 1, { lastFetchedEpoch: 7 }))]));
      await stage.step('the last fetched epoch, beyond the end', request([of(topic, at(0, 9, { lastFetchedEpoch: 0 }))]));
    },
    [9, 18],
  ),

  scenario(
    Fetch,
    'leader epochs that are not this one',
    async (stage) => {
      const topic = await stage.topic('a', { partitions: 2 });
      await append(stage, topic, ['one', 'two']);
      await stage.step('a negative one is none', request([of(topic, at(0, 0, { currentLeaderEpoch: -2 }))]));
      await stage.step('one that is to come', request([of(topic, at(0, 0, { currentLeaderEpoch: 1 }))], patient));
      await stage.step(
        'one that is to come, beside a good one',
        request([of(topic, at(1, 0, { currentLeaderEpoch: 1 }), at(0, 0))], patient),
      );
      await stage.step('the largest', request([of(topic, at(0, 0, { currentLeaderEpoch: 2 ** 31 - 1 }))], patient));
      await stage.step('a wrong epoch and a wrong offset', request([of(topic, at(0, 99, { currentLeaderEpoch: 5 }))], patient));
      await stage.step('an epoch of a partition that does not exist', request([of(topic, at(9, 0, { currentLeaderEpoch: 5 }))], patient));
    },
    [9, 18],
  ),

  scenario(
    Fetch,
    'epochs that were fetched last',
    async (stage) => {
      const topic = await stage.topic('a', { partitions: 2 });
      await append(stage, topic, ['one', 'two']);
      const asked = async (where: string, offset: number, epochs: readonly number[]) => {
        for (const lastFetchedEpoch of epochs) {
          const more = { lastFetchedEpoch, currentLeaderEpoch: 0 };
          await stage.step(`${where}, epoch ${lastFetchedEpoch}`, request([of(topic, at(0, offset, more))]));
        }
      };
      await asked('the start', 0, [-2, -1, 0]);
      await asked('the end', 2, [-2, -1, 0]);
      await asked('beyond', 3, [0]);
      await asked('out of range, the start', 0, [1]);
      await asked('out of range, the end', 2, [1]);
      await asked('out of range, beyond', 3, [-2, -1, 1]);
      await stage.step('of an empty log', request([of(topic, at(1, 0, { lastFetchedEpoch: 0 }))]));
      await stage.step('does not wait', request([of(topic, at(0, 3, { lastFetchedEpoch: 0 }))], patient));
    },
    [12, 18],
  ),

  scenario(
    Fetch,
    'who fetches',
    async (stage) => {
      const topic = await stage.topic('a');
      await append(stage, topic, ['one']);
      const all = [of(topic, at(0, 0))];
      const as = (replicaId: number, replicaEpoch = -1) =>
        stage.version >= 15 ? { replicaState: { replicaId, replicaEpoch } } : { replicaId };
      await stage.step('a tool', request(all, as(-2)));
      await stage.step('nobody', request(all, as(-7)));
      await stage.step('a tool, with an epoch', request(all, as(-2, 5)));
      await stage.step('out of range for a tool', request([of(topic, at(0, 5))], as(-2)));
      await stage.step('a replica that the partition does not have', request(all, as(UNKNOWN_REPLICA)));
      await stage.step('the leader itself', request(all, as(1)));
      if (stage.version < 9) return;
      const inEpoch = [of(topic, at(0, 0, { currentLeaderEpoch: 0 }))];
      await stage.step('a replica that the partition does not have, in the epoch of the leader', request(inEpoch, as(UNKNOWN_REPLICA)));
    },
    FETCH_MODERN,
  ),

  scenario(
    Fetch,
    'the fields of a request',
    async (stage) => {
      const topic = await stage.topic('a');
      await append(stage, topic, ['one']);
      const all = [of(topic, at(0, 0))];
      for (const isolationLevel of [2, -1, 127]) await stage.step(`isolation level ${isolationLevel}`, request(all, { isolationLevel }));
      if (stage.version >= 5) await stage.step('the log start of a consumer', request([of(topic, at(0, 0, { logStartOffset: 99 }))]));
      if (stage.version >= 11) {
        await stage.step('a rack', request(all, { rackId: 'somewhere' }));
        await stage.step('a rack, waiting', request([of(topic, at(0, 1))], { rackId: 'somewhere', maxWaitMs: 20 }));
      }
      if (stage.version >= 12) await stage.step('the id of another cluster', request(all, { clusterId: 'no-such-cluster' }));
      if (stage.version >= 17)
        await stage.step('a directory', request([of(topic, at(0, 0, { replicaDirectoryId: 'AAAAAAAAAAAAAAAAAAAACQ' }))]));
      if (stage.version >= 18) {
        await stage.step('the high watermark of a consumer', request([of(topic, at(0, 1, { highWatermark: 1 }))], { maxWaitMs: 20 }));
        await stage.step('an older high watermark of a consumer', request([of(topic, at(0, 1, { highWatermark: 0 }))], { maxWaitMs: 20 }));
      }
    },
    FETCH_MODERN,
  ),
];
