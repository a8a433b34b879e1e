import { api, array, int16, int32, string } from '../schema.ts';

/**
 * ListGroups (16). v1 throttle time · v2 throttling follows the answer (KIP-219) · v3 flexible · v4 states and a filter for them (KIP-518)
 * · v5 types and a filter for them (KIP-848)
 */
export const ListGroups = api({
  key: 16,
  name: 'ListGroups',
  versions: [0, 5],
  flexibleFrom: 3,
  request: {
    statesFilter: array(string).since(4),
    typesFilter: array(string).since(5),
  },
  response: {
    throttleTimeMs: int32.since(1),
    errorCode: int16,
    groups: array({
      groupId: string,
      protocolType: string,
      groupState: string.since(4),
      groupType: string.since(5),
    }),
  },
});
