import { api, array, bool, int8, int16, int32, string } from '../schema.ts';

/** UpdateFeatures (57; KIP-584). v1 validateOnly, types of upgrades (KIP-778) · v2 no results for each feature (KIP-1022) */
export const UpdateFeatures = api({
  key: 57,
  name: 'UpdateFeatures',
  versions: [0, 2],
  flexibleFrom: 0,
  request: {
    timeoutMs: int32.default(60_000),
    featureUpdates: array({
      feature: string,
      maxVersionLevel: int16,
      allowDowngrade: bool.until(0),
      upgradeType: int8.since(1).default(1),
    }),
    validateOnly: bool.since(1),
  },
  response: {
    throttleTimeMs: int32.default(0),
    errorCode: int16,
    errorMessage: string.nullable(),
    results: array({
      feature: string,
      errorCode: int16,
      errorMessage: string.nullable(),
    }).until(1),
  },
});
