import type { Scenario } from '../scenario.ts';
import { createAclsScenarios, deleteAclsScenarios, describeAclsScenarios } from './acls.ts';
import { apiVersionsScenarios } from './api-versions.ts';
import { describeClusterScenarios } from './cluster.ts';
import { compressionScenarios } from './compression.ts';
import { alterConfigsScenarios, describeConfigsScenarios, incrementalAlterConfigsScenarios } from './configs.ts';
import { deletedRecordsScenarios, deleteRecordsScenarios } from './delete-records.ts';
import { fetchScenarios } from './fetch.ts';
import { codecsScenarios } from './fetch-codecs.ts';
import { fetchEpochsScenarios } from './fetch-epochs.ts';
import { fetchLimitsScenarios } from './fetch-limits.ts';
import { fetchSessionsScenarios } from './fetch-sessions.ts';
import { deleteGroupsScenarios, describeGroupsScenarios, listGroupsScenarios, offsetDeleteScenarios } from './group-admin.ts';
import { findCoordinatorScenarios, heartbeatScenarios, joinGroupScenarios, leaveGroupScenarios, syncGroupScenarios } from './groups.ts';
import { initProducerIdScenarios } from './init-producer-id.ts';
import { offsetForLeaderEpochScenarios } from './leader-epochs.ts';
import { listOffsetsScenarios } from './list-offsets.ts';
import { listConfigResourcesScenarios, listPartitionReassignmentsScenarios } from './listings.ts';
import { describeLogDirsScenarios } from './log-dirs.ts';
import { metadataScenarios } from './metadata.ts';
import { offsetCommitScenarios, offsetFetchScenarios } from './offsets.ts';
import {
  alterPartitionReassignmentsScenarios,
  describeQuorumScenarios,
  electLeadersScenarios,
  unregisterBrokerScenarios,
} from './partition-admin.ts';
import { produceScenarios } from './produce.ts';
import { produceIdempotenceScenarios } from './produce-idempotence.ts';
import { produceLimitsScenarios } from './produce-limits.ts';
import { produceRefusedScenarios } from './produce-refused.ts';
import { describeTopicPartitionsScenarios } from './topic-partitions.ts';
import { createPartitionsScenarios, createTopicsScenarios, deleteTopicsScenarios } from './topics.ts';

/** Every scenario, in the order of the api keys. */
export const SCENARIOS: readonly Scenario[] = [
  ...produceScenarios,
  ...produceRefusedScenarios,
  ...produceLimitsScenarios,
  ...produceIdempotenceScenarios,
  ...compressionScenarios,
  ...codecsScenarios,
  ...fetchScenarios,
  ...fetchLimitsScenarios,
  ...fetchEpochsScenarios,
  ...fetchSessionsScenarios,
  ...listOffsetsScenarios,
  ...metadataScenarios,
  ...offsetCommitScenarios,
  ...offsetFetchScenarios,
  ...findCoordinatorScenarios,
  ...joinGroupScenarios,
  ...heartbeatScenarios,
  ...leaveGroupScenarios,
  ...syncGroupScenarios,
  ...describeGroupsScenarios,
  ...listGroupsScenarios,
  ...apiVersionsScenarios,
  ...createTopicsScenarios,
  ...deleteTopicsScenarios,
  ...deleteRecordsScenarios,
  ...deletedRecordsScenarios,
  ...initProducerIdScenarios,
  ...offsetForLeaderEpochScenarios,
  ...describeAclsScenarios,
  ...createAclsScenarios,
  ...deleteAclsScenarios,
  ...describeConfigsScenarios,
  ...alterConfigsScenarios,
  ...describeLogDirsScenarios,
  ...createPartitionsScenarios,
  ...deleteGroupsScenarios,
  ...electLeadersScenarios,
  ...incrementalAlterConfigsScenarios,
  ...alterPartitionReassignmentsScenarios,
  ...listPartitionReassignmentsScenarios,
  ...offsetDeleteScenarios,
  ...describeQuorumScenarios,
  ...describeClusterScenarios,
  ...unregisterBrokerScenarios,
  ...listConfigResourcesScenarios,
  ...describeTopicPartitionsScenarios,
];
