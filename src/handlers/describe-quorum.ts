import { KafkaError } from '../core/errors.ts';
import type { MetadataImage } from '../metadata/image.ts';
import { DescribeQuorum } from '../protocol/messages/describe-quorum.ts';
import type { RequestOf, ResponseTo } from '../protocol/schema.ts';
import { controllerOf } from './endpoints.ts';
import { handler } from './handler.ts';
import type { Needs } from './services.ts';

type Request = RequestOf<typeof DescribeQuorum>;
type Reply = ResponseTo<typeof DescribeQuorum>;
type PartitionReply = Reply['topics'][number]['partitions'][number];

/** The topic of Kafka's metadata log; the only one that may be asked for. */
const METADATA_TOPIC = '__cluster_metadata';

/**
 * DescribeQuorum (55): who decides on the cluster's metadata.
 *
 * Versions: v1 times of the last fetch (KIP-836) · v2 messages, directory ids, nodes (KIP-853)
 * Behaviour: there is no quorum of brokers, but one metadata store that all of them read and write, in Kafka's terms:
 * - The leader is the controller, its epoch the controller's.
 * - The voters are the brokers that are alive: each of them may become the controller. One voter suffices; there is no majority to be had.
 * - The high watermark, and every voter's log end, is the store's revision as this broker has seen it: there is one copy of the log, and nobody
 *   lags. So nobody fetches it either: the times are -1, but for the leader's.
 * Deviations from Apache Kafka: nodes are named by the listener through which the client came; there is none for controllers.
 */
export const describeQuorum = handler(
  DescribeQuorum,
  [0, 2],
  ({ metadata, endpoints, nodeId, clock }: Needs<'metadata' | 'endpoints' | 'nodeId' | 'clock'>) => ({
    handle(request, { arrival, version }) {
      if (!isAboutMetadata(request)) return unknown(request, new KafkaError('UNKNOWN_TOPIC_OR_PARTITION', NOT_HERE), version);
      const brokers = endpoints.brokers(arrival);
      const partition = partitionReply(metadata.current, nodeId, brokers, clock.now());
      return {
        errorCode: 0,
        errorMessage: '',
        topics: [{ topicName: METADATA_TOPIC, partitions: [partition] }],
        nodes: brokers.map((broker) => ({
          nodeId: broker.nodeId,
          listeners: [{ name: arrival.listenerName, host: broker.host, port: broker.port }],
        })),
      };
    },
    refuse: (_request, error) => ({ errorCode: error.code, errorMessage: error.message, topics: [], nodes: [] }),
  }),
);

/** Kafka's words. */
const NOT_HERE = 'This server does not host this topic-partition.';

function isAboutMetadata({ topics: [topic, ...others] }: Request): boolean {
  const [partition, ...more] = topic?.partitions ?? [];
  return topic?.topicName === METADATA_TOPIC && partition?.partitionIndex === 0 && others.length + more.length === 0;
}

function partitionReply(image: MetadataImage, nodeId: number, brokers: readonly { nodeId: number }[], nowMs: number): PartitionReply {
  const leaderId = controllerOf(image, nodeId);
  return {
    partitionIndex: 0,
    errorCode: 0,
    errorMessage: '',
    leaderId,
    leaderEpoch: image.controllerEpoch.value,
    highWatermark: image.revision,
    currentVoters: brokers.map((broker) => {
      const timeMs = broker.nodeId === leaderId ? nowMs : -1;
      return {
        replicaId: broker.nodeId,
        logEndOffset: image.revision,
        lastFetchTimestamp: timeMs,
        lastCaughtUpTimestamp: timeMs,
      };
    }),
    observers: [],
  };
}

function unknown({ topics }: Request, error: KafkaError, version: number): Reply {
  const none = { leaderId: 0, leaderEpoch: 0, highWatermark: 0, currentVoters: [], observers: [] };
  const errorMessage = version >= 2 ? error.message : '';
  const refused = topics.map(({ topicName, partitions }) => ({
    topicName,
    partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode: error.code, errorMessage, ...none })),
  }));
  return { errorCode: 0, errorMessage: '', topics: refused, nodes: [] };
}
