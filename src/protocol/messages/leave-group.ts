import { api, array, int16, int32, string } from '../schema.ts';

/**
 * LeaveGroup (13). v1 throttle time · v2 throttling follows the answer (KIP-219) · v3 several and static members (KIP-345) · v4 flexible
 * · v5 reason (KIP-800)
 */
export const LeaveGroup = api({
  key: 13,
  name: 'LeaveGroup',
  versions: [0, 5],
  flexibleFrom: 4,
  request: {
    groupId: string,
    memberId: string.until(2),
    members: array({
      memberId: string,
      groupInstanceId: string.nullable().default(null),
      reason: string.since(5).nullable(5).default(null),
    }).since(3),
  },
  response: {
    throttleTimeMs: int32.since(1),
    errorCode: int16,
    members: array({
      memberId: string,
      groupInstanceId: string.nullable(),
      errorCode: int16,
    }).since(3),
  },
});
