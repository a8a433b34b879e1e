import { expect } from 'vitest';
import type { MemberProtocol } from '../../../src/coordinator/group/member.ts';
import type { CommitRequest } from '../../../src/coordinator/group/offsets.ts';
import type { ErrorName } from '../../../src/core/error-codes.ts';
import { KafkaError } from '../../../src/core/errors.ts';
import { type GroupValue, readGroupRecord } from '../../../src/protocol/messages/internal/coordinator-records.ts';
import { type GroupsFixture, TOPIC_ID } from './group-fixture.ts';
import { LONG_SESSION_MS, PARTITIONS, Process, REBALANCE_MS, SHORT_SESSION_MS, type Share, whenAnswered } from './group-process.ts';

export const RETENTION_MS = 300_000;
const SLOTS = 4;
/** Answers that leave open whether the write happened, or will. */
const IN_DOUBT: readonly ErrorName[] = ['COORDINATOR_NOT_AVAILABLE', 'NOT_COORDINATOR', 'COORDINATOR_LOAD_IN_PROGRESS'];

/** A change of one committed offset: to a value, or to none. */
interface Change {
  readonly value: number | undefined;
  outcome: 'acknowledged' | 'in doubt' | 'refused';
}

export interface Claim {
  /** What it says of its generation, relative to the one that it knows. */
  readonly generation: number;
  /** Whether it says its instance id, if it has one. */
  readonly saysInstance: boolean;
}

/** Processes of one group, and what follows from what they were told. */
export class World {
  readonly fixture: GroupsFixture;
  /** The process of each slot, then the one before it, which may not have noticed. */
  readonly processes: Process[];
  readonly acknowledged = { commits: 0, shares: 0, generations: 0 };
  /** Coordinators so far: a rebuilt one may give the number of a generation again that was never stored. */
  era = 0;
  /** The newest generation that this coordinator has told anybody of, or has found in its log. */
  newest = 0;
  /** Member ids that are not members any more: they left, were replaced, or were told so. */
  readonly gone = new Set<string>();
  /** The assignment of each generation, by what members were told. */
  readonly tokens = new Map<number, string>();
  private readonly instanceIds = new Map<string, Set<string>>();
  private readonly owners = new Map<string, string>();
  private readonly protocols = new Map<string, string>();
  readonly changes: Change[][] = Array.from({ length: PARTITIONS }, () => []);
  /** A group that became empty may be so in memory alone, when that write was refused or came late: nobody is left to be misled. */
  mayBeAhead = false;
  /** Monotonic: when this coordinator began; sessions begin with it. */
  rebuiltMs = 0;
  /** What answers have shown to be wrong. */
  readonly failures: unknown[] = [];
  /** The process that last asked for an instance's place. */
  private readonly claimants = new Map<string, Process>();
  private removalsSeen = 0;
  private serial = 0;

  constructor(fixture: GroupsFixture) {
    this.fixture = fixture;
    this.processes = [0, 1, 2, 3].map((slot) => this.newcomer(slot));
  }

  private newcomer(slot: number): Process {
    return new Process(slot >= 2 ? `instance${slot}` : null, slot % 2 === 0);
  }

  get nowMs(): number {
    return this.fixture.clock.monotonicMs();
  }

  process(index: number): Process {
    return this.processes[index] ?? this.processes[index % SLOTS]!;
  }

  /** Another process takes the slot; the old one is not told. */
  supplant(index: number): void {
    const slot = index % SLOTS;
    this.processes[slot + SLOTS] = this.processes[slot]!;
    this.processes[slot] = this.newcomer(slot);
    for (let i = SLOTS; i < slot + SLOTS; i++) this.processes[i] ??= this.processes[i - SLOTS]!;
  }

  disconnect(process: Process): void {
    process.touchedMs = this.nowMs;
    process.connection.abort();
    process.connection = new AbortController();
  }

  /** What anybody would do next. */
  async work(process: Process): Promise<void> {
    if (process.parked > 0) return;
    const truth = { generation: 0, saysInstance: true };
    if (process.phase === 'working') {
      this.heartbeat(process, truth);
      if (process.memberId !== '') await this.commit(process, truth, this.serial % PARTITIONS);
    } else if (process.phase === 'joined') this.sync(process, 0);
    else await this.join(process, ['range'], LONG_SESSION_MS, true);
    await this.fixture.clock.settle();
  }

