import { api, array, int8, int16, int32, string } from '../schema.ts';

/** CreateAcls (30; KIP-140). v1 pattern types (KIP-290) · v2 flexible · v3 user resources (KIP-373) */
export const CreateAcls = api({
  key: 30,
  name: 'CreateAcls',
  versions: [0, 3],
  flexibleFrom: 2,
  request: {
    creations: array({
      resourceType: int8,
      resourceName: string,
      resourcePatternType: int8.since(1).default(3),
      principal: string,
      host: string,
      operation: int8,
      permissionType: int8,
    }),
  },
  response: {
    throttleTimeMs: int32.default(0),
    results: array({
      errorCode: int16,
      errorMessage: string.nullable(),
    }),
  },
});
