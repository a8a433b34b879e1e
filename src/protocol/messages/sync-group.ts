import { api, array, bytes, int16, int32, string } from '../schema.ts';

/**
 * SyncGroup (14). v1 throttle time · v2 throttling follows the answer (KIP-219) · v3 static members (KIP-345) · v4 flexible
 * · v5 protocol type and name (KIP-559)
 */
export const SyncGroup = api({
  key: 14,
  name: 'SyncGroup',
  versions: [0, 5],
  flexibleFrom: 4,
  request: {
    groupId: string,
    generationId: int32,
    memberId: string,
    groupInstanceId: string.since(3).nullable(3).default(null),
    protocolType: string.since(5).nullable(5).default(null),
    protocolName: string.since(5).nullable(5).default(null),
    assignments: array({
      memberId: string,
      assignment: bytes,
    }),
  },
  response: {
    throttleTimeMs: int32.since(1),
    errorCode: int16,
    protocolType: string.since(5).nullable(5).default(null),
    protocolName: string.since(5).nullable(5).default(null),
    assignment: bytes,
  },
});
