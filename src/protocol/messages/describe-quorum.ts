import { api, array, int16, int32, int64, string, uint16, uuid } from '../schema.ts';

const replicaState = {
  replicaId: int32,
  replicaDirectoryId: uuid.since(2),
  logEndOffset: int64.saturating(),
  lastFetchTimestamp: int64.saturating().since(1).default(-1),
  lastCaughtUpTimestamp: int64.saturating().since(1).default(-1),
};

/** DescribeQuorum (55; KIP-595). v1 times of the last fetch (KIP-836) · v2 messages, directory ids, nodes (KIP-853) */
export const DescribeQuorum = api({
  key: 55,
  name: 'DescribeQuorum',
  versions: [0, 2],
  flexibleFrom: 0,
  request: {
    topics: array({
      topicName: string,
      partitions: array({
        partitionIndex: int32,
      }),
    }),
  },
  response: {
    errorCode: int16,
    errorMessage: string.since(2).nullable(2),
    topics: array({
      topicName: string,
      partitions: array({
        partitionIndex: int32,
        errorCode: int16,
        errorMessage: string.since(2).nullable(2),
        leaderId: int32,
        leaderEpoch: int32,
        highWatermark: int64.saturating(),
        currentVoters: array(replicaState),
        observers: array(replicaState),
      }),
    }),
    nodes: array({
      nodeId: int32,
      listeners: array({
        name: string,
        host: string,
        port: uint16,
      }),
    }).since(2),
  },
});
