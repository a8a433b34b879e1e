import { api, array, int8, int16, int32, string } from '../schema.ts';

/** ListConfigResources (74). v0 client metrics alone, then named ListClientMetricsResources (KIP-714) · v1 every type (KIP-1142) */
export const ListConfigResources = api({
  key: 74,
  name: 'ListConfigResources',
  versions: [0, 1],
  flexibleFrom: 0,
  request: {
    resourceTypes: array(int8).since(1),
  },
  response: {
    throttleTimeMs: int32.default(0),
    errorCode: int16,
    configResources: array({
      resourceName: string,
      resourceType: int8.since(1).default(16),
    }),
  },
});
