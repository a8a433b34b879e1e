import { KafkaError } from '../../core/errors.ts';
import { type ClientFlags, refused, type Surroundings, writeJson } from '../broker-session.ts';
import { type ClusterConnections, forAll, withCluster } from '../cluster-connections.ts';
import { CliError, messageOf } from '../errors.ts';
import { deleteGroup, describeGroup } from './group-admin.ts';
import { checkGroupId } from './group-id.ts';

/** Deletes what can be deleted. @throws CliError that tells of each group that was not */
export async function remove(groupIds: readonly string[], flags: ClientFlags, around: Surroundings): Promise<void> {
  const wanted = [...new Set(groupIds.map(checkGroupId))];
  const done = await withCluster(flags, around, (cluster) =>
    forAll(wanted, async (groupId) => ({ groupId, error: await failureOf(cluster, groupId) })),
  );
  const failed = done.filter(({ error }) => error !== null);
  if (flags.json) {
    const results = done.map(({ groupId, error }) => (error === null ? { groupId, deleted: true } : { groupId, deleted: false, error }));
    writeJson(around.out, results);
  } else {
    for (const { groupId, error } of done) if (error === null) around.out.line(`Deleted group "${groupId}".`);
  }
  if (failed.length > 0) {
    throw new CliError(failed.map(({ groupId, error }) => `group "${groupId}" was not deleted: ${error}`).join('; '));
  }
}

/** @returns null when the group is deleted */
async function failureOf(cluster: ClusterConnections, groupId: string): Promise<string | null> {
  try {
    await deleteGroup(cluster, groupId);
    return null;
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
    if (error.errorName === 'GROUP_ID_NOT_FOUND') return 'there is no such group';
    if (error.errorName === 'NON_EMPTY_GROUP') return `${await occupants(cluster, groupId)}; stop them first`;
    return messageOf(refused(error, 'refused')).replace(/^refused: /, '');
  }
}

/** Who is in a group; only a help for the reader, so a failure to find out is none. */
async function occupants(cluster: ClusterConnections, groupId: string): Promise<string> {
  try {
    const { state, members } = await describeGroup(cluster, groupId);
    return `it is ${state}, with ${members.length} ${members.length === 1 ? 'member' : 'members'}`;
  } catch (error) {
    if (error instanceof KafkaError) return 'it has members';
    throw error;
  }
}
