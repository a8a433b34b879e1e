import { KafkaError } from '../../core/errors.ts';
import { addressOf } from '../bootstrap.ts';
import { refused } from '../broker-session.ts';
import type { ClusterConnections } from '../cluster-connections.ts';
import { CliError, usageError } from '../errors.ts';

const MAX_BYTES = 2 ** 15 - 1; // of a string on the wire

/** @throws CliError (usage) for what can be the name of no group */
export function checkGroupId(groupId: string): string {
  if (groupId === '') throw usageError('the name of the group is empty');
  if (Buffer.byteLength(groupId) > MAX_BYTES) throw usageError(`the name of the group is longer than ${MAX_BYTES} bytes`);
  return groupId;
}

/** @returns what to throw when something cannot be done with a group */
export function groupFailure(error: unknown, groupId: string, what: string, { bootstrap }: ClusterConnections): unknown {
  if (!(error instanceof KafkaError)) return error;
  const at = addressOf(bootstrap.address);
  switch (error.errorName) {
    case 'GROUP_ID_NOT_FOUND':
      return new CliError(`there is no group "${groupId}" at ${at}; "minikafka groups list" shows those that exist`);
    case 'GROUP_AUTHORIZATION_FAILED':
      return new CliError(`the broker at ${at} does not allow access to group "${groupId}"`);
    default:
      return refused(error, `group "${groupId}" ${what}`);
  }
}
