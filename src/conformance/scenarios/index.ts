import type { Scenario } from '../scenario.ts';
import { createAclsScenarios, deleteAclsScenarios, describeAclsScenarios } from './acls.ts';
import { alterConfigsDetailScenarios, alterConfigsScenarios } from './alter-configs.ts';
import { apiVersionsScenarios } from './api-versions.ts';
import { brokerConfigLevelsScenarios } from './broker-config-levels.ts';
import { describeClusterScenarios, initProducerIdScenarios } from './cluster.ts';
import { compressionScenarios } from './compression.ts';
import { createPartitionsRefusedScenarios, createPartitionsScenarios } from './create-partitions.ts';
import { createTopicsNamesScenarios, createTopicsScenarios } from './create-topics.ts';
import { deletedRecordsScenarios, deleteRecordsScenarios } from './delete-records.ts';
import { deleteTopicsRefusedScenarios, deleteTopicsScenarios } from './delete-topics.ts';
import { describeConfigsDetailScenarios, describeConfigsScenarios } from './describe-configs.ts';
import { updateFeaturesScenarios } from './features.ts';
import { fetchScenarios } from './fetch.ts';
import { deleteGroupsScenarios, describeGroupsScenarios, listGroupsScenarios, offsetDeleteScenarios } from './group-admin.ts';
import { findCoordinatorScenarios, heartbeatScenarios, joinGroupScenarios, leaveGroupScenarios, syncGroupScenarios } from './groups.ts';
import { incrementalAlterConfigsDetailScenarios, incrementalAlterConfigsScenarios } from './incremental-alter-configs.ts';
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
import { describeTopicPartitionsScenarios } from './topic-partitions.ts';

/** Every scenario, in the order of the api keys. */
export const SCENARIOS: readonly Scenario[] = [
  ...produceScenarios,
  ...compressionScenarios,
  ...fetchScenarios,
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
  ...describeConfigsDetailScenarios,
  ...alterConfigsScenarios,
  ...alterConfigsDetailScenarios,
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
  ...describeQuorumScenarios,
  ...updateFeaturesScenarios,
  ...describeClusterScenarios,
  ...unregisterBrokerScenarios,
  ...listConfigResourcesScenarios,
  ...describeTopicPartitionsScenarios,
];
