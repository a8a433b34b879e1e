import { KafkaError } from '../core/errors.ts';
import { DescribeCluster } from '../protocol/messages/describe-cluster.ts';
import { controllerOf, type Endpoint } from './endpoints.ts';
import { handler } from './handler.ts';
import { CLUSTER_OPERATIONS, NO_OPERATIONS } from './operations.ts';
import type { Needs } from './services.ts';

const BROKERS = 1;
const CONTROLLERS = 2;

/**
 * DescribeCluster (60): cluster id, controller, brokers.
 *
 * Versions: v1 endpoint type, brokers or controllers (KIP-919) · v2 fenced brokers (KIP-1073)
 * Behaviour: brokers are named as the client arrived (endpoints.ts). Those that are not alive are fenced, and named when asked for.
 * Deviations from Apache Kafka: there are no controller endpoints; asked for them it answers MISMATCHED_ENDPOINT_TYPE, as a broker of Kafka does.
 */
export const describeCluster = handler(
  DescribeCluster,
  [0, 2],
  ({ metadata, endpoints, nodeId }: Needs<'metadata' | 'endpoints' | 'nodeId'>) => ({
    handle: (request, { arrival }) => {
      if (request.endpointType === CONTROLLERS) {
        throw new KafkaError(
          'MISMATCHED_ENDPOINT_TYPE',
          'The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type CONTROLLER',
        );
      }
      if (request.endpointType !== BROKERS)
        throw new KafkaError('UNSUPPORTED_ENDPOINT_TYPE', `Unsupported endpoint type ${request.endpointType}`);
      const fenced = request.includeFencedBrokers ? endpoints.fenced(arrival).map((broker) => described(broker, true)) : [];
      return {
        errorCode: 0,
        errorMessage: null,
        endpointType: BROKERS,
        clusterId: metadata.current.clusterId,
        controllerId: controllerOf(metadata.current, nodeId),
        brokers: [...endpoints.brokers(arrival).map((broker) => described(broker, false)), ...fenced],
        clusterAuthorizedOperations: request.includeClusterAuthorizedOperations ? CLUSTER_OPERATIONS : NO_OPERATIONS,
      };
    },
    refuse: (_request, error) => ({
      errorCode: error.code,
      errorMessage: error.message,
      endpointType: BROKERS,
      clusterId: '',
      controllerId: -1,
      brokers: [],
    }),
  }),
);

function described({ nodeId: brokerId, host, port, rack }: Endpoint, isFenced: boolean) {
  return { brokerId, host, port, rack, isFenced };
}
