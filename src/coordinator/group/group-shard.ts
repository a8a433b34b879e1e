import { KafkaError } from '../../core/errors.ts';
import { safetyRules } from '../../core/safety-rules.ts';
import {
  type CoordinatorRecord,
  type GroupValue,
  type OffsetKey,
  readGroupRecord,
} from '../../protocol/messages/internal/coordinator-records.ts';
import { DecodeError } from '../../protocol/wire.ts';
import type { ReplayedRecord } from '../coordinator-log.ts';
import { KeyedTimers, type Perform } from '../keyed-timers.ts';
import type { Outcome, Shard, Write } from '../runtime.ts';
import { ClassicGroup } from './classic-group.ts';
import { expiredTombstones } from './expiry.ts';
import {
  type DeletedOffsets,
  deleteOffsets,
  describeGroup,
  type GroupDescription,
  groupNotFound,
  type ListedGroup,
  nextTombstones,
  type OffsetsToDelete,
  requireDeletable,
} from './group-admin.ts';
import type { GroupEnv } from './group-env.ts';
import { restore } from './group-value.ts';
import { type JoinRequest, join } from './join.ts';
import { failedJoin, failedSync, type JoinReply, type Park, type SyncReply } from './member.ts';
import { type HeartbeatRequest, heartbeat, type LeaveResult, type LeavingMember, leave } from './membership.ts';
import {
  type CommitRequest,
  type CommitResult,
  type CommittedOffset,
  commit,
  committedBy,
  GroupOffsets,
  type TransactionalCommitRequest,
  validateCommit,
} from './offsets.ts';
import { PendingOffsets } from './pending-offsets.ts';
import { prepareRebalance, resetSession } from './rebalance.ts';
import { type SyncRequest, sync } from './sync.ts';

const EXPIRY_TIMER = 'expiry';

/** The groups of one partition of __consumer_offsets. */
export class GroupShard implements Shard {
  private readonly env: GroupEnv;
  private readonly perform: Perform;
  private readonly groups = new Map<string, ClassicGroup>();
  private readonly offsets = new Map<string, GroupOffsets>();
  private readonly pending = new PendingOffsets();
  /** Records of kinds that this broker does not know, by kind: they are kept in the log and mean nothing here. */
  private readonly unknown = new Map<number, number>();
  private readonly timers: KeyedTimers;

  constructor(env: GroupEnv, perform: Perform) {
    this.env = env;
    this.perform = perform;
    this.timers = new KeyedTimers(env.clock, perform);
  }

  group(groupId: string): ClassicGroup | undefined {
    return this.groups.get(groupId);
  }

  offsetsOf(groupId: string): GroupOffsets | undefined {
    return this.offsets.get(groupId);
  }

  /** Whether a transaction that has not ended has committed an offset for a partition. */
  isUnstable(groupId: string, topic: string, partition: number): boolean {
    return this.pending.has(groupId, topic, partition);
  }

  join(request: JoinRequest, park: Park<JoinReply>): Write | null {
    const existing = this.groups.get(request.groupId);
    if (!existing && request.memberId !== '') {
      park(failedJoin('UNKNOWN_MEMBER_ID', request.memberId));
      return null;
    }
    const group = existing ?? this.create(request.groupId);
    const write = join(this.env, group, request, park);
    this.forgetIfBlank(group);
    return write;
  }

  sync(request: SyncRequest, park: Park<SyncReply>): Write | null {
    return sync(this.env, this.require(request.groupId), request, park);
  }

  heartbeat(request: HeartbeatRequest): void {
    heartbeat(this.env, this.require(request.groupId), request);
  }

  leave(groupId: string, leaving: readonly LeavingMember[]): Outcome<LeaveResult[]> {
    const group = this.groups.get(groupId);
    if (!group) return { reply: leaving.map((member) => ({ ...member, error: 'UNKNOWN_MEMBER_ID' })), write: null };
    const outcome = leave(this.env, group, leaving);
    this.forgetIfBlank(group);
    return outcome;
  }