  async join(process: Process, names: readonly string[], sessionTimeoutMs: number, skips: boolean): Promise<void> {
    if (process.memberId === '') await this.joinOnce(process, names, sessionTimeoutMs, skips);
    if (process.memberId !== '' && process.parked === 0 && process.phase === 'out')
      await this.joinOnce(process, names, sessionTimeoutMs, skips);
  }

  private async joinOnce(process: Process, names: readonly string[], sessionTimeoutMs: number, skips: boolean): Promise<void> {
    this.noticeRemoval();
    const protocols: MemberProtocol[] = names.map((name) => ({ name, metadata: Buffer.from(`subscription by ${name}`) }));
    const wanted = process.memberId;
    const { instance } = process;
    const before = instance !== null && wanted === '' ? [...(this.instanceIds.get(instance) ?? [])] : [];
    if (instance !== null && wanted === '') this.claimants.set(instance, process);
    let refusal: ErrorName | undefined;
    const { memberId } = process;
    const request = {
      groupId: 'g',
      memberId,
      groupInstanceId: instance,
      protocolType: 'consumer',
      protocols,
      sessionTimeoutMs,
      rebalanceTimeoutMs: REBALANCE_MS,
      clientId: 'client',
      clientHost: '/127.0.0.1',
      requireKnownMemberId: process.requireKnownMemberId,
      supportsSkippingAssignment: skips,
    };
    const { signal } = process.connection;
    this.sent(process);
    whenAnswered(this.fixture.groups.join(request, signal), this.failures, (reply, error) => {
      this.received(process);
      refusal = error;
      if (signal.aborted) return; // nobody reads it
      if (error === 'MEMBER_ID_REQUIRED') process.memberId = reply!.memberId;
      if (error === 'UNKNOWN_MEMBER_ID' || error === 'FENCED_INSTANCE_ID') this.forgotten(process, error);
      if (error !== 'NONE') return process.out();
      process.memberId = reply!.memberId;
      if (instance !== null) this.instanceIds.set(instance, (this.instanceIds.get(instance) ?? new Set()).add(reply!.memberId));
      process.generation = reply!.generationId;
      process.leader = reply!.leader;
      process.members = reply!.members;
      process.phase = 'joined';
      process.joinedMs = this.nowMs;
      this.assured(process);
      expect(this.gone, 'a member that is gone was let into a generation').not.toContain(process.memberId);
      expect(reply!.generationId, 'the generation went back').toBeGreaterThanOrEqual(this.newest);
      if (reply!.generationId > this.newest) this.acknowledged.generations++;
      this.newest = reply!.generationId;
      const key = `${this.era}/${reply!.generationId}`;
      expect(reply!.protocolName, 'the protocol of a generation').toBe(this.protocols.get(key) ?? reply!.protocolName);
      this.protocols.set(key, reply!.protocolName!);
    });
    await this.fixture.clock.settle();
    // KIP-345: from now on the instance's place is the newer process's.
    if (refusal !== 'INCONSISTENT_GROUP_PROTOCOL') for (const id of before) if (id !== process.memberId) this.gone.add(id);
  }

  sync(process: Process, older: number): void {
    const { memberId } = process;
    const generationId = process.generation - older;
    const isLeader = process.leader === memberId && process.members.length > 0;
    const assignments = isLeader ? process.shares(`assignment${++this.serial}`) : [];
    const { signal } = process.connection;
    const request = { groupId: 'g', memberId, groupInstanceId: process.instance, generationId, protocolType: null, protocolName: null };
    this.sent(process);
    const isGone = this.gone.has(memberId) || generationId < this.newest;
    whenAnswered(this.fixture.groups.sync({ ...request, assignments }, signal), this.failures, (reply, error) => {
      this.received(process);
      if (error === 'UNKNOWN_MEMBER_ID' || error === 'FENCED_INSTANCE_ID') {
        if (!signal.aborted && process.memberId === memberId) this.forgotten(process, error);
        return;
      }
      if (error !== 'NONE') return process.memberId === memberId && older === 0 ? process.out() : undefined;
      expect(isGone, 'an assignment was given to a member that is gone or of an old generation').toBe(false);
      if (signal.aborted || process.memberId !== memberId || process.generation !== generationId) return;
      process.phase = 'working';
      this.assured(process);
      this.given(process, reply!.assignment);
    });
  }

