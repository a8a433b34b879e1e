import { malformedRequestScenarios } from '../malformed/requests.ts';
import type { Scenario } from '../scenario.ts';
import { createAclsScenarios, deleteAclsScenarios, describeAclsScenarios } from './acls.ts';
import { apiVersionsScenarios } from './api-versions.ts';
import { alterClientQuotasScenarios, describeClientQuotasScenarios } from './client-quotas.ts';
import { describeClusterScenarios, initProducerIdScenarios } from './cluster.ts';
import { compressionScenarios } from './compression.ts';
import { alterConfigsScenarios, describeConfigsScenarios, incrementalAlterConfigsScenarios } from './configs.ts';
import { createPartitionsRefusedScenarios, createPartitionsScenarios } from './create-partitions.ts';
import { createTopicsNamesScenarios, createTopicsScenarios } from './create-topics.ts';
import { deletedRecordsScenarios, deleteRecordsScenarios } from './delete-records.ts';
import { deleteTopicsRefusedScenarios, deleteTopicsScenarios } from './delete-topics.ts';
import { updateFeaturesScenarios } from './features.ts';
import { fetchScenarios } from './fetch.ts';
import { fetchEpochsScenarios } from './fetch-epochs.ts';
import { legacyFetchScenarios } from './fetch-legacy.ts';
import { fetchLimitsScenarios } from './fetch-limits.ts';
import { fetchSessionsScenarios } from './fetch-sessions.ts';
import { deleteGroupsScenarios, describeGroupsScenarios, listGroupsScenarios, offsetDeleteScenarios } from './group-admin.ts';
import { findCoordinatorScenarios, heartbeatScenarios, joinGroupScenarios, leaveGroupScenarios, syncGroupScenarios } from './groups.ts';
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
import { legacyProduceScenarios } from './produce-legacy.ts';
import { produceLimitsScenarios } from './produce-limits.ts';
import { produceRefusedScenarios } from './produce-refused.ts';
import { throttlingScenarios } from './throttling.ts';
import { describeTopicPartitionsScenarios } from './topic-partitions.ts';

/** Every scenario, in the order of the api keys. */
export const SCENARIOS: readonly Scenario[] = [
  ...produceScenarios,
  ...produceRefusedScenarios,
  ...produceLimitsScenarios,
  ...produceIdempotenceScenarios,
  ...legacyProduceScenarios,
  ...compressionScenarios,
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
  ...offsetForLeaderEpochScenarios,
  ...describeAclsScenarios,
  ...createAclsScenarios,
  ...deleteAclsScenarios,
  ...describeConfigsScenarios,
  ...alterConfigsScenarios,
  ...describeLogDirsScenarios,
  ...createPartitionsScenarios,
  ...createPartitionsRefusedScenarios,
  ...deleteGroupsScenarios,
  ...electLeadersScenarios,
  ...incrementalAlterConfigsScenarios,
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
  ...malformedRequestScenarios,
];
