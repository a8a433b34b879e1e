import { api, int16, int32, string } from '../schema.ts';

/** Heartbeat (12). v1 throttle time · v2 throttling follows the answer (KIP-219) · v3 static members (KIP-345) · v4 flexible */
export const Heartbeat = api({
  key: 12,
  name: 'Heartbeat',
  versions: [0, 4],
  flexibleFrom: 4,
  request: {
    groupId: string,
    generationId: int32,
    memberId: string,
    groupInstanceId: string.since(3).nullable(3).default(null),
  },
  response: {
    throttleTimeMs: int32.since(1),
    errorCode: int16,
  },
});
