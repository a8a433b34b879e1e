import { type ClientFlags, isKafka, type Surroundings, writeJson } from '../broker-session.ts';
import { type ClusterConnections, withCluster } from '../cluster-connections.ts';
import { CliError, usageError } from '../errors.ts';
import { bold, type Output, printable, writeTable } from '../output.ts';
import { findGroup } from './group-admin.ts';
import { checkGroupId, groupFailure } from './group-id.ts';
import { commitOffsets, fetchCommitted, keyOf, type PartitionOffset, type TopicPartition } from './group-offsets.ts';
import { nameSome, type PlannedReset, partitionsLeft, partitionsNamed, planReset } from './reset-plan.ts';
import { parseScopes, parseTarget, type TargetFlags, type TopicScope } from './reset-target.ts';

export interface ResetFlags extends ClientFlags, TargetFlags {
  /** `topic` or `topic:0,1` each. */
  readonly topic?: readonly string[] | undefined;
  readonly allTopics?: boolean | undefined;
  readonly dryRun?: boolean | undefined;
  readonly execute?: boolean | undefined;
}

/** Shows where a group would go on reading; with --execute, it does so from now on. In a pipe: group, topic, partition, old and new offset. */
export async function resetOffsets(groupId: string, flags: ResetFlags, around: Surroundings): Promise<void> {
  checkGroupId(groupId);
  if (flags.execute && flags.dryRun) throw usageError('--execute writes and --dry-run does not; keep one');
  if (flags.topic && flags.allTopics) throw usageError('--all-topics names them all; leave out --topic');
  if (!flags.topic && !flags.allTopics) throw usageError('which topics? add --topic name, --topic name:0,1, or --all-topics');
  const scopes = flags.topic ? parseScopes(flags.topic) : null;
  const target = parseTarget(flags, around.clock.now());
  const execute = flags.execute === true;
  await withCluster(flags, around, async (cluster) => {
    const fail = (what: string) => (error: unknown) => {
      throw groupFailure(error, groupId, what, cluster);
    };
    const isNew = await checkInactive(cluster, groupId).catch(fail('cannot be reset'));
    const committed = isNew ? [] : await fetchCommitted(cluster, groupId).catch(fail('does not tell its offsets'));
    const partitions = await chosen(cluster, groupId, scopes, committed, around.err);
    const plan = await planReset(cluster, partitions, committed, target);
    if (execute) {
      const offsets = plan.map(({ topic, partition, newOffset }) => ({ topic, partition, offset: newOffset }));
      await commitOffsets(cluster, groupId, offsets).catch(explainCommit(cluster, groupId));
    }
    report(plan, { groupId, isNew, execute, json: flags.json === true }, around);
  });
}

/** @returns whether the group does not exist yet. @throws CliError when it has members, which would not notice, and commit their own */
async function checkInactive(cluster: ClusterConnections, groupId: string): Promise<boolean> {
  try {
    const { state } = await findGroup(cluster, groupId);
    if (state === 'Empty') return false;
    throw new CliError(
      `the offsets of group "${groupId}" can be reset only while it is inactive, and it is ${state}; stop its members first`,
    );
  } catch (error) {
    if (isKafka(error, 'GROUP_ID_NOT_FOUND')) return true;
    throw error;
  }
}

async function chosen(
  cluster: ClusterConnections,
  groupId: string,
  scopes: readonly TopicScope[] | null,
  committed: readonly PartitionOffset[],
  err: Output,
): Promise<readonly TopicPartition[]> {
  if (scopes) return partitionsNamed(cluster, scopes);
  const { left, gone } = await partitionsLeft(cluster, committed);
  if (gone.length > 0) err.line(`minikafka: left out, as they are gone: ${nameSome(gone)}`);
  if (left.length > 0) return left;
  throw new CliError(`group "${groupId}" has committed nothing that --all-topics could reset; name topics with --topic`);
}

const explainCommit = (cluster: ClusterConnections, groupId: string) => (error: unknown) => {
  // A commit without a member is refused once there are some: one joined since its state was asked for.
  if (isKafka(error, 'UNKNOWN_MEMBER_ID') || isKafka(error, 'ILLEGAL_GENERATION') || isKafka(error, 'REBALANCE_IN_PROGRESS')) {
    throw new CliError(`the offsets of group "${groupId}" were not reset: a member has just joined it; stop its members first`);
  }
  throw groupFailure(error, groupId, 'was not reset', cluster);
};

interface ResetOutcome {
  readonly groupId: string;
  readonly isNew: boolean;
  readonly execute: boolean;
  readonly json: boolean;
}

function report(plan: readonly PlannedReset[], { groupId, isNew, execute, json }: ResetOutcome, { out, err }: Surroundings): void {
  for (const { note, ...partition } of plan) if (note !== null) err.line(`minikafka: ${keyOf(partition)}: ${note}`);
  if (json) {
    writeJson(out, { groupId, executed: execute, partitions: plan });
    return;
  }
  const rows = plan.map(({ topic, partition, currentOffset, newOffset }) => [topic, partition, currentOffset ?? '-', newOffset]);
  const group = printable(groupId);
  if (out.isTerminal) {
    out.line(bold(group, out));
    writeTable(out, ['Topic', 'Partition', 'Current offset', 'New offset'], rows);
    if (execute) out.line(`Reset ${rows.length} ${rows.length === 1 ? 'partition' : 'partitions'} of group "${group}".`);
  } else {
    writeTable(
      out,
      [],
      rows.map((row) => [group, ...row]),
    );
  }
  if (execute) return;
  const created = isNew ? ` There is no group "${group}" yet; it would be created.` : '';
  (out.isTerminal ? out : err).line(`Nothing was written: this is the plan.${created} Add --execute to carry it out.`);
}
