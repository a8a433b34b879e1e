import { api, array, int16, int32, string, uuid } from '../schema.ts';

/**
 * DeleteTopics (20). v1 throttle time · v2 throttling follows the answer (KIP-219) · v3 TOPIC_DELETION_DISABLED · v4 flexible
 * · v5 error message, THROTTLING_QUOTA_EXCEEDED (KIP-599) · v6 by topic id (KIP-516)
 */
export const DeleteTopics = api({
  key: 20,
  name: 'DeleteTopics',
  versions: [0, 6],
  flexibleFrom: 4,
  request: {
    topics: array({
      name: string.nullable().default(null),
      topicId: uuid,
    }).since(6),
    topicNames: array(string).until(5),
    timeoutMs: int32,
  },
  response: {
    throttleTimeMs: int32.since(1),
    responses: array({
      name: string.nullable(6),
      topicId: uuid.since(6),
      errorCode: int16,
      errorMessage: string.since(5).nullable(5).default(null),
    }),
  },
});
