import {
  CreateTopics,
  type DescribeTopicPartitions,
  FindCoordinator,
  ListPartitionReassignments,
  Metadata,
} from '../../protocol/messages/index.ts';
import type { Encodable, ResponseOf } from '../../protocol/schema.ts';
import { ZERO_UUID } from '../../protocol/wire.ts';
import type { Stage } from '../stage.ts';

/** A version that all brokers of a comparison speak. */
const METADATA = 12;

type MetadataReply = ResponseOf<typeof Metadata>;
type ReassignmentsReply = ResponseOf<typeof ListPartitionReassignments>;

/** A connection to a broker of the cluster, by its id. */
export const at = (id: number): string => `broker ${id}`;

export const named = (...names: string[]) => ({
  topics: names.map((name) => ({ topicId: ZERO_UUID, name })),
  allowAutoTopicCreation: false,
});

/** Kafka names any broker as controller. */
export const anyController = <T extends { controllerId: number }>(response: T) => ({
  ...response,
  controllerId: response.controllerId > 0,
});

/** A step that creates a topic of this name in the run: what was answered, without what differs by run. @returns its whole name */
export async function creates(
  stage: Stage<Encodable<typeof CreateTopics.request.fields>, ResponseOf<typeof CreateTopics>>,
  own: string,
  more: object,
): Promise<string> {
  const name = stage.name(own);
  const topic = { name, numPartitions: -1, replicationFactor: -1, assignments: [], configs: [], ...more };
  await stage.step(own, { topics: [topic] }, ({ topics: [created] }) => ({ ...created, topicId: '', configs: [] }));
  return name;
}

/** Assignments of partitions 0, 1, .. */
export const assigned = (...replicas: number[][]) => replicas.map((brokerIds, partitionIndex) => ({ partitionIndex, brokerIds }));

/** Creates a topic with these replicas, each partition led by the first, and waits until every broker knows it. */
export async function clusterTopic<Q, R>(
  stage: Stage<Q, R>,
  own: string,
  replicas: number[][],
  configs: Readonly<Record<string, string>> = {},
): Promise<{ name: string; topicId: string }> {
  const name = stage.name(own);
  const entries = Object.entries(configs).map(([key, value]) => ({ name: key, value }));
  const topic = { name, numPartitions: -1, replicationFactor: -1, assignments: assigned(...replicas), configs: entries };
  const { topics } = await stage.ask(CreateTopics, 7, { topics: [topic] });
  if (topics[0]!.errorCode !== 0) throw new Error(`topic ${name} is not created: ${topics[0]!.errorCode} ${topics[0]!.errorMessage}`);
  return { name, topicId: await stage.ready(name, replicas.length) };
}

/** A request of AlterPartitionReassignments for partitions 0, 1, .. */
export const to = (name: string, ...replicas: (number[] | null)[]) => ({
  topics: [{ name, partitions: replicas.map((each, partitionIndex) => ({ partitionIndex, replicas: each })) }],
});

/** Waits until the partitions have these replicas and all of them are in sync, as broker 1 sees it. */
export async function moved<Q, R>(stage: Stage<Q, R>, name: string, replicas: number[][]): Promise<void> {
  await stage.until(
    Metadata,
    METADATA,
    named(name),
    ({ topics }) => {
      const partitions = [...(topics[0]?.partitions ?? [])].sort((a, b) => a.partitionIndex - b.partitionIndex);
      return replicas.every((wanted, i) => {
        const found = partitions[i];
        return String(found?.replicaNodes) === String(wanted) && sorted(found!.isrNodes).join() === sorted(wanted).join();
      });
    },
    at(1),
  );
  // A replica that is in sync has not yet ended its reassignment.
  const partitionIndexes = replicas.map((_, i) => i);
  const none = ({ topics }: ReassignmentsReply) => topics.length === 0;
  await stage.until(ListPartitionReassignments, 0, { topics: [{ name, partitionIndexes }] }, none, at(1));
}

/** Waits until a partition is led by this broker, as all others see it. */
export async function ledBy<Q, R>(stage: Stage<Q, R>, name: string, partition: number, leader: number, seenBy = [1, 2, 3]): Promise<void> {
  for (const id of seenBy) {
    const leads = ({ topics }: MetadataReply) =>
      topics[0]?.partitions.some(({ partitionIndex, leaderId }) => partitionIndex === partition && leaderId === leader) === true;
    await stage.until(Metadata, METADATA, named(name), leads, at(id));
  }
}

/** Of Metadata: replicas, in-sync ones and leaders of the topics; how often leaders changed meanwhile is each broker's own. */
export const placement = ({ topics }: MetadataReply) =>
  topics.map(({ errorCode, name, partitions }) => ({
    errorCode,
    name,
    partitions: partitions
      .toSorted((a, b) => a.partitionIndex - b.partitionIndex)
      .map(({ leaderEpoch: _, isrNodes, ...partition }) => ({ ...partition, isrNodes: sorted(isrNodes) })),
  }));

/** Of DescribeTopicPartitions: as `placement`. */
export const described = ({ topics }: ResponseOf<typeof DescribeTopicPartitions>) =>
  topics.map(({ name, partitions }) => ({
    name,
    partitions: partitions.map(({ leaderEpoch: _, isrNodes, ...partition }) => ({ ...partition, isrNodes: sorted(isrNodes) })),
  }));

/** The broker that coordinates a group, and one that does not. All of them know it: one may learn later who leads the partition. */
export async function coordinatorOf<Q, R>(stage: Stage<Q, R>, group: string): Promise<{ coordinator: number; other: number }> {
  const request = { keyType: 0, coordinatorKeys: [group] };
  const isFound = ({ coordinators }: ResponseOf<typeof FindCoordinator>) => coordinators[0]?.errorCode === 0;
  let coordinator = 1;
  for (const id of [1, 2, 3]) {
    coordinator = (await stage.until(FindCoordinator, 4, request, isFound, at(id)))?.coordinators[0]?.nodeId ?? 1;
  }
  return { coordinator, other: (coordinator % 3) + 1 };
}

export const sorted = (ids: readonly number[]): number[] => ids.toSorted((a, b) => a - b);
