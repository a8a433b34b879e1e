import { KafkaError } from '../../core/errors.ts';
import type { KeyedTimers } from '../keyed-timers.ts';
import { javaHash } from '../partition-for.ts';
import { type GroupState, NEXT_STATES } from './group-state.ts';
import { failedJoin, type JoinReply, type Member, type MemberProtocol, type Park, type SyncReply, sessionKey } from './member.ts';

/**
 * A group of the classic protocol: who is in it, what they agreed on, and which state it is in. What happens when is decided by the
 * functions around it (join.ts, rebalance.ts, sync.ts, ...); here is only what must always hold.
 */
export class ClassicGroup {
  readonly id: string;
  readonly timers: KeyedTimers;
  readonly members = new Map<string, Member>();
  /** KIP-394: ids given out, whose owners have not come back with them yet. They hold up a rebalance. */
  readonly pendingJoin = new Set<string>();
  /** Members that have not asked for the assignment of this generation yet. */
  readonly pendingSync = new Set<string>();
  generationId = 0;
  /** The generation whose assignment was last sent to the log. */
  assigningId = -1;
  protocolType: string | null = null;
  protocolName: string | null = null;
  leaderId: string | null = null;
  /** Somebody joined during the initial rebalance delay, which is therefore extended. */
  newMemberAdded = false;
  /** Wall-clock time of the last transition, as it is stored. */
  stateSinceMs: number;
  private current: GroupState = 'Empty';
  private before: GroupState = 'Empty';
  private readonly instanceIds = new Map<string, string>();
  /** How many members have a protocol, by its name. */
  private readonly support = new Map<string, number>();
  private joining = 0;

  constructor(id: string, timers: KeyedTimers, nowMs: number) {
    this.id = id;
    this.timers = timers;
    this.stateSinceMs = nowMs;
  }

  get state(): GroupState {
    return this.current;
  }
  get previousState(): GroupState {
    return this.before;
  }

  become(state: GroupState, nowMs: number): void {
    const allowed: readonly GroupState[] = NEXT_STATES[this.current];
    if (!allowed.includes(state)) throw new Error(`group ${this.id} cannot go from ${this.current} to ${state}`);
    this.before = this.current;
    this.current = state;
    this.stateSinceMs = nowMs;
  }

  /** As found in the log: with members it was Stable. */
  restore(stateSinceMs: number): void {
    this.current = this.members.size > 0 ? 'Stable' : 'Empty';
    this.before = this.current;
    this.stateSinceMs = stateSinceMs;
  }

  /** Without members, and never had any: nothing that anybody could miss. */
  isBlank(): boolean {
    return this.current === 'Empty' && this.generationId === 0 && this.pendingJoin.size === 0;
  }

  add(member: Member, protocolType: string): void {
    if (this.members.size === 0) this.protocolType = protocolType;
    this.members.set(member.id, member);
    this.countProtocols(member, 1);
    if (member.groupInstanceId !== null) this.instanceIds.set(member.groupInstanceId, member.id);
    this.leaderId ??= member.id;
    if (this.pendingJoin.delete(member.id)) this.timers.cancel(member.sessionKey); // it would forget the id, not end a session
  }

  remove(memberId: string): void {
    const member = this.members.get(memberId);
    if (member) {
      if (member.join) this.joining--;
      this.countProtocols(member, -1);
      this.members.delete(memberId);
      if (member.groupInstanceId !== null) this.instanceIds.delete(member.groupInstanceId);
    }
    if (this.leaderId === memberId) this.leaderId = this.members.keys().next().value ?? null;
    this.pendingJoin.delete(memberId);
    this.pendingSync.delete(memberId);
    this.timers.cancel(sessionKey(memberId));
  }

  /** KIP-345: the instance has come back under a new member id. The place, and the leadership, are the new one's. */
  replaceStatic(old: Member, member: Member): void {
    const wasLeader = this.leaderId === old.id;
    if (old.join) this.joining--;
    this.timers.cancel(sessionKey(old.id));
    this.pendingSync.delete(old.id);
    this.countProtocols(old, -1);
    this.countProtocols(member, 1);
    this.members.delete(old.id);
    this.members.set(member.id, member);
    this.instanceIds.set(member.groupInstanceId!, member.id);
    if (wasLeader) this.leaderId = member.id;
  }

  /** What a member says of itself when it joins again. */
  update(member: Member, changes: Pick<Member, 'protocols' | 'rebalanceTimeoutMs' | 'sessionTimeoutMs'>): void {
    this.countProtocols(member, -1);
    member.protocols = changes.protocols;
    member.rebalanceTimeoutMs = changes.rebalanceTimeoutMs;
    member.sessionTimeoutMs = changes.sessionTimeoutMs;
    this.countProtocols(member, 1);
  }