  commit(request: CommitRequest): Outcome<CommitResult[]> {
    const group = this.groups.get(request.groupId);
    if (group) validateCommit(group, request);
    // A group that only keeps offsets comes into being by its first commit.
    else if (request.generationId >= 0) throw new KafkaError(request.knowsGroupIdNotFound ? 'GROUP_ID_NOT_FOUND' : 'ILLEGAL_GENERATION');
    return commit(this.env, group ?? this.blank(request.groupId), request);
  }

  /** @throws KafkaError UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID, ILLEGAL_GENERATION, GROUP_ID_NOT_FOUND */
  commitInTransaction(request: TransactionalCommitRequest): Outcome<CommitResult[]> {
    const { transaction, ...offsets } = request;
    const group = this.groups.get(request.groupId);
    if (group) validateCommit(group, request, true);
    else if (request.generationId >= 0) throw new KafkaError(request.knowsGroupIdNotFound ? 'GROUP_ID_NOT_FOUND' : 'ILLEGAL_GENERATION');
    return commit(this.env, group ?? this.blank(request.groupId), { ...offsets, retentionTimeMs: -1 }, transaction);
  }

  /** @throws KafkaError GROUP_ID_NOT_FOUND */
  describe(groupId: string): GroupDescription {
    const group = this.groups.get(groupId);
    if (!group) throw groupNotFound(groupId);
    return describeGroup(group);
  }

  list(): ListedGroup[] {
    return [...this.groups.values()].map(({ id, protocolType, state }) => ({ groupId: id, protocolType: protocolType ?? '', state }));
  }

  /**
   * Takes a group and its offsets out of the log, in as many writes as that needs; `done` when the last is committed. A group that comes to
   * life in between stays, with what it has left.
   * @throws KafkaError GROUP_ID_NOT_FOUND, NON_EMPTY_GROUP
   */
  deleteGroup(groupId: string, done: (error: KafkaError | null) => void): Write {
    requireDeletable(this.groups.get(groupId), groupId);
    const { records, isLast } = nextTombstones(groupId, this.offsets.get(groupId), this.pending);
    const next = (error: KafkaError | null): Write | null => {
      if (!error && !isLast) {
        try {
          return this.deleteGroup(groupId, done);
        } catch (refused) {
          if (!(refused instanceof KafkaError)) throw refused;
          error = refused;
        }
      }
      done(error);
      return null;
    };
    return { records, replay: true, done: next };
  }

  deleteOffsets(groupId: string, topics: readonly OffsetsToDelete[]): Outcome<DeletedOffsets[]> {
    const { groups, pending } = this;
    return deleteOffsets(groups.get(groupId), groupId, { offsets: this.offsets.get(groupId), pending }, topics);
  }

  /** The clients behind these parked requests are gone. Their members' sessions, which stood still, run from now on. */
  abandon(groupId: string, park: Park<JoinReply> | Park<SyncReply>): void {
    const group = this.groups.get(groupId);
    if (!group) return;
    for (const member of group.members.values()) {
      if (member.join !== park && member.sync !== park) continue;
      if (member.join === park) group.unparkJoin(member);
      else member.sync = null;
      resetSession(this.env, group, member);
    }
  }

  replay(key: Buffer, value: Buffer | null, { offset, producerId }: Pick<ReplayedRecord, 'offset' | 'producerId'>): void {
    try {
      const record = readGroupRecord(key, value);
      if (record.kind === 'offset') this.replayOffset(record.key, record.value && committedBy(record.value, offset), producerId);
      else if (record.kind === 'group') this.replayGroup(record.groupId, record.value);
      else this.unknown.set(record.type, (this.unknown.get(record.type) ?? 0) + 1);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      this.env.logger.error({ err: error }, 'A record of __consumer_offsets cannot be read and is passed over');
    }
  }

  loaded(): void {
    this.scheduleExpiry();
    if (this.unknown.size > 0)
      this.env.logger.warn({ kinds: Object.fromEntries(this.unknown) }, 'Records of group kinds that are not supported');
    for (const group of this.groups.values()) {
      for (const member of group.members.values()) resetSession(this.env, group, member);
      // group.max.size may have been lowered: the rebalance lets only that many back in.
      if (group.members.size > this.env.config().maxSize)
        this.perform(() => prepareRebalance(this.env, group, 'more members than group.max.size'));
    }
  }

