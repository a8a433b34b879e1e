import { api, array, int16, int32, string } from '../schema.ts';

/** DeleteGroups (42). v1 throttling follows the answer (KIP-219) · v2 flexible · v3 error message (KIP-1043) */
export const DeleteGroups = api({
  key: 42,
  name: 'DeleteGroups',
  versions: [0, 3],
  flexibleFrom: 2,
  request: { groupsNames: array(string) },
  response: {
    throttleTimeMs: int32.default(0),
    results: array({
      groupId: string,
      errorCode: int16,
      errorMessage: string.since(3).nullable(3).default(null),
    }),
  },
});
