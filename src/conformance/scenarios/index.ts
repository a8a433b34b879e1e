import { malformedScenarios } from '../malformed/index.ts';
import type { Scenario } from '../scenario.ts';
import { absentMembersScenarios } from './absent-members.ts';
import { createAclsScenarios, deleteAclsScenarios, describeAclsScenarios } from './acls.ts';
import { alterConfigsDetailScenarios, alterConfigsScenarios } from './alter-configs.ts';
import { apiVersionsScenarios } from './api-versions.ts';
import { brokerConfigLevelsScenarios } from './broker-config-levels.ts';
import { alterClientQuotasScenarios, describeClientQuotasScenarios } from './client-quotas.ts';
import { describeClusterScenarios } from './cluster.ts';
import { compressionScenarios } from './compression.ts';
import { createPartitionsRefusedScenarios, createPartitionsScenarios } from './create-partitions.ts';
import { createTopicsNamesScenarios, createTopicsScenarios } from './create-topics.ts';
import { deleteGroupsScenarios } from './delete-groups.ts';
import { deletedRecordsScenarios, deleteRecordsScenarios } from './delete-records.ts';
import { deleteTopicsRefusedScenarios, deleteTopicsScenarios } from './delete-topics.ts';
import { describeConfigsDetailScenarios, describeConfigsScenarios } from './describe-configs.ts';
import { describeGroupsScenarios } from './describe-groups.ts';
import { endTxnScenarios } from './end-txn.ts';
import { updateFeaturesScenarios } from './features.ts';
import { fetchScenarios } from './fetch.ts';
import { codecsScenarios } from './fetch-codecs.ts';
import { fetchEpochsScenarios } from './fetch-epochs.ts';
import { legacyFetchScenarios } from './fetch-legacy.ts';
import { fetchLimitsScenarios } from './fetch-limits.ts';
import { fetchSessionsScenarios } from './fetch-sessions.ts';
import { findCoordinatorScenarios } from './find-coordinator.ts';
import { heartbeatScenarios } from './heartbeat.ts';
import { incrementalAlterConfigsDetailScenarios, incrementalAlterConfigsScenarios } from './incremental-alter-configs.ts';
import { initProducerIdScenarios } from './init-producer-id.ts';
import { joinGroupScenarios } from './join-group.ts';
import { joinGroupMembersScenarios } from './join-group-members.ts';
import { offsetForLeaderEpochScenarios } from './leader-epochs.ts';
import { leaveGroupScenarios } from './leave-group.ts';
import { listGroupsScenarios } from './list-groups.ts';
import { listOffsetsScenarios } from './list-offsets.ts';
import { listConfigResourcesScenarios, listPartitionReassignmentsScenarios } from './listings.ts';
import { alterReplicaLogDirsScenarios, describeLogDirsScenarios } from './log-dirs.ts';
import { metadataScenarios } from './metadata.ts';
import { offsetCommitScenarios } from './offset-commit.ts';
import { offsetDeleteScenarios } from './offset-delete.ts';
import { offsetFetchScenarios } from './offset-fetch.ts';
import {
  alterPartitionReassignmentsScenarios,
  describeQuorumScenarios,
  electLeadersScenarios,
  unregisterBrokerScenarios,
} from './partition-admin.ts';
import { produceScenarios } from './produce.ts';
import { produceIdempotenceScenarios } from './produce-idempotence.ts';
import { legacyProduceScenarios } from './produce-legacy.ts';
import { produceLimitsScenarios } from './produce-limits.ts';
import { produceRefusedScenarios } from './produce-refused.ts';
import { staticMembersScenarios } from './static-members.ts';
import { syncGroupScenarios } from './sync-group.ts';
import { throttlingScenarios } from './throttling.ts';
import { describeTopicPartitionsScenarios } from './topic-partitions.ts';
import {
  describeProducersScenarios,
  describeTransactionsScenarios,
  listTransactionsScenarios,
  writeTxnMarkersScenarios,
} from './transaction-admin.ts';
import { pendingOffsetsScenarios, txnOffsetCommitScenarios } from './transactional-offsets.ts';
import { transactionalProduceScenarios } from './transactional-records.ts';
import { addOffsetsToTxnScenarios, addPartitionsToTxnScenarios, initTransactionalScenarios } from './transactions.ts';

/** Every scenario, in the order of the api keys. */
export const SCENARIOS: readonly Scenario[] = [
  ...produceScenarios,
  ...produceRefusedScenarios,
  ...produceLimitsScenarios,
  ...produceIdempotenceScenarios,
  ...legacyProduceScenarios,
  ...compressionScenarios,
  ...codecsScenarios,
  ...fetchScenarios,
  ...legacyFetchScenarios,
  ...fetchLimitsScenarios,
  ...fetchEpochsScenarios,
  ...fetchSessionsScenarios,
  ...listOffsetsScenarios,
  ...metadataScenarios,
  ...offsetCommitScenarios,
  ...offsetFetchScenarios,
  ...findCoordinatorScenarios,
  ...joinGroupScenarios,
  ...joinGroupMembersScenarios,
  ...absentMembersScenarios,
  ...staticMembersScenarios,
  ...heartbeatScenarios,
  ...leaveGroupScenarios,
  ...syncGroupScenarios,
  ...describeGroupsScenarios,
  ...listGroupsScenarios,
  ...apiVersionsScenarios,
  ...createTopicsScenarios,
  ...createTopicsNamesScenarios,
  ...deleteTopicsScenarios,
  ...deleteTopicsRefusedScenarios,
  ...deleteRecordsScenarios,
  ...deletedRecordsScenarios,
  ...initProducerIdScenarios,
  ...initTransactionalScenarios,
  ...addPartitionsToTxnScenarios,
  ...addOffsetsToTxnScenarios,
  ...endTxnScenarios,
  ...transactionalProduceScenarios,
  ...txnOffsetCommitScenarios,
  ...pendingOffsetsScenarios,
  ...writeTxnMarkersScenarios,
  ...describeProducersScenarios,
  ...describeTransactionsScenarios,
  ...listTransactionsScenarios,
  ...offsetForLeaderEpochScenarios,
  ...describeAclsScenarios,
  ...createAclsScenarios,
  ...deleteAclsScenarios,
  ...describeConfigsScenarios,
  ...describeConfigsDetailScenarios,
  ...alterConfigsScenarios,
  ...alterConfigsDetailScenarios,
  ...alterReplicaLogDirsScenarios,
  ...describeLogDirsScenarios,
  ...createPartitionsScenarios,
  ...createPartitionsRefusedScenarios,
  ...deleteGroupsScenarios,
  ...electLeadersScenarios,
  ...incrementalAlterConfigsScenarios,
  ...incrementalAlterConfigsDetailScenarios,
  ...brokerConfigLevelsScenarios,
  ...alterPartitionReassignmentsScenarios,
  ...listPartitionReassignmentsScenarios,
  ...offsetDeleteScenarios,
  ...describeClientQuotasScenarios,
  ...alterClientQuotasScenarios,
  ...throttlingScenarios,
  ...describeQuorumScenarios,
  ...updateFeaturesScenarios,
  ...describeClusterScenarios,
  ...unregisterBrokerScenarios,
  ...listConfigResourcesScenarios,
  ...describeTopicPartitionsScenarios,
  ...malformedScenarios,
];