  memberIdOf(groupInstanceId: string): string | undefined {
    return this.instanceIds.get(groupInstanceId);
  }

  /** @throws KafkaError UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID when another member has taken the instance's place */
  require(memberId: string, groupInstanceId: string | null): Member {
    if (groupInstanceId !== null) {
      const existing = this.instanceIds.get(groupInstanceId);
      if (existing === undefined) throw new KafkaError('UNKNOWN_MEMBER_ID');
      if (existing !== memberId) throw new KafkaError('FENCED_INSTANCE_ID');
    }
    const member = this.members.get(memberId);
    if (!member) throw new KafkaError('UNKNOWN_MEMBER_ID');
    return member;
  }

  parkJoin(member: Member, park: Park<JoinReply>): void {
    const replaced = member.join;
    if (!replaced) this.joining++;
    member.join = park;
    // The member asks again on another connection: the first request's answer would tell it nothing.
    replaced?.(failedJoin('REBALANCE_IN_PROGRESS', member.id));
  }

  unparkJoin(member: Member): void {
    if (member.join) this.joining--;
    member.join = null;
  }

  answerJoin(member: Member, reply: JoinReply): void {
    const { join } = member;
    this.unparkJoin(member);
    join?.(reply);
  }

  answerSync(member: Member, reply: SyncReply): void {
    const { sync } = member;
    member.sync = null;
    sync?.(reply);
  }

  membersJoining(): number {
    return this.joining;
  }

  hasAllJoined(): boolean {
    return this.joining === this.members.size && this.pendingJoin.size === 0;
  }

  /** How long the slowest member may take to join again. */
  rebalanceTimeoutMs(): number {
    let longest = 0;
    for (const member of this.members.values()) longest = Math.max(longest, member.rebalanceTimeoutMs);
    return longest;
  }

  /** Whether somebody with these protocols could be a member: all members must have one protocol in common. */
  accepts(protocolType: string, protocols: readonly MemberProtocol[]): boolean {
    if (protocolType === '' || protocols.length === 0) return false;
    if (this.members.size === 0) return true;
    return this.protocolType === protocolType && protocols.some((protocol) => this.isCommon(protocol));
  }

  /** The protocol that most members prefer among those that all of them have; of those with as many votes the one that Kafka takes. */
  selectProtocol(): string {
    const votes = new Map<string, number>();
    for (const member of this.members.values()) {
      const choice = member.protocols.find((protocol) => this.isCommon(protocol))?.name;
      if (choice !== undefined) votes.set(choice, (votes.get(choice) ?? 0) + 1);
    }
    let best: string | undefined;
    for (const [name, count] of inOrderOfAHashMap(votes)) if (best === undefined || count > votes.get(best)!) best = name;
    if (best === undefined) throw new Error(`members of group ${this.id} have no protocol in common`);
    return best;
  }

  private isCommon(protocol: MemberProtocol): boolean {
    return this.support.get(protocol.name) === this.members.size;
  }

  private countProtocols(member: Member, by: 1 | -1): void {
    for (const name of new Set(member.protocols.map((protocol) => protocol.name))) {
      const count = (this.support.get(name) ?? 0) + by;
      if (count === 0) this.support.delete(name);
      else this.support.set(name, count);
    }
  }

  /** What a member is told about the generation that it has joined. */
  joinReply(member: Member): JoinReply {
    const isLeader = member.id === this.leaderId;
    return {
      error: 'NONE',
      memberId: member.id,
      generationId: this.generationId,
      protocolType: this.protocolType,
      protocolName: this.protocolName,
      leader: this.leaderId ?? '',
      skipAssignment: false,
      members: isLeader ? this.membersWithMetadata() : [],
    };
  }

  private membersWithMetadata(): JoinReply['members'] {
    return [...this.members.values()].map((member) => ({
      memberId: member.id,
      groupInstanceId: member.groupInstanceId,
      metadata: member.metadataFor(this.protocolName),
    }));
  }
}

/** Kafka counts votes in Java's HashMap: a table of a power of two, at most three quarters full, that is read by the low bits of mixed hashes. */
function inOrderOfAHashMap(votes: ReadonlyMap<string, number>): [string, number][] {
  let slots = 16;
  while (votes.size > slots * 0.75) slots *= 2;
  const slotOf = (name: string) => {
    const hash = javaHash(name);
    return (hash ^ (hash >>> 16)) & (slots - 1);
  };
  return [...votes].sort(([a], [b]) => slotOf(a) - slotOf(b));
}