  /** One generation has one assignment, and each of its members its own part. */
  private given(process: Process, assignment: Buffer): void {
    if (assignment.length === 0 || assignment[0] === 0) return; // the leader did not know of it
    const share = JSON.parse(assignment.toString()) as Share;
    this.acknowledged.shares++;
    expect(share.generation, 'an assignment of another generation').toBe(process.generation);
    expect(share.owner, 'an assignment of another member').toBe(process.instance ?? process.memberId);
    expect(share.token, `generation ${share.generation} has two assignments`).toBe(this.tokens.get(share.generation) ?? share.token);
    this.tokens.set(share.generation, share.token);
    for (const partition of share.partitions) {
      const key = `${share.generation}/${partition}`;
      expect(this.owners.get(key) ?? share.owner, `a second owner of partition ${partition}`).toBe(share.owner);
      this.owners.set(key, share.owner);
    }
  }

  heartbeat(process: Process, claim: Claim): void {
    const { memberId } = process;
    const generationId = process.generation + claim.generation;
    let error: ErrorName = 'NONE';
    try {
      this.fixture.groups.heartbeat({
        groupId: 'g',
        memberId,
        groupInstanceId: claim.saysInstance ? process.instance : null,
        generationId,
      });
    } catch (thrown) {
      if (!(thrown instanceof KafkaError)) throw thrown;
      error = thrown.errorName;
    }
    process.touchedMs = this.nowMs;
    if (error === 'NONE') {
      expect(this.gone.has(memberId) || generationId < this.newest, 'a heartbeat was taken from one that is gone').toBe(false);
      this.assured(process);
    } else if (error === 'UNKNOWN_MEMBER_ID' || error === 'FENCED_INSTANCE_ID') this.forgotten(process, error);
    else if (claim.generation === 0) process.out();
  }

  async leave(leavers: readonly Process[], byInstance: boolean): Promise<void> {
    const members = leavers.map(({ instance, memberId }) => ({
      memberId: byInstance && instance !== null ? '' : memberId,
      groupInstanceId: instance,
    }));
    whenAnswered(this.fixture.groups.leave('g', members), this.failures, () => {});
    for (const process of leavers) {
      if (process.memberId !== '') this.gone.add(process.memberId);
      if ((byInstance || process.memberId === '') && process.instance !== null)
        for (const id of this.instanceIds.get(process.instance) ?? []) this.gone.add(id);
      process.touchedMs = this.nowMs;
    }
  }

  /** @param process null: from outside of the group */
  async commit(process: Process | null, claim: Claim, partition: number): Promise<void> {
    const offset = ++this.serial;
    const generationId = process ? process.generation + claim.generation : -1;
    const memberId = process?.memberId ?? '';
    const known = await this.described();
    const isGone = this.gone.has(memberId);
    const isOld = generationId < this.newest;
    const request: CommitRequest = {
      groupId: 'g',
      memberId,
      groupInstanceId: (claim.saysInstance && process?.instance) || null,
      generationId,
      retentionTimeMs: -1,
      knowsGroupIdNotFound: true,
      topics: [
        { name: 't', topicId: TOPIC_ID, partitions: [{ partition, offset, leaderEpoch: -1, metadata: 'm', commitTimestampMs: -1 }] },
      ],
    };
    if (process) process.touchedMs = this.nowMs;
    const change: Change = { value: offset, outcome: 'in doubt' };
    this.changes[partition]!.push(change);
    whenAnswered(this.fixture.groups.commit(request), this.failures, (_, error) => {
      change.outcome = error === 'NONE' ? 'acknowledged' : IN_DOUBT.includes(error) ? 'in doubt' : 'refused';
      if (error !== 'NONE') return;
      this.acknowledged.commits++;
      if (generationId >= 0) {
        expect({ isGone, isOld }, 'a commit was taken from one that is fenced').toEqual({
          isGone: false,
          isOld: false,
        });
        if (!known) return;
        expect(known.members.map((member) => member.memberId)).toContain(memberId);
        expect(['Stable', 'PreparingRebalance']).toContain(known.state);
      } else if (known) expect(known.state, 'a commit was taken from outside').toBe('Empty');
    });
  }

