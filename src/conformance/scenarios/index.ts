import type { Scenario } from '../scenario.ts';
import { absentMembersScenarios } from './absent-members.ts';
import { createAclsScenarios, deleteAclsScenarios, describeAclsScenarios } from './acls.ts';
import { apiVersionsScenarios } from './api-versions.ts';
import { describeClusterScenarios, initProducerIdScenarios } from './cluster.ts';
import { compressionScenarios } from './compression.ts';
import { alterConfigsScenarios, describeConfigsScenarios, incrementalAlterConfigsScenarios } from './configs.ts';
import { deleteGroupsScenarios } from './delete-groups.ts';
import { deletedRecordsScenarios, deleteRecordsScenarios } from './delete-records.ts';
import { describeGroupsScenarios } from './describe-groups.ts';
import { fetchScenarios } from './fetch.ts';
import { findCoordinatorScenarios } from './find-coordinator.ts';
import { heartbeatScenarios } from './heartbeat.ts';
import { joinGroupScenarios } from './join-group.ts';
import { joinGroupMembersScenarios } from './join-group-members.ts';
import { offsetForLeaderEpochScenarios } from './leader-epochs.ts';
import { leaveGroupScenarios } from './leave-group.ts';
import { listGroupsScenarios } from './list-groups.ts';
import { listOffsetsScenarios } from './list-offsets.ts';
import { listConfigResourcesScenarios, listPartitionReassignmentsScenarios } from './listings.ts';
import { describeLogDirsScenarios } from './log-dirs.ts';
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
import { staticMembersScenarios } from './static-members.ts';
import { syncGroupScenarios } from './sync-group.ts';
import { describeTopicPartitionsScenarios } from './topic-partitions.ts';
import { createPartitionsScenarios, createTopicsScenarios, deleteTopicsScenarios } from './topics.ts';

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
