import type { JoinReply } from '../coordinator/group/member.ts';
import { ERROR_CODES } from '../core/error-codes.ts';
import { JoinGroup } from '../protocol/messages/join-group.ts';
import type { ResponseTo } from '../protocol/schema.ts';
import { handler, type RequestContext } from './handler.ts';
import type { Needs } from './services.ts';

const KNOWN_MEMBER_ID_SINCE = 4; // KIP-394
const NULL_PROTOCOL_NAME_SINCE = 7;
const SKIP_ASSIGNMENT_SINCE = 9; // KIP-814

/**
 * JoinGroup (11): becomes, or stays, a member of a group; answered when the group's next generation begins.
 *
 * Versions: v1 rebalance timeout · v4 member id required (KIP-394) · v5 static membership (KIP-345) · v6 flexible · v7 protocol type and
 * null protocol name · v8 reason (KIP-800) · v9 skip assignment (KIP-814)
 * Behaviour:
 * - v0 has no rebalance timeout: the session timeout stands for it.
 * - v4+ a dynamic member's first call is answered with MEMBER_ID_REQUIRED and an id to come back with.
 * - Only the leader is told of the members.
 * - A client that goes away while it waits stays a member until its session times out.
 * Deviations from Apache Kafka: there, a member whose client went away while it waited still counts as having joined.
 */
export const joinGroup = handler(JoinGroup, [0, 9], ({ groups }: Needs<'groups'>) => ({
  async handle(request, context) {
    const { clientHost, clientId, version } = context;
    const reply = await groups.join(
      {
        ...request,
        rebalanceTimeoutMs: version === 0 ? request.sessionTimeoutMs : request.rebalanceTimeoutMs,
        clientId,
        clientHost: `/${clientHost}`, // as Java prints an address
        requireKnownMemberId: version >= KNOWN_MEMBER_ID_SINCE,
        supportsSkippingAssignment: version >= SKIP_ASSIGNMENT_SINCE,
      },
      context.signal,
    );
    return response(reply, context);
  },
  refuse: (_request, error, context) => ({
    errorCode: error.code,
    protocolName: noProtocol(context),
    leader: '',
    memberId: '',
    members: [],
  }),
}));

function response({ error, ...reply }: JoinReply, context: RequestContext): ResponseTo<typeof JoinGroup> {
  return { ...reply, errorCode: ERROR_CODES[error].code, protocolName: reply.protocolName || noProtocol(context) };
}

function noProtocol({ version }: RequestContext): string | null {
  return version >= NULL_PROTOCOL_NAME_SINCE ? null : '';
}
