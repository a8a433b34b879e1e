import { api, array, bool, bytes, int16, int32, string } from '../schema.ts';

/**
 * DescribeGroups (15). v1 throttle time · v2 throttling follows the answer (KIP-219) · v3 authorized operations (KIP-430)
 * · v4 static members (KIP-345) · v5 flexible · v6 error message (KIP-1043)
 */
export const DescribeGroups = api({
  key: 15,
  name: 'DescribeGroups',
  versions: [0, 6],
  flexibleFrom: 5,
  request: {
    groups: array(string),
    includeAuthorizedOperations: bool.since(3),
  },
  response: {
    throttleTimeMs: int32.since(1),
    groups: array({
      errorCode: int16,
      errorMessage: string.since(6).nullable(6).default(null),
      groupId: string,
      groupState: string,
      protocolType: string,
      protocolData: string,
      members: array({
        memberId: string,
        groupInstanceId: string.since(4).nullable(4).default(null),
        clientId: string,
        clientHost: string,
        memberMetadata: bytes,
        memberAssignment: bytes,
      }),
      authorizedOperations: int32.since(3).default(-(2 ** 31)),
    }),
  },
});
