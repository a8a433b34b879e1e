import { Heartbeat } from '../protocol/messages/heartbeat.ts';
import { handler } from './handler.ts';
import type { Needs } from './services.ts';

/**
 * Heartbeat (12): keeps a member in its group, and tells it when to join again.
 *
 * Versions: v3 static membership (KIP-345) · v4 flexible
 * Behaviour: REBALANCE_IN_PROGRESS while members are awaited (the session is kept); 0 once the generation is known, and when the group is
 * still being loaded after a second, since nobody can say then that the member is none.
 * Deviations from Apache Kafka: none known.
 */
export const heartbeat = handler(Heartbeat, [0, 4], ({ groups }: Needs<'groups'>) => ({
  async handle(request) {
    if (!groups.isLoaded(request.groupId)) await groups.ready(request.groupId);
    groups.heartbeat(request);
    return { errorCode: 0 };
  },
  refuse: (_request, error) => ({ errorCode: error.code }),
}));