  deleteOffset(partition: number): void {
    const deleted = this.fixture.groups.deleteOffsets('g', [{ name: 't', partitions: [partition] }]).then(([topic]) => {
      const { error } = topic!.partitions[0]!;
      if (error !== 'NONE') throw new KafkaError(error);
    });
    this.remove([partition], deleted);
  }

  deleteGroup(): void {
    this.remove(
      this.changes.map((_, partition) => partition),
      this.fixture.groups.deleteGroup('g'),
    );
  }

  private remove(partitions: readonly number[], done: Promise<unknown>): void {
    const change: Change = { value: undefined, outcome: 'in doubt' };
    for (const partition of partitions) this.changes[partition]!.push(change);
    whenAnswered(done, this.failures, (_, error) => {
      change.outcome = error === 'NONE' ? 'acknowledged' : IN_DOUBT.includes(error) ? 'in doubt' : 'refused';
    });
  }

  /** What the log may have for a partition: what was acknowledged last, or what was tried after it with an open end. */
  possibleOffsets(partition: number): (number | undefined)[] {
    const changes = this.changes[partition]!;
    const last = changes.findLastIndex(({ outcome }) => outcome === 'acknowledged');
    const open = changes.slice(last + 1).filter(({ outcome }) => outcome === 'in doubt');
    return [changes[last]?.value, ...open.map(({ value }) => value)];
  }

  /** The group as it is shown; undefined while the log is held, for then nobody is answered. */
  async described() {
    if (this.fixture.log.isHeld) return undefined;
    return this.fixture.groups.describe('g').catch(() => ({ state: 'Empty' as const, members: [] as { memberId: string }[] }));
  }

  /** The group as the log has it. */
  stored(): GroupValue | null {
    let value: GroupValue | null = null;
    for (const each of this.fixture.log.records) {
      const record = readGroupRecord(each.key, each.value);
      if (record.kind === 'group') value = record.value;
    }
    return value;
  }

  /** The coordinator begins anew with what the log has; a group that is gone altogether begins at generation 0. */
  rebuilt(): void {
    this.era++;
    this.mayBeAhead = this.fixture.log.refusal !== null;
    this.rebuiltMs = this.nowMs;
    const stored = this.stored();
    this.newest = stored?.generation ?? 0;
    for (const { memberId } of stored?.members ?? []) this.gone.delete(memberId);
    this.removalsSeen = this.removals();
    if (!stored) this.begunAnew();
  }

  /** A group that was deleted, or has expired, begins again at generation 0; also while the log still has to commit that. */
  noticeRemoval(): void {
    const removals = this.removals();
    if (removals > this.removalsSeen) this.begunAnew();
    this.removalsSeen = removals;
  }

  private removals(): number {
    const records = this.fixture.log.appended().map(({ key, value }) => readGroupRecord(key, value));
    return records.filter((record) => record.kind === 'group' && record.value === null).length;
  }

  private begunAnew(): void {
    this.newest = 0;
    this.tokens.clear();
    this.owners.clear();
    this.protocols.clear();
  }

  private sent(process: Process): void {
    process.parked++;
    process.touchedMs = this.nowMs;
  }

  private received(process: Process): void {
    process.parked--;
    process.touchedMs = this.nowMs;
  }

  private assured(process: Process): void {
    process.assuredMs = this.nowMs;
    process.era = this.era;
  }

  /** Told that it is no member. Nobody is told so without a reason. */
  private forgotten(process: Process, error: ErrorName): void {
    const { assuredMs, joinedMs, memberId, phase } = process;
    const isSilent = this.nowMs - assuredMs >= SHORT_SESSION_MS;
    const hasNotSynced = phase === 'joined' && this.nowMs - joinedMs >= REBALANCE_MS;
    const isReplaced = process.instance !== null && this.claimants.get(process.instance) !== process;
    const isExpected = memberId === '' || isReplaced || isSilent || hasNotSynced || process.era !== this.era || this.gone.has(memberId);
    expect(isExpected, `${memberId} was dropped ${this.nowMs - assuredMs} ms after it was heard (${error})`).toBe(true);
    if (memberId !== '') this.gone.add(memberId);
    process.memberId = '';
    process.out();
  }
}
