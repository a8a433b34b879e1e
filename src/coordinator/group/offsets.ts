import type { ErrorName } from '../../core/error-codes.ts';
import { KafkaError } from '../../core/errors.ts';
import { type CoordinatorRecord, type OffsetValue, offsetRecord } from '../../protocol/messages/internal/coordinator-records.ts';
import type { TransactionalWrite } from '../coordinator-log.ts';
import type { Outcome } from '../runtime.ts';
import type { ClassicGroup } from './classic-group.ts';
import type { GroupEnv } from './group-env.ts';
import { resetSession } from './rebalance.ts';

/** What a group has committed for a partition. */
export interface CommittedOffset {
  readonly offset: number;
  /** -1: not said. */
  readonly leaderEpoch: number;
  readonly metadata: string;
  /** Wall-clock ms. */
  readonly commitTimestampMs: number;
  /** Wall-clock ms; -1: as long as the group's retention says. */
  readonly expireTimestampMs: number;
  readonly topicId: string;
  /** Of the record that says so: of two commits the one behind the other holds, whenever their transactions end. */
  readonly recordOffset: number;
}

/** The committed offsets of one group, by topic and partition. */
export class GroupOffsets {
  private readonly topics = new Map<string, Map<number, CommittedOffset>>();
  private count = 0;

  /** Partitions that have a committed offset. */
  get size(): number {
    return this.count;
  }

  get(topic: string, partition: number): CommittedOffset | undefined {
    return this.topics.get(topic)?.get(partition);
  }

  set(topic: string, partition: number, offset: CommittedOffset): void {
    let partitions = this.topics.get(topic);
    if (!partitions) this.topics.set(topic, (partitions = new Map()));
    if (!partitions.has(partition)) this.count++;
    partitions.set(partition, offset);
  }

  delete(topic: string, partition: number): void {
    const partitions = this.topics.get(topic);
    if (!partitions?.delete(partition)) return;
    this.count--;
    if (partitions.size === 0) this.topics.delete(topic);
  }

  all(): ReadonlyMap<string, ReadonlyMap<number, CommittedOffset>> {
    return this.topics;
  }

  isEmpty(): boolean {
    return this.count === 0;
  }
}

export interface OffsetToCommit {
  readonly partition: number;
  readonly offset: number;
  readonly leaderEpoch: number;
  readonly metadata: string | null;
  /** -1: now. Only OffsetCommit v1 says otherwise. */
  readonly commitTimestampMs: number;
}

/** TxnOffsetCommit without its wire form; the topics exist. */
export interface TransactionalCommitRequest extends Omit<CommitRequest, 'retentionTimeMs'> {
  readonly transaction: TransactionalWrite;
}

/** An OffsetCommit without its wire form; the topics exist. */
export interface CommitRequest {
  readonly groupId: string;
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  /** -1: not a member of anything. */
  readonly generationId: number;
  /** -1: as the broker is configured. Only OffsetCommit v2-v4 says otherwise. */
  readonly retentionTimeMs: number;
  /** Whether the client knows GROUP_ID_NOT_FOUND (OffsetCommit v9, TxnOffsetCommit v6). */
  readonly knowsGroupIdNotFound: boolean;
  readonly topics: readonly { readonly name: string; readonly topicId: string; readonly partitions: readonly OffsetToCommit[] }[];
}

export interface CommitResult {
  readonly name: string;
  readonly topicId: string;
  readonly partitions: readonly { readonly partition: number; readonly error: ErrorName }[];
}

type Sender = Pick<CommitRequest, 'generationId' | 'groupInstanceId' | 'memberId'>;

/**
 * Whether the group takes a commit of this sender. In a transaction it may name no member whatever the group does, since the first versions of
 * TxnOffsetCommit could not (KIP-447), and a rebalance that completes refuses nothing: whose partitions they are is fenced by the producer's epoch.
 * @throws KafkaError UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID, ILLEGAL_GENERATION, REBALANCE_IN_PROGRESS
 */
export function validateCommit(group: ClassicGroup, { generationId, groupInstanceId, memberId }: Sender, isTransactional = false): void {
  // From outside the group: an administrator, or a consumer that assigns its partitions itself.
  if (generationId < 0 && group.state === 'Empty') return;
  const isMember = generationId >= 0 || memberId !== '' || groupInstanceId !== null;
  if (isMember) {
    group.require(memberId, groupInstanceId);
    if (generationId !== group.generationId) throw new KafkaError('ILLEGAL_GENERATION');
  } else if (!isTransactional) throw new KafkaError('UNKNOWN_MEMBER_ID');
  // The sender's partitions may be another's by now; it learns so by joining again.
  if (!isTransactional && group.state === 'CompletingRebalance') throw new KafkaError('REBALANCE_IN_PROGRESS');
}

/** OffsetCommit to a group that takes it. A commit is a sign of life, too. */
export function commit(
  env: GroupEnv,
  group: ClassicGroup,
  request: Omit<CommitRequest, 'knowsGroupIdNotFound'>,
  transaction?: TransactionalWrite,
): Outcome<CommitResult[]> {
  const member = group.members.get(request.memberId);
  if (member && (group.state === 'Stable' || group.state === 'PreparingRebalance')) resetSession(env, group, member);
  const { offsetMetadataMaxBytes } = env.config();
  const nowMs = env.clock.now();
  const expireTimestamp = request.retentionTimeMs < 0 ? -1 : Math.min(nowMs + request.retentionTimeMs, Number.MAX_SAFE_INTEGER);
  const records: CoordinatorRecord[] = [];
  const reply = request.topics.map(({ name, topicId, partitions }) => ({
    name,
    topicId,
    partitions: partitions.map(({ commitTimestampMs, leaderEpoch, metadata, offset, partition }) => {
      if (metadata !== null && metadata.length > offsetMetadataMaxBytes) return { partition, error: 'OFFSET_METADATA_TOO_LARGE' as const };
      const commitTimestamp = commitTimestampMs === -1 ? nowMs : commitTimestampMs;
      const key = { group: request.groupId, topic: name, partition };
      records.push(offsetRecord(key, { offset, leaderEpoch, metadata: metadata ?? '', commitTimestamp, expireTimestamp, topicId }));
      return { partition, error: 'NONE' as const };
    }),
  }));
  return { reply, write: records.length > 0 ? { records, replay: true, ...(transaction && { transaction }) } : null };
}

export function committedBy(value: OffsetValue, recordOffset: number): CommittedOffset {
  const { commitTimestamp, expireTimestamp, leaderEpoch, metadata, offset, topicId } = value;
  return {
    offset,
    leaderEpoch,
    metadata,
    commitTimestampMs: commitTimestamp,
    expireTimestampMs: expireTimestamp,
    topicId,
    recordOffset,
  };
}
