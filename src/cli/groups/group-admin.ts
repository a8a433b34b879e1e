import { errorNameOf } from '../../core/error-codes.ts';
import { KafkaError } from '../../core/errors.ts';
import { ConsumerGroupDescribe, DeleteGroups, DescribeGroups, ListGroups } from '../../protocol/messages/index.ts';
import type { ResponseOf } from '../../protocol/schema.ts';
import type { BootstrapConnection } from '../bootstrap.ts';
import { isKafka } from '../broker-session.ts';
import { type ClusterConnections, forAll } from '../cluster-connections.ts';
import type { BrokerAddress } from '../config-admin.ts';
import { CliError } from '../errors.ts';
import { type AssignedTopic, decodeAssignment, decodeSubscription } from './consumer-metadata.ts';

export interface ListedGroup {
  readonly groupId: string;
  /** classic, consumer (KIP-848), share, streams; null: the broker is too old to say. */
  readonly type: string | null;
  /** Empty for a group that only keeps offsets. */
  readonly protocolType: string;
  /** null: the broker is too old to say. */
  readonly state: string | null;
}

export interface GroupMember {
  readonly memberId: string;
  /** Of a static member (KIP-345). */
  readonly instanceId: string | null;
  readonly clientId: string;
  /** As the coordinator writes it: /127.0.0.1. */
  readonly host: string;
  /** null: it is not in the form of consumers. */
  readonly assignment: readonly AssignedTopic[] | null;
  readonly subscription: readonly string[] | null;
}

export interface DescribedGroup {
  readonly groupId: string;
  readonly type: string;
  readonly state: string;
  readonly protocolType: string;
  /** The way of assigning partitions that its members agreed on; empty: none. */
  readonly assignor: string;
  readonly coordinator: BrokerAddress;
  readonly members: readonly GroupMember[];
}

/**
 * The groups of every broker, by name.
 * @param states only groups in one of these; empty: all
 * @throws CliError when a broker is too old to know states that are asked for
 */
export async function listGroups(cluster: ClusterConnections, states: readonly string[] = []): Promise<ListedGroup[]> {
  const groups = new Map<string, ListedGroup>();
  await forAll(await cluster.brokers(), (broker) =>
    cluster.at(broker, async (connection) => {
      const version = connection.version(ListGroups);
      if (version < 4 && states.length > 0) throw new CliError('the broker is older than Kafka 2.6 and lists no states; leave out --state');
      const { errorCode, groups: found } = await connection.request(ListGroups, { statesFilter: states, typesFilter: [] });
      if (errorCode !== 0) throw new KafkaError(errorNameOf(errorCode));
      for (const { groupId, groupType, groupState, protocolType } of found) {
        groups.set(groupId, { groupId, type: groupType || null, protocolType, state: groupState || null });
        cluster.remember(groupId, broker);
      }
    }),
  );
  return [...groups.values()].sort((a, b) => (a.groupId < b.groupId ? -1 : 1));
}

/**
 * @throws KafkaError GROUP_ID_NOT_FOUND, GROUP_AUTHORIZATION_FAILED, ...; CliError for a group that is there, and is none of consumers
 */
export async function findGroup(cluster: ClusterConnections, groupId: string): Promise<DescribedGroup> {
  try {
    return await describeGroup(cluster, groupId);
  } catch (error) {
    if (!isKafka(error, 'GROUP_ID_NOT_FOUND')) throw error;
    const listed = (await listGroups(cluster)).find((group) => group.groupId === groupId);
    if (!listed) throw error;
    throw new CliError(`group "${groupId}" is of type ${listed.type ?? 'unknown'}; only groups of consumers have what this is about`);
  }
}

/** @throws KafkaError GROUP_ID_NOT_FOUND, GROUP_AUTHORIZATION_FAILED, ... */
export function describeGroup(cluster: ClusterConnections, groupId: string): Promise<DescribedGroup> {
  return cluster.atCoordinator(groupId, async (connection, coordinator) => {
    try {
      return await describeClassic(connection, coordinator, groupId);
    } catch (error) {
      // A group of the KIP-848 protocol is no classic one, and only its own request finds it.
      if (!isKafka(error, 'GROUP_ID_NOT_FOUND') || !connection.serves(ConsumerGroupDescribe)) throw error;
      return await describeConsumers(connection, coordinator, groupId).catch((second: unknown) => {
        throw isKafka(second, 'UNSUPPORTED_VERSION') ? error : second; // Kafka 3.7 to 3.9 know the request, and may have it turned off
      });
    }
  });
}

async function describeClassic(connection: BootstrapConnection, coordinator: BrokerAddress, groupId: string): Promise<DescribedGroup> {
  const { groups } = await connection.request(DescribeGroups, { groups: [groupId], includeAuthorizedOperations: false });
  const group = only(groups);
  // Before v6 (KIP-1043) a group that does not exist is Dead, and no error.
  if (group.groupState === 'Dead') throw new KafkaError('GROUP_ID_NOT_FOUND');
  const { groupState: state, protocolType, protocolData: assignor } = group;
  const isConsumers = protocolType === 'consumer';
  const members = group.members.map(({ memberId, groupInstanceId, clientId, clientHost, memberMetadata, memberAssignment }) => ({
    memberId,
    instanceId: groupInstanceId,
    clientId,
    host: clientHost,
    assignment: isConsumers ? decodeAssignment(memberAssignment) : null,
    subscription: isConsumers ? decodeSubscription(memberMetadata) : null,
  }));
  return { groupId, type: 'classic', state, protocolType, assignor, coordinator, members };
}

async function describeConsumers(connection: BootstrapConnection, coordinator: BrokerAddress, groupId: string): Promise<DescribedGroup> {
  const { groups } = await connection.request(ConsumerGroupDescribe, { groupIds: [groupId], includeAuthorizedOperations: false });
  const { groupState: state, assignorName: assignor, members: found } = only(groups);
  const members = found.map(({ memberId, instanceId, clientId, clientHost, assignment, subscribedTopicNames }) => ({
    memberId,
    instanceId,
    clientId,
    host: clientHost,
    assignment: assignment.topicPartitions.map(({ topicName, partitions }) => ({ topic: topicName, partitions })),
    subscription: subscribedTopicNames,
  }));
  return { groupId, type: 'consumer', state, protocolType: 'consumer', assignor, coordinator, members };
}

function only<G extends { readonly errorCode: number; readonly errorMessage: string | null }>([group]: readonly G[]): G {
  if (!group) throw new KafkaError('UNKNOWN_SERVER_ERROR', 'the broker says nothing about the group');
  if (group.errorCode !== 0) throw new KafkaError(errorNameOf(group.errorCode), group.errorMessage || undefined);
  return group;
}

/** @throws KafkaError NON_EMPTY_GROUP, GROUP_ID_NOT_FOUND, ... */
export function deleteGroup(cluster: ClusterConnections, groupId: string): Promise<void> {
  return cluster.atCoordinator(groupId, async (connection) => {
    const { results }: ResponseOf<typeof DeleteGroups> = await connection.request(DeleteGroups, { groupsNames: [groupId] });
    only(results);
  });
}
