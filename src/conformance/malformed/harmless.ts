import { batchBytes } from '../batch-bytes.ts';
import type { Stage } from '../stage.ts';
import type { Choose } from './layout.ts';

/** A laden Kafka answers what is asked of its controller in seconds, or REQUEST_TIMED_OUT. */
const PATIENT_MS = 60_000;

/** Values with which a request is answered at once and changes nothing, by API and path, where the general ones would not do that. */
const CHOSEN: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  Produce: {
    transactionalId: null,
    acks: 1,
    timeoutMs: PATIENT_MS,
    'topicData.partitionData.records': batchBytes({ values: ['a'] }),
  },
  Fetch: { maxBytes: 1000, 'topics.partitions.partitionMaxBytes': 1000 },
  ListOffsets: { replicaId: -1, timeoutMs: PATIENT_MS },
  OffsetForLeaderEpoch: { replicaId: -1 },
  // A session timeout of 0 is refused.
  JoinGroup: { protocolType: 'consumer', groupInstanceId: null },
  SyncGroup: { groupInstanceId: null, protocolType: null, protocolName: null },
  Heartbeat: { groupInstanceId: null },
  LeaveGroup: { 'members.groupInstanceId': null },
  OffsetCommit: { generationIdOrMemberEpoch: -1, memberId: '', groupInstanceId: null },
  OffsetFetch: { 'groups.memberId': null },
  ApiVersions: { clientSoftwareName: 'malformed', clientSoftwareVersion: '1', clusterId: null },
  // More replicas than any cluster has brokers.
  CreateTopics: {
    'topics.numPartitions': 1,
    'topics.replicationFactor': 9999,
    'topics.assignments': [],
    timeoutMs: PATIENT_MS,
    validateOnly: true,
  },
  DeleteTopics: { timeoutMs: PATIENT_MS },
  DeleteRecords: { timeoutMs: PATIENT_MS },
  InitProducerId: { transactionalId: null, transactionTimeoutMs: 1000 },
  DescribeAcls: { resourceTypeFilter: 2, patternTypeFilter: 3, operation: 3, permissionType: 3 },
  CreateAcls: {
    'creations.resourceType': 2,
    'creations.operation': 3,
    'creations.permissionType': 3,
    'creations.principal': 'User:nobody',
    'creations.host': '*',
  },
  DeleteAcls: { 'filters.resourceTypeFilter': 2, 'filters.patternTypeFilter': 3, 'filters.operation': 3, 'filters.permissionType': 3 },
  DescribeConfigs: { 'resources.resourceType': 2 },
  AlterConfigs: { 'resources.resourceType': 2, validateOnly: true },
  IncrementalAlterConfigs: { 'resources.resourceType': 2, validateOnly: true },
  CreatePartitions: { 'topics.count': 2, 'topics.assignments': null, timeoutMs: PATIENT_MS, validateOnly: true },
  ElectLeaders: { timeoutMs: PATIENT_MS },
  AlterPartitionReassignments: { timeoutMs: PATIENT_MS },
  ListPartitionReassignments: { timeoutMs: PATIENT_MS },
  UnregisterBroker: { brokerId: 0x7fffffff },
  DescribeCluster: { endpointType: 1 },
  ListConfigResources: { 'resourceTypes[]': 2 },
  AlterClientQuotas: { validateOnly: true },
  UpdateFeatures: { validateOnly: true, timeoutMs: PATIENT_MS },
  TxnOffsetCommit: { generationIdOrMemberEpoch: -1, memberId: '', groupInstanceId: null },
};

/** Paths at which a group is named: one whose coordinator is ready. */
const GROUPS: ReadonlySet<string> = new Set([
  'DeleteGroups.groupsNames[]',
  'DescribeGroups.groups[]',
  'FindCoordinator.coordinatorKeys[]',
  'FindCoordinator.key',
  'Heartbeat.groupId',
  'JoinGroup.groupId',
  'LeaveGroup.groupId',
  'OffsetCommit.groupId',
  'OffsetDelete.groupId',
  'OffsetFetch.groupId',
  'OffsetFetch.groups.groupId',
  'SyncGroup.groupId',
  'TxnOffsetCommit.groupId',
]);

/** The same for transactional ids. */
const TRANSACTIONAL_IDS: ReadonlySet<string> = new Set([
  'AddOffsetsToTxn.transactionalId',
  'AddPartitionsToTxn.transactions.transactionalId',
  'AddPartitionsToTxn.v3AndBelowTransactionalId',
  'DescribeTransactions.transactionalIds[]',
  'EndTxn.transactionalId',
  'TxnOffsetCommit.transactionalId',
]);

export async function harmlessChoice(api: string, stage: Stage): Promise<Choose> {
  const has = (paths: ReadonlySet<string>) => [...paths].some((path) => path.startsWith(`${api}.`));
  const group = has(GROUPS) ? await stage.group('none') : '';
  const transactionalId = has(TRANSACTIONAL_IDS) ? await stage.transactionalId('none') : '';
  return (path) => {
    const whole = `${api}.${path}`;
    if (GROUPS.has(whole)) return group;
    return TRANSACTIONAL_IDS.has(whole) ? transactionalId : CHOSEN[api]?.[path];
  };
}
