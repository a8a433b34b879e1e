import { ERROR_CODES } from '../core/error-codes.ts';
import { KafkaError } from '../core/errors.ts';
import { LeaveGroup } from '../protocol/messages/leave-group.ts';
import { handler } from './handler.ts';
import type { Needs } from './services.ts';

const BATCHED_SINCE = 3;

/**
 * LeaveGroup (13): takes members out of a group, which rebalances at once.
 *
 * Versions: v3 several members, each with its result; by instance id alone for administrators (KIP-345) · v4 flexible · v5 reason (KIP-800)
 * Behaviour: a group that does not exist answers UNKNOWN_MEMBER_ID for each member (v3+), or for the request (v0-v2).
 * Deviations from Apache Kafka: none known.
 */
export const leaveGroup = handler(LeaveGroup, [0, 5], ({ groups }: Needs<'groups'>) => ({
  async handle(request, { version }) {
    if (version >= BATCHED_SINCE) {
      const results = await groups.leave(request.groupId, request.members);
      return { errorCode: 0, members: results.map(({ error, ...member }) => ({ ...member, errorCode: ERROR_CODES[error].code })) };
    }
    const [result] = await groups.leave(request.groupId, [{ memberId: request.memberId, groupInstanceId: null }]);
    if (!result) throw new KafkaError('UNKNOWN_SERVER_ERROR');
    return { errorCode: ERROR_CODES[result.error].code };
  },
  refuse: (_request, error) => ({ errorCode: error.code }),
}));
