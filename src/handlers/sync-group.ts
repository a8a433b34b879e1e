import { ERROR_CODES } from '../core/error-codes.ts';
import { KafkaError } from '../core/errors.ts';
import { SyncGroup } from '../protocol/messages/sync-group.ts';
import { handler } from './handler.ts';
import type { Needs } from './services.ts';

const PROTOCOL_NAMES_SINCE = 5;

/**
 * SyncGroup (14): the leader hands in who gets what, every member gets its share.
 *
 * Versions: v3 static membership (KIP-345) · v4 flexible · v5 protocol type and name (KIP-559)
 * Behaviour:
 * - Parked until the leader's assignment is in the log.
 * - v5 must name the protocol type and the protocol, before anything else is looked at, and name them right: else INCONSISTENT_GROUP_PROTOCOL.
 * - The leader's word about a member is final: members that it left out get nothing.
 * Deviations from Apache Kafka: a consumer that the leader left out gets an empty assignment in the consumers' own form; Kafka sends zero
 * bytes, which some clients cannot decode.
 */
export const syncGroup = handler(SyncGroup, [0, 5], ({ groups }: Needs<'groups'>) => ({
  async handle(request, { signal, version }) {
    if (version >= PROTOCOL_NAMES_SINCE && (request.protocolType === null || request.protocolName === null))
      throw new KafkaError('INCONSISTENT_GROUP_PROTOCOL');
    const { error, ...reply } = await groups.sync(request, signal);
    return { ...reply, errorCode: ERROR_CODES[error].code };
  },
  refuse: (_request, error) => ({ errorCode: error.code, assignment: Buffer.alloc(0) }),
}));
