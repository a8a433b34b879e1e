import { api, array, bool, int16, int32, int64, string } from '../schema.ts';

/**
 * ApiVersions (18). v1 throttle time · v2 throttling follows the answer (KIP-219)
 * · v3 flexible, client software, features (KIP-511, KIP-584) · v4 features from level 0 (KAFKA-17011)
 * · v5 cluster and node that the client means (KIP-1242)
 */
export const ApiVersions = api({
  key: 18,
  name: 'ApiVersions',
  versions: [0, 5],
  flexibleFrom: 3,
  request: {
    clientSoftwareName: string.since(3),
    clientSoftwareVersion: string.since(3),
    clusterId: string.since(5).nullable(5).default(null),
    nodeId: int32.since(5).default(-1),
  },
  response: {
    errorCode: int16,
    apiKeys: array({
      apiKey: int16,
      minVersion: int16,
      maxVersion: int16,
    }),
    throttleTimeMs: int32.since(1),
    supportedFeatures: array({
      name: string,
      minVersion: int16,
      maxVersion: int16,
    })
      .since(3)
      .tag(0),
    finalizedFeaturesEpoch: int64.since(3).default(-1).tag(1),
    finalizedFeatures: array({
      name: string,
      maxVersionLevel: int16,
      minVersionLevel: int16,
    })
      .since(3)
      .tag(2),
    zkMigrationReady: bool.since(3).default(false).tag(3),
  },
});
