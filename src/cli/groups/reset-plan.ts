import { noSuchTopic } from '../broker-session.ts';
import type { ClusterConnections } from '../cluster-connections.ts';
import { CliError } from '../errors.ts';
import { findTopics } from '../topic-admin.ts';
import {
  byTopicAndPartition,
  EARLIEST,
  type FoundOffsets,
  keyOf,
  LATEST,
  listOffsets,
  type PartitionOffset,
  type TopicPartition,
} from './group-offsets.ts';
import type { ResetTarget, TopicScope } from './reset-target.ts';

export interface PlannedReset extends TopicPartition {
  /** null: nothing is committed. */
  readonly currentOffset: number | null;
  readonly newOffset: number;
  /** Why it is not what was asked for; null: it is. */
  readonly note: string | null;
}

/** Finds the offset that each partition would get. @throws CliError when one cannot be found: it is all of them, or nothing */
export async function planReset(
  cluster: ClusterConnections,
  partitions: readonly TopicPartition[],
  committed: readonly PartitionOffset[],
  target: ResetTarget,
): Promise<PlannedReset[]> {
  const current = new Map(committed.map((each) => [keyOf(each), each.offset]));
  const none = target.kind === 'shift' && partitions.filter((each) => !current.has(keyOf(each)));
  if (none && none.length > 0) {
    throw new CliError(`nothing is committed for ${nameSome(none)}, so there is nothing to shift; name other partitions with --topic`);
  }
  const [earliest, latest, atTime] = await Promise.all([
    listOffsets(cluster, partitions, EARLIEST),
    listOffsets(cluster, partitions, LATEST),
    target.kind === 'time' ? listOffsets(cluster, partitions, target.timestampMs) : undefined,
  ]);
  return partitions.map((each) => {
    const currentOffset = current.get(keyOf(each)) ?? null;
    const first = found(earliest, each);
    const end = found(latest, each);
    const asked = askedFor(target, { first, end, current: currentOffset ?? first, atTime: () => found(atTime!, each) });
    const newOffset = asked < 0 && target.kind === 'time' ? end : Math.min(Math.max(asked, first), end);
    const note = newOffset === asked ? null : noteOn(target, asked, newOffset);
    return { topic: each.topic, partition: each.partition, currentOffset, newOffset, note };
  });
}

interface Known {
  readonly first: number;
  readonly end: number;
  readonly current: number;
  readonly atTime: () => number;
}

/** @returns -1 when no record is as late as the time that was asked for */
function askedFor(target: ResetTarget, known: Known): number {
  switch (target.kind) {
    case 'earliest':
      return known.first;
    case 'latest':
      return known.end;
    case 'offset':
      return target.offset;
    case 'shift':
      return known.current + target.by;
    case 'time':
      return known.atTime();
  }
}

function noteOn({ kind }: ResetTarget, asked: number, taken: number): string {
  if (kind === 'time' && asked < 0) return `no record is as late as that; the end, ${taken}, is taken`;
  return `${asked} is ${asked > taken ? 'beyond the latest' : 'before the earliest'} offset; ${taken} is taken`;
}

function found(offsets: FoundOffsets, partition: TopicPartition): number {
  const offset = offsets.get(keyOf(partition)) ?? 'UNKNOWN_SERVER_ERROR';
  if (typeof offset === 'number') return offset;
  throw new CliError(`the offsets of ${nameSome([partition])} cannot be read: ${offset}; nothing was reset`);
}

const MAX_NAMED = 5;

/** As one writes them: `orders:0,1`. */
export function nameSome(partitions: readonly TopicPartition[]): string {
  const names = partitions.slice(0, MAX_NAMED).map(keyOf).join(', ');
  return partitions.length > MAX_NAMED ? `${names} and ${partitions.length - MAX_NAMED} more` : names;
}

/** The partitions that are named. @throws CliError when one of them is not there */
export async function partitionsNamed(
  { bootstrap }: Pick<ClusterConnections, 'bootstrap'>,
  scopes: readonly TopicScope[],
): Promise<TopicPartition[]> {
  const topics = await findTopics(
    bootstrap,
    scopes.map(({ topic }) => topic),
  );
  return scopes
    .flatMap(({ topic, partitions }) => {
      const there = topics.get(topic)?.partitions.map(({ partition }) => partition);
      if (!there) throw noSuchTopic(topic, bootstrap);
      const missing = partitions?.find((partition) => !there.includes(partition));
      if (missing !== undefined) throw new CliError(`topic "${topic}" has no partition ${missing}; it has ${there.length}, from 0 on`);
      return (partitions ?? there).map((partition) => ({ topic, partition }));
    })
    .sort(byTopicAndPartition);
}

/** Those of the partitions whose topic is still there. */
export async function partitionsLeft(
  { bootstrap }: ClusterConnections,
  committed: readonly PartitionOffset[],
): Promise<{ left: PartitionOffset[]; gone: PartitionOffset[] }> {
  const topics = await findTopics(bootstrap, [...new Set(committed.map(({ topic }) => topic))]);
  const isThere = (each: TopicPartition): boolean =>
    topics.get(each.topic)?.partitions.some(({ partition }) => partition === each.partition) === true;
  return { left: committed.filter(isThere), gone: committed.filter((each) => !isThere(each)) };
}
