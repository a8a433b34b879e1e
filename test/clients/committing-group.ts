import { setTimeout as sleep } from 'node:timers/promises';
import { Connection } from '../../src/client/connection.ts';
import { realClock } from '../../src/core/clock.ts';
import { tcpTransport } from '../../src/core/tcp-transport.ts';
import type { Address } from '../../src/core/transport.ts';
import {
  DeleteGroups,
  FindCoordinator,
  Heartbeat,
  JoinGroup,
  OffsetCommit,
  OffsetDelete,
  OffsetFetch,
  SyncGroup,
} from '../../src/protocol/messages/index.ts';
import { eventually } from '../support/eventually.ts';

/** What a group does besides committing. */
export type GroupKind = 'plain' | 'member' | 'forgetful';

/** A committed offset; null: none. */
type Committed = number | null;

export const GROUP_PARTITIONS = 3;
const SESSION_TIMEOUT_MS = 300_000;
/** So that a broker that was killed always has some of them half done. */
const IN_FLIGHT = 4;
const NONE = 0;
const GROUP_ID_NOT_FOUND = 69;
const UNKNOWN = -1;

/**
 * What a partition may hold after what was sent: the last acknowledged first, then, in their order, those sent since. A broker that is
 * killed may have done any number of these.
 */
class Possible {
  private states: Committed[] = [null];

  sent(state: Committed): void {
    this.states.push(state);
  }

  /** Answers come in the order of the requests; each state is sent once, but "nothing". */
  acknowledged(state: Committed): void {
    const at = this.states.indexOf(state, 1);
    if (at < 0) throw new Error(`${state} was acknowledged, which was not sent`);
    this.states = this.states.slice(at);
  }

  holds(state: Committed): boolean {
    return this.states.includes(state);
  }

  /** From now on only what was found. */
  found(state: Committed): void {
    this.states = [state];
  }

  toString(): string {
    return this.states.join(' or ');
  }
}

/** A group that commits as fast as it is answered, or as it pauses, and knows what the broker must hold for it. */
export class CommittingGroup {
  readonly id: string;
  readonly kind: GroupKind;
  /** Commits that were acknowledged, of all its partitions. */
  commits = 0;
  forgotten = 0;
  private readonly topic: string;
  private readonly random: () => number;
  private readonly pauseMs: number;
  private readonly partitions = Array.from({ length: GROUP_PARTITIONS }, () => new Possible());
  private connection: Connection | null = null;
  private working: Promise<unknown> = Promise.resolve();
  private last = 0;
  private stopping = false;
  private memberId = '';
  private generation = -1;

  /** @param pauseMs after each request; default none */
  constructor(id: string, kind: GroupKind, topic: string, random: () => number, pauseMs = 0) {
    this.id = id;
    this.kind = kind;
    this.topic = topic;
    this.random = random;
    this.pauseMs = pauseMs;
  }

  /** Connects, and waits until the coordinator has loaded what there is. */
  async connect(address: Address): Promise<void> {
    this.connection = await Connection.open(tcpTransport, realClock, address, { clientId: this.id });
    await eventually(async () => {
      const { coordinators } = await this.connection!.request(FindCoordinator, 4, { coordinatorKeys: [this.id] });
      if (coordinators[0]!.errorCode !== NONE) throw new Error(`FindCoordinator: ${coordinators[0]!.errorCode}`);
      await this.fetch();
    });
  }

  /** What the broker holds that it must not, in words; takes what it holds for the truth from now on. */
  async check(): Promise<string[]> {
    const wrong: string[] = [];
    for (const [index, { offset, metadata }] of (await this.fetch()).entries()) {
      const possible = this.partitions[index]!;
      if (!possible.holds(offset)) wrong.push(`${this.id}/${index}: ${offset} was fetched, where ${possible} was committed`);
      const expected = offset === null ? '' : this.metadataOf(index, offset);
      if (metadata !== expected) wrong.push(`${this.id}/${index}: ${offset} came with the metadata ${JSON.stringify(metadata)}`);
      possible.found(offset);
    }
    if (this.kind === 'member' && this.memberId !== '') {
      const member = { groupId: this.id, generationId: this.generation, memberId: this.memberId };
      const alive = await this.connection!.request(Heartbeat, 4, member);
      if (alive.errorCode !== NONE)
        wrong.push(`${this.id}: heartbeat of generation ${this.generation} was answered with ${alive.errorCode}`);
      const later = await this.connection!.request(Heartbeat, 4, { ...member, generationId: this.generation + 1 });
      if (later.errorCode === NONE) wrong.push(`${this.id}: generation ${this.generation + 1} was taken for the living one`);
    }
    return wrong;
  }

  /** Works on until stop(), or until its connection is gone. A member joins first, unless it did before. */
  start(): void {
    this.stopping = false;
    const work = async () => {
      if (this.kind === 'member' && this.generation < 0) await this.join();
      await Promise.all(Array.from({ length: IN_FLIGHT }, () => this.workOn()));
    };
    this.working = work().then(
      () => null,
      (error: unknown) => error,
    );
  }

