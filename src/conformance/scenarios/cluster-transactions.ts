import { Metadata, WriteTxnMarkers } from '../../protocol/messages/index.ts';
import { scenario } from '../scenario.ts';
import { at, clusterTopic, named } from './cluster-support.ts';

/** Played on three brokers, all of them there. */
export const clusterTransactionsScenarios = [
  scenario(
    WriteTxnMarkers,
    'to a broker that does not lead',
    async (stage) => {
      const topic = await clusterTopic(stage, 'a', [[1, 2]]);
      const offsets = '__consumer_offsets';
      const { topics } = await stage.ask(Metadata, 12, named(offsets));
      const leader = topics[0]?.partitions.find(({ partitionIndex }) => partitionIndex === 0)?.leaderId ?? 1;
      const to = (name: string) => ({
        markers: [
          {
            ...{ producerId: 7_000_000, producerEpoch: 0, transactionResult: true, coordinatorEpoch: 0 },
            topics: [{ name, partitionIndexes: [0] }],
          },
        ],
      });
      for (const id of [2, 3]) await stage.stepOf(WriteTxnMarkers, stage.version, `broker ${id}`, to(topic.name), undefined, at(id));
      await stage.stepOf(WriteTxnMarkers, stage.version, 'of the offsets of groups', to(offsets), undefined, at((leader % 3) + 1));
    },
    [1, 2],
  ),
];