  unloaded(error: KafkaError): void {
    this.timers.clear();
    for (const group of this.groups.values()) {
      group.timers.clear();
      group.become('Dead', this.env.clock.now());
      for (const member of group.members.values()) {
        group.answerJoin(member, failedJoin(error.errorName, ''));
        group.answerSync(member, failedSync(error.errorName));
      }
    }
    this.groups.clear();
    this.offsets.clear();
    this.pending.clear();
  }

  private scheduleExpiry(): void {
    this.timers.set(EXPIRY_TIMER, this.env.config().expiryCheckIntervalMs, () => {
      this.scheduleExpiry();
      const { groups, offsets, pending } = this;
      const { config, expiryNow } = this.env;
      return this.expireNext(expiredTombstones(groups.values(), { offsets, pending }, expiryNow(), config().retentionMs));
    });
  }

  /** One write after the other, so that a million expired offsets hold up nobody. */
  private expireNext(expired: Iterator<CoordinatorRecord[]>): Write | null {
    const { done, value: records } = expired.next();
    return done ? null : { records, replay: true, done: (error) => (error ? null : this.expireNext(expired)) };
  }

  /** A transaction that committed offsets has ended: they hold, unless a later commit came between; or they are nothing. */
  endTransaction(producerId: number, commits: boolean): void {
    for (const { committed, groupId, partition, topic } of this.pending.take(producerId)) {
      const known = this.offsets.get(groupId)?.get(topic, partition);
      if (commits && (!known || committed.recordOffset > known.recordOffset)) this.offsetsFor(groupId).set(topic, partition, committed);
      const group = this.groups.get(groupId);
      if (group) this.forgetIfBlank(group);
    }
  }

  private replayOffset({ group: groupId, partition, topic }: OffsetKey, committed: CommittedOffset | null, producerId: number): void {
    const group = this.groups.get(groupId) ?? this.create(groupId);
    if (committed && producerId >= 0 && safetyRules.offsetsWaitForMarker)
      this.pending.add(producerId, groupId, topic, partition, committed);
    else if (committed) this.offsetsFor(groupId).set(topic, partition, committed);
    else {
      this.offsets.get(groupId)?.delete(topic, partition);
      this.pending.forget(groupId, topic, partition);
    }
    if (this.offsets.get(groupId)?.isEmpty()) this.offsets.delete(groupId);
    this.forgetIfBlank(group); // living or replayed, a group that only kept offsets goes with the last of them
  }

  /** Only while loading: a living group is ahead of its records. */
  private replayGroup(groupId: string, value: GroupValue | null): void {
    this.groups.get(groupId)?.timers.clear();
    this.groups.delete(groupId);
    if (value) restore(this.create(groupId), value);
  }

  private offsetsFor(groupId: string): GroupOffsets {
    let offsets = this.offsets.get(groupId);
    if (!offsets) this.offsets.set(groupId, (offsets = new GroupOffsets()));
    return offsets;
  }

  private require(groupId: string): ClassicGroup {
    const group = this.groups.get(groupId);
    if (!group) throw new KafkaError('UNKNOWN_MEMBER_ID');
    return group;
  }

  private blank(groupId: string): ClassicGroup {
    const timers = new KeyedTimers(this.env.clock, (operation) => {
      this.perform(operation);
      this.forgetIfBlank(group);
    });
    const group = new ClassicGroup(groupId, timers, this.env.clock.now());
    return group;
  }

  private create(groupId: string): ClassicGroup {
    const group = this.blank(groupId);
    this.groups.set(groupId, group);
    return group;
  }

  /** A group of which nothing was written, and nobody is left: ids that were asked for and not used leave no trace. */
  private forgetIfBlank(group: ClassicGroup): void {
    const hasOffsets = this.offsets.has(group.id) || this.pending.hasAny(group.id);
    if (group.isBlank() && !hasOffsets && this.groups.get(group.id) === group) this.groups.delete(group.id);
  }
}