  /** @throws what went wrong, unless it is that the connection is gone and `killed` says so */
  async stop(killed = false): Promise<void> {
    this.stopping = true;
    const error = await this.working;
    const lost = this.connection!.closedReason() !== null;
    await this.connection!.close();
    if (error && !(killed && lost && /NETWORK_EXCEPTION|is closed/.test(String(error)))) throw error;
  }

  /** Commits once, deletes one partition's offset, and maybe the whole group, for ever. */
  async buryItself(wholly: boolean): Promise<void> {
    await this.commit();
    await this.deleteOffset(0);
    if (wholly) await this.deleteGroup();
  }

  private async workOn(): Promise<void> {
    while (!this.stopping) {
      const chance = this.kind === 'forgetful' ? this.random() : 1;
      if (chance < 0.03) await this.deleteGroup();
      else if (chance < 0.1) await this.deleteOffset(Math.floor(this.random() * GROUP_PARTITIONS));
      else await this.commit();
      if (this.pauseMs > 0) await sleep(this.pauseMs);
    }
  }

  private metadataOf(index: number, offset: number): string {
    return `${this.id}/${index}@${offset}`;
  }

  private async commit(): Promise<void> {
    const offset = ++this.last;
    const partitions = this.partitions.map((_, partitionIndex) => ({
      partitionIndex,
      committedOffset: offset,
      committedMetadata: this.metadataOf(partitionIndex, offset),
    }));
    for (const possible of this.partitions) possible.sent(offset);
    const answer = await this.connection!.request(OffsetCommit, 8, {
      groupId: this.id,
      generationIdOrMemberEpoch: this.generation,
      memberId: this.memberId,
      topics: [{ name: this.topic, partitions }],
    });
    for (const { partitionIndex, errorCode } of answer.topics[0]!.partitions) {
      if (errorCode !== NONE) throw new Error(`${this.id}/${partitionIndex}: a commit was answered with ${errorCode}`);
      this.partitions[partitionIndex]!.acknowledged(offset);
      this.commits++;
    }
  }

  private async deleteOffset(partitionIndex: number): Promise<void> {
    const possible = this.partitions[partitionIndex]!;
    possible.sent(null);
    const topics = [{ name: this.topic, partitions: [{ partitionIndex }] }];
    const answer = await this.connection!.request(OffsetDelete, 0, { groupId: this.id, topics });
    const errorCode = answer.errorCode || answer.topics[0]!.partitions[0]!.errorCode;
    if (errorCode !== NONE && errorCode !== GROUP_ID_NOT_FOUND) throw new Error(`${this.id}: OffsetDelete was answered with ${errorCode}`);
    possible.acknowledged(null);
    this.forgotten++;
  }

  private async deleteGroup(): Promise<void> {
    for (const possible of this.partitions) possible.sent(null);
    const { results } = await this.connection!.request(DeleteGroups, 2, { groupsNames: [this.id] });
    const { errorCode } = results[0]!;
    if (errorCode !== NONE && errorCode !== GROUP_ID_NOT_FOUND) throw new Error(`${this.id}: DeleteGroups was answered with ${errorCode}`);
    for (const possible of this.partitions) possible.acknowledged(null);
    this.forgotten++;
  }

  private async join(): Promise<void> {
    const protocols = [{ name: 'range', metadata: Buffer.alloc(0) }];
    const timeouts = { sessionTimeoutMs: SESSION_TIMEOUT_MS, rebalanceTimeoutMs: SESSION_TIMEOUT_MS };
    const whole = { groupId: this.id, ...timeouts, memberId: '', protocolType: 'consumer', protocols };
    const joined = await this.connection!.request(JoinGroup, 3, whole); // before v4 an unknown member need not join twice
    if (joined.errorCode !== NONE) throw new Error(`${this.id}: JoinGroup was answered with ${joined.errorCode}`);
    const { memberId, generationId } = joined;
    const assignments = [{ memberId, assignment: Buffer.of(1) }];
    const synced = await this.connection!.request(SyncGroup, 3, { groupId: this.id, generationId, memberId, assignments });
    if (synced.errorCode !== NONE) throw new Error(`${this.id}: SyncGroup was answered with ${synced.errorCode}`);
    this.memberId = memberId;
    this.generation = generationId;
  }

  private async fetch(): Promise<{ offset: Committed; metadata: string | null }[]> {
    const partitionIndexes = this.partitions.map((_, index) => index);
    const groups = [{ groupId: this.id, topics: [{ name: this.topic, partitionIndexes }] }];
    const answer = (await this.connection!.request(OffsetFetch, 8, { groups })).groups[0]!;
    if (answer.errorCode !== NONE) throw new Error(`${this.id}: OffsetFetch was answered with ${answer.errorCode}`);
    return answer.topics[0]!.partitions.map(({ committedOffset, metadata }) => ({
      offset: committedOffset === UNKNOWN ? null : Number(committedOffset),
      metadata,
    }));
  }
}
