import type {
  AddPartitionsToTxn,
  AlterConfigs,
  AlterPartitionReassignments,
  AlterReplicaLogDirs,
  CreatePartitions,
  DeleteRecords,
  DeleteTopics,
  DescribeConfigs,
  DescribeProducers,
  DescribeTopicPartitions,
  ElectLeaders,
  Fetch,
  IncrementalAlterConfigs,
  ListOffsets,
  ListPartitionReassignments,
  Metadata,
  OffsetCommit,
  OffsetDelete,
  OffsetFetch,
  OffsetForLeaderEpoch,
  Produce,
  TxnOffsetCommit,
} from '../protocol/messages/index.ts';
import type { RequestOf } from '../protocol/schema.ts';
import { RESOURCE_TYPE } from './config-resources.ts';
import type { Ask } from './unheard-topics.ts';

type Named<A> = (request: RequestOf<A>, ask: Ask) => void;

/** The topics that the requests of each API name, for those that answer an unknown one with an error. */
export const namedBy = {
  produce: ({ topicData }, ask) => {
    for (const { name, topicId, partitionData } of topicData) ask(name, topicId, highest(partitionData, byIndex));
  },
  fetch: ({ topics }, ask) => {
    for (const { topic, topicId, partitions } of topics) ask(topic, topicId, highest(partitions, byPartition));
  },
  listOffsets: ({ topics }, ask) => {
    for (const { name, partitions } of topics) ask(name, undefined, highest(partitions, byPartitionIndex));
  },
  metadata: ({ topics }, ask) => {
    for (const { name, topicId } of topics ?? []) ask(name, topicId, -1);
  },
  offsetCommit: ({ topics }, ask) => {
    for (const { name, topicId, partitions } of topics) ask(name, topicId, highest(partitions, byPartitionIndex));
  },
  offsetFetch: ({ groups }, ask) => {
    for (const { topics } of groups) for (const { name, topicId } of topics ?? []) ask(name, topicId, -1);
  },
  txnOffsetCommit: ({ topics }, ask) => {
    for (const { name, topicId, partitions } of topics) ask(name, topicId, highest(partitions, byPartitionIndex));
  },
  addPartitionsToTxn: ({ transactions, v3AndBelowTopics }, ask) => {
    for (const topics of [v3AndBelowTopics, ...transactions.map((each) => each.topics)])
      for (const { name, partitions } of topics) ask(name, undefined, Math.max(-1, ...partitions));
  },
  deleteTopics: ({ topics, topicNames }, ask) => {
    for (const name of topicNames) ask(name, undefined, -1);
    for (const { name, topicId } of topics) ask(name, topicId, -1);
  },
  deleteRecords: ({ topics }, ask) => {
    for (const { name, partitions } of topics) ask(name, undefined, highest(partitions, byPartitionIndex));
  },
  offsetForLeaderEpoch: ({ topics }, ask) => {
    for (const { topic, partitions } of topics) ask(topic, undefined, highest(partitions, byPartition));
  },
  configs: ({ resources }, ask) => {
    for (const { resourceType, resourceName } of resources) if (resourceType === RESOURCE_TYPE.topic) ask(resourceName, undefined, -1);
  },
  createPartitions: ({ topics }, ask) => {
    for (const { name } of topics) ask(name, undefined, -1);
  },
  electLeaders: ({ topicPartitions }, ask) => {
    for (const { topic, partitions } of topicPartitions ?? []) ask(topic, undefined, highest(partitions, byItself));
  },
  alterPartitionReassignments: ({ topics }, ask) => {
    for (const { name, partitions } of topics) ask(name, undefined, highest(partitions, byPartitionIndex));
  },
  alterReplicaLogDirs: ({ dirs }, ask) => {
    for (const { topics } of dirs) for (const { name, partitions } of topics) ask(name, undefined, highest(partitions, byItself));
  },
  listPartitionReassignments: ({ topics }, ask) => {
    for (const { name, partitionIndexes } of topics ?? []) ask(name, undefined, highest(partitionIndexes, byItself));
  },
  offsetDelete: ({ topics }, ask) => {
    for (const { name, partitions } of topics) ask(name, undefined, highest(partitions, byPartitionIndex));
  },
  describeProducers: ({ topics }, ask) => {
    for (const { name, partitionIndexes } of topics) ask(name, undefined, highest(partitionIndexes, byItself));
  },
  describeTopicPartitions: ({ topics }, ask) => {
    for (const { name } of topics) ask(name, undefined, -1);
  },
} satisfies {
  txnOffsetCommit: Named<typeof TxnOffsetCommit>;
  addPartitionsToTxn: Named<typeof AddPartitionsToTxn>;
  produce: Named<typeof Produce>;
  fetch: Named<typeof Fetch>;
  listOffsets: Named<typeof ListOffsets>;
  metadata: Named<typeof Metadata>;
  offsetCommit: Named<typeof OffsetCommit>;
  offsetFetch: Named<typeof OffsetFetch>;
  deleteTopics: Named<typeof DeleteTopics>;
  deleteRecords: Named<typeof DeleteRecords>;
  offsetForLeaderEpoch: Named<typeof OffsetForLeaderEpoch>;
  configs: Named<typeof DescribeConfigs | typeof AlterConfigs | typeof IncrementalAlterConfigs>;
  createPartitions: Named<typeof CreatePartitions>;
  electLeaders: Named<typeof ElectLeaders>;
  alterPartitionReassignments: Named<typeof AlterPartitionReassignments>;
  alterReplicaLogDirs: Named<typeof AlterReplicaLogDirs>;
  listPartitionReassignments: Named<typeof ListPartitionReassignments>;
  offsetDelete: Named<typeof OffsetDelete>;
  describeProducers: Named<typeof DescribeProducers>;
  describeTopicPartitions: Named<typeof DescribeTopicPartitions>;
};

const byIndex = ({ index }: { index: number }): number => index;
const byPartition = ({ partition }: { partition: number }): number => partition;
const byPartitionIndex = ({ partitionIndex }: { partitionIndex: number }): number => partitionIndex;
const byItself = (partition: number): number => partition;

/** The highest partition that is asked for; -1 for none. */
function highest<T>(partitions: readonly T[], numberOf: (partition: T) => number): number {
  let max = -1;
  for (const partition of partitions) max = Math.max(max, numberOf(partition));
  return max;
}
