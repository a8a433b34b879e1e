import { addOffsetsToTxn } from './add-offsets-to-txn.ts';
import { addPartitionsToTxn } from './add-partitions-to-txn.ts';
import { alterClientQuotas } from './alter-client-quotas.ts';
import { alterConfigs } from './alter-configs.ts';
import { alterPartitionReassignments } from './alter-partition-reassignments.ts';
import { alterReplicaLogDirs } from './alter-replica-log-dirs.ts';
import { apiVersions } from './api-versions.ts';
import { createAcls } from './create-acls.ts';
import { createPartitions } from './create-partitions.ts';
import { createTopics } from './create-topics.ts';
import { deleteAcls } from './delete-acls.ts';
import { deleteGroups } from './delete-groups.ts';
import { deleteRecords } from './delete-records.ts';
import { deleteTopics } from './delete-topics.ts';
import { describeAcls } from './describe-acls.ts';
import { describeClientQuotas } from './describe-client-quotas.ts';
import { describeCluster } from './describe-cluster.ts';
import { describeConfigs } from './describe-configs.ts';
import { describeGroups } from './describe-groups.ts';
import { describeLogDirs } from './describe-log-dirs.ts';
import { describeProducers } from './describe-producers.ts';
import { describeQuorum } from './describe-quorum.ts';
import { describeTopicPartitions } from './describe-topic-partitions.ts';
import { describeTransactions } from './describe-transactions.ts';
import { electLeaders } from './elect-leaders.ts';
import { endTxn } from './end-txn.ts';
import { fetch } from './fetch.ts';
import { findCoordinator } from './find-coordinator.ts';
import { heardOf } from './heard-of.ts';
import { heartbeat } from './heartbeat.ts';
import { incrementalAlterConfigs } from './incremental-alter-configs.ts';
import { initProducerId } from './init-producer-id.ts';
import { joinGroup } from './join-group.ts';
import { leaveGroup } from './leave-group.ts';
import { listConfigResources } from './list-config-resources.ts';
import { listGroups } from './list-groups.ts';
import { listOffsets } from './list-offsets.ts';
import { listPartitionReassignments } from './list-partition-reassignments.ts';
import { listTransactions } from './list-transactions.ts';
import { metadata } from './metadata.ts';
import { namedBy } from './named-topics.ts';
import { offsetCommit } from './offset-commit.ts';
import { offsetDelete } from './offset-delete.ts';
import { offsetFetch } from './offset-fetch.ts';
import { offsetForLeaderEpoch } from './offset-for-leader-epoch.ts';
import { produce } from './produce.ts';
import type { AnyHandler } from './registry.ts';
import type { Services } from './services.ts';
import { syncGroup } from './sync-group.ts';
import { txnOffsetCommit } from './txn-offset-commit.ts';
import { unregisterBroker } from './unregister-broker.ts';
import { updateFeatures } from './update-features.ts';
import { writeTxnMarkers } from './write-txn-markers.ts';

/** THE registry: every API that this broker serves, in key order. Dispatch, ApiVersions and the docs derive from it. */
export const HANDLERS: readonly AnyHandler<Services>[] = [
  heardOf(produce, namedBy.produce), // 0
  heardOf(fetch, namedBy.fetch), // 1
  heardOf(listOffsets, namedBy.listOffsets), // 2
  heardOf(metadata, namedBy.metadata), // 3
  heardOf(offsetCommit, namedBy.offsetCommit), // 8
  heardOf(offsetFetch, namedBy.offsetFetch), // 9
  findCoordinator, // 10
  joinGroup, // 11
  heartbeat, // 12
  leaveGroup, // 13
  syncGroup, // 14
  describeGroups, // 15
  listGroups, // 16
  apiVersions, // 18
  createTopics, // 19
  heardOf(deleteTopics, namedBy.deleteTopics), // 20
  heardOf(deleteRecords, namedBy.deleteRecords), // 21
  initProducerId, // 22
  heardOf(offsetForLeaderEpoch, namedBy.offsetForLeaderEpoch), // 23
  heardOf(addPartitionsToTxn, namedBy.addPartitionsToTxn), // 24
  addOffsetsToTxn, // 25
  endTxn, // 26
  writeTxnMarkers, // 27
  heardOf(txnOffsetCommit, namedBy.txnOffsetCommit), // 28
  describeAcls, // 29
  createAcls, // 30
  deleteAcls, // 31
  heardOf(describeConfigs, namedBy.configs), // 32
  heardOf(alterConfigs, namedBy.configs), // 33
  heardOf(alterReplicaLogDirs, namedBy.alterReplicaLogDirs), // 34
  describeLogDirs, // 35
  heardOf(createPartitions, namedBy.createPartitions), // 37
  deleteGroups, // 42
  heardOf(electLeaders, namedBy.electLeaders), // 43
  heardOf(incrementalAlterConfigs, namedBy.configs), // 44
  heardOf(alterPartitionReassignments, namedBy.alterPartitionReassignments), // 45
  heardOf(listPartitionReassignments, namedBy.listPartitionReassignments), // 46
  heardOf(offsetDelete, namedBy.offsetDelete), // 47
  describeClientQuotas, // 48
  alterClientQuotas, // 49
  describeQuorum, // 55
  updateFeatures, // 57
  describeCluster, // 60
  heardOf(describeProducers, namedBy.describeProducers), // 61
  unregisterBroker, // 64
  describeTransactions, // 65
  listTransactions, // 66
  listConfigResources, // 74
  heardOf(describeTopicPartitions, namedBy.describeTopicPartitions), // 75
];
