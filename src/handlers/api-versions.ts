import { errorCodeOf, KafkaError } from '../core/errors.ts';
import { SUPPORTED_FEATURES } from '../metadata/features.ts';
import { ApiVersions } from '../protocol/messages/api-versions.ts';
import { handler } from './handler.ts';
import type { Needs } from './services.ts';

/** KIP-511: what a client may call itself. */
const SOFTWARE_NAME = /^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$/;
const FIRST_WITH_SOFTWARE_NAME = 3;
/** A client that does not say which node it means. */
const NO_NODE = -1;
/** Clients before it cannot read a feature range that begins at 0 (KAFKA-17011). */
const FIRST_WITH_ZERO_MINIMUM = 4;

/**
 * ApiVersions (18): what this broker serves, and which features the cluster has finalized.
 *
 * Versions: v1 throttle time · v3 flexible, client software name and version (KIP-511), features (KIP-584) · v4 supported features from 0 ·
 * v5 cluster and node id to check for
 * Behaviour:
 * - The response header is v0 at every version. An unknown version is answered in the form of v0 with UNSUPPORTED_VERSION (network/dispatch.ts).
 * - The epoch of the features is the revision at which they changed, never negative: the Java client and franz-go ignore them otherwise.
 * - v5: a client that names another cluster or node than this one is told to look for its brokers anew (REBOOTSTRAP_REQUIRED).
 * Deviations from Apache Kafka: features come when they are built.
 */
export const apiVersions = handler(
  ApiVersions,
  [0, 5],
  ({ metadata, advertised, nodeId }: Needs<'metadata' | 'advertised' | 'nodeId'>) => ({
    handle: (request, { version }) => {
      if (version >= FIRST_WITH_SOFTWARE_NAME) {
        const named = SOFTWARE_NAME.test(request.clientSoftwareName) && SOFTWARE_NAME.test(request.clientSoftwareVersion);
        if (!named) throw new KafkaError('INVALID_REQUEST');
      }
      const { current: image } = metadata;
      if ((request.clusterId === null) !== (request.nodeId === NO_NODE)) throw new KafkaError('INVALID_REQUEST');
      const meant = request.clusterId === null || (request.clusterId === image.clusterId && request.nodeId === nodeId);
      if (!meant) throw new KafkaError('REBOOTSTRAP_REQUIRED');
      return {
        errorCode: 0,
        apiKeys: advertised,
        supportedFeatures: SUPPORTED_FEATURES.filter(({ minVersion }) => minVersion > 0 || version >= FIRST_WITH_ZERO_MINIMUM),
        finalizedFeaturesEpoch: image.featuresEpoch,
        finalizedFeatures: [...image.features].map(([name, level]) => ({ name, maxVersionLevel: level, minVersionLevel: level })),
      };
    },
    refuse: (_request, error) => ({ errorCode: errorCodeOf(error), apiKeys: [] }),
  }),
);
