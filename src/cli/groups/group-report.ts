import { addressOf } from '../bootstrap.ts';
import { bold, type Output, printable, writeTable } from '../output.ts';
import type { DescribedGroup, GroupMember } from './group-admin.ts';
import type { TopicPartition } from './group-offsets.ts';

export interface PartitionLag extends TopicPartition {
  /** null: nothing is committed. */
  readonly currentOffset: number | null;
  /** null: the partition is gone, or has no leader. */
  readonly logEndOffset: number | null;
  readonly lag: number | null;
  /** Who reads it; null: nobody. */
  readonly member: GroupMember | null;
}

export interface GroupLag {
  readonly group: DescribedGroup;
  readonly partitions: readonly PartitionLag[];
}

type Row = readonly (string | number)[];

const UNKNOWN = 'unknown';
const orDash = (value: string | number | null): string | number => (value === null || value === '' ? '-' : value);

/** On a terminal a table for each group; in a pipe a line for each partition, that begins with the group. */
export function writeLags(out: Output, lags: readonly GroupLag[]): void {
  const header = ['Topic', 'Partition', 'Current offset', 'Log end offset', 'Lag', 'Consumer id', 'Host', 'Client id'];
  const tables = lags.map(({ group, partitions }) => ({ group, rows: partitions.map(lagRow) }));
  writeTables(out, header, tables, 'It has committed nothing, and nothing is assigned.');
}

function lagRow({ topic, partition, currentOffset, logEndOffset, lag, member }: PartitionLag): Row {
  return [topic, partition, orDash(currentOffset), orDash(logEndOffset), orDash(lag), ...(member ? who(member) : ['-', '-', '-'])];
}

const who = ({ memberId, host, clientId }: GroupMember): string[] => [memberId, host, clientId].map((text) => printable(text) || '-');

export function writeMembers(out: Output, groups: readonly DescribedGroup[]): void {
  const header = ['Consumer id', 'Host', 'Client id', 'Partitions', 'Assignment'];
  writeTables(
    out,
    header,
    groups.map((group) => ({ group, rows: group.members.map(memberRow) })),
    'It has no members.',
  );
}

function memberRow(member: GroupMember): Row {
  const { assignment } = member;
  if (assignment === null) return [...who(member), UNKNOWN, UNKNOWN];
  const count = assignment.reduce((sum, { partitions }) => sum + partitions.length, 0);
  const text = assignment.map(({ topic, partitions }) => `${printable(topic)}:${partitions.join(',')}`).join(' ');
  return [...who(member), count, text || '-'];
}

export function writeStates(out: Output, groups: readonly DescribedGroup[]): void {
  if (groups.length === 0 && out.isTerminal) out.line(NO_GROUPS);
  else {
    const rows = groups.map(({ groupId, coordinator, assignor, state, type, members }) => [
      printable(groupId),
      `${addressOf(coordinator)} (${coordinator.id})`,
      printable(assignor) || '-',
      state,
      type,
      members.length,
    ]);
    writeTable(out, ['Group', 'Coordinator (id)', 'Assignment strategy', 'State', 'Type', 'Members'], rows);
  }
}

const NO_GROUPS = 'There are no groups of consumers.';

interface Table {
  readonly group: DescribedGroup;
  readonly rows: readonly Row[];
}

function writeTables(out: Output, header: readonly string[], tables: readonly Table[], nothing: string): void {
  if (!out.isTerminal) {
    for (const { group, rows } of tables) {
      const first = printable(group.groupId);
      writeTable(
        out,
        [],
        rows.map((row) => [first, ...row]),
      );
    }
    return;
  }
  if (tables.length === 0) out.line(NO_GROUPS);
  for (const [i, { group, rows }] of tables.entries()) {
    if (i > 0) out.line('');
    out.line(`${bold(printable(group.groupId), out)}  ${inWords(group)}`);
    if (rows.length === 0) out.line(nothing);
    else writeTable(out, header, rows);
  }
}

function inWords({ state, members }: DescribedGroup): string {
  if (members.length === 0) return `${state}, no members`;
  return `${state}, ${members.length} ${members.length === 1 ? 'member' : 'members'}`;
}

export function lagToJson({ group, partitions }: GroupLag): object {
  const { groupId, state } = group;
  return {
    groupId,
    state,
    partitions: partitions.map(({ member, ...partition }) => ({
      ...partition,
      consumerId: member?.memberId ?? null,
      host: member?.host ?? null,
      clientId: member?.clientId ?? null,
    })),
  };
}

export function membersToJson({ groupId, state, members }: DescribedGroup): object {
  return {
    groupId,
    state,
    members: members.map(({ memberId, ...member }) => ({ consumerId: memberId, ...member })),
  };
}

export function stateToJson({ groupId, coordinator, assignor, protocolType, state, type, members }: DescribedGroup): object {
  return { groupId, coordinator, assignor, protocolType, state, type, members: members.length };
}
