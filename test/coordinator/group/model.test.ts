import { expect, test } from 'vitest';
import { GroupCoordinator } from '../../../src/coordinator/group/group-coordinator.ts';
import type { ErrorName } from '../../../src/core/error-codes.ts';
import { KafkaError } from '../../../src/core/errors.ts';
import { fakeClock } from '../../../src/core/fake-clock.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import { prng } from '../../support/prng.ts';
import { MemoryCoordinatorLog } from '../memory-coordinator-log.ts';
import { type GroupsFixture, groupsFixture, type TestClient, TOPIC_ID, watch } from './group-fixture.ts';

const PARTITIONS = 6;
const CLIENTS = 4;
const STEPS = 1500;
const SESSION_MS = 10_000;

/** A share as a leader gives it: which assignment it is of, and the partitions. */
interface Share {
  readonly assignment: string;
  readonly partitions: readonly number[];
}

/** A consumer as a real client behaves: it joins, syncs, heartbeats, and joins again when told. */
interface Actor {
  client: TestClient;
  phase: 'out' | 'joining' | 'joined' | 'syncing' | 'working';
  share: Share | null;
  /** What it knows as a leader: everybody, in this generation. */
  members: readonly string[];
  lastContactMs: number;
  /** Coordinators that it has seen since it was last told of its generation. */
  coordinator: number;
}

class Model {
  readonly fixture: GroupsFixture;
  readonly next: () => number;
  readonly actors: Actor[];
  /** Leader of each generation, as every member was told; a restart may use the number of a generation again that was never stored. */
  readonly leaders = new Map<string, string>();
  /** Assignments in the order in which members were first told of them. */
  readonly assignments: string[] = [];
  /** What was committed and acknowledged. */
  readonly committed = new Map<number, number>();
  /** Commits that were sent and neither acknowledged nor refused: they may have happened. */
  readonly inDoubt = new Map<number, Set<number>>();
  coordinator = 0;
  offset = 0;
  commits = 0;

  constructor(fixture: GroupsFixture, seed: number) {
    this.fixture = fixture;
    this.next = prng(seed);
    this.actors = Array.from({ length: CLIENTS }, () => this.newcomer());
  }

  newcomer(): Actor {
    const client = this.fixture.client({ sessionTimeoutMs: SESSION_MS, rebalanceTimeoutMs: 30_000 });
    return { client, phase: 'out', share: null, members: [], lastContactMs: 0, coordinator: this.coordinator };
  }

  pick(n: number): number {
    return Math.floor(this.next() * n);
  }

  async step(): Promise<void> {
    const actor = this.actors[this.pick(CLIENTS)]!;
    const dice = this.next();
    if (dice < 0.75) await this.act(actor);
    else if (dice < 0.88) await this.fixture.clock.advance(this.pick(3000));
    else if (dice < 0.91) this.die(actor);
    else if (dice < 0.93) await this.leave(actor);
    else if (dice < 0.94) await this.restart();
    else if (dice < 0.95) this.lose();
    else if (dice < 0.97) this.fixture.log.isHeld = true;
    else this.fixture.log.commit();
    await this.fixture.clock.settle();
    await this.checkReplay();
  }

  async act(actor: Actor): Promise<void> {
    switch (actor.phase) {
      case 'out':
        return this.join(actor);
      case 'joined':
        return this.sync(actor);
      case 'working':
        return this.next() < 0.3 ? this.commit(actor) : this.heartbeat(actor);
      default: // waits for an answer
    }
  }

  /** Told to forget who it was. Allowed only for a reason. */
  forgotten(actor: Actor): void {
    const silentMs = this.fixture.clock.monotonicMs() - actor.lastContactMs;
    const isExpected = silentMs >= SESSION_MS || actor.coordinator !== this.coordinator;
    expect(isExpected, `${actor.client.memberId} was dropped ${silentMs} ms after its last request`).toBe(true);
    actor.client.memberId = '';
    this.out(actor);
  }

  out(actor: Actor): void {
    actor.phase = 'out';
    actor.share = null;
  }

  contact(actor: Actor): void {
    actor.lastContactMs = this.fixture.clock.monotonicMs();
  }

  /** What an answer other than success makes of its receiver; a late answer to a dead one makes nothing. */
  refused(actor: Actor, error: ErrorName): void {
    if (error === 'UNKNOWN_MEMBER_ID') this.forgotten(actor);
    else if (error === 'COORDINATOR_LOAD_IN_PROGRESS' && actor.phase !== 'joining' && actor.phase !== 'syncing') return;
    else this.out(actor);
  }

  async join(actor: Actor): Promise<void> {
    const { client } = actor;
    actor.phase = 'joining';
    const isFresh = client.memberId === '';
    const waiting = await client.join();
    if (isFresh) {
      this.contact(actor);
      actor.coordinator = this.coordinator;
    }
    this.whenAnswered(actor, waiting, (reply) => {
      if (typeof reply === 'string' || reply.error !== 'NONE') {
        this.refused(actor, typeof reply === 'string' ? reply : reply.error);
        return;
      }
      const key = `${this.coordinator}/${reply.generationId}`;
      expect(reply.leader, `leader of generation ${key}`).toBe(this.leaders.get(key) ?? reply.leader);
      this.leaders.set(key, reply.leader);
      expect(reply.members.length > 0).toBe(reply.memberId === reply.leader);
      actor.members = reply.members.map(({ memberId }) => memberId);
      actor.phase = 'joined';
      actor.coordinator = this.coordinator;
      actor.lastContactMs = client.joinedAtMs; // its session runs from the answer
    });
  }

  async sync(actor: Actor): Promise<void> {
    const { client } = actor;
    actor.phase = 'syncing';
    const assignment = `${this.coordinator}/${client.generationId}/${client.memberId}/${this.next()}`;
    const shares = Object.fromEntries(
      actor.members.map((memberId, i) => {
        const partitions = Array.from({ length: PARTITIONS }, (_, p) => p).filter((p) => p % actor.members.length === i);
        return [memberId, JSON.stringify({ assignment, partitions })];
      }),
    );
    const waiting = client.sync(shares);
    this.whenAnswered(actor, waiting, (reply) => {
      if (typeof reply === 'string' || reply.error !== 'NONE') {
        this.refused(actor, typeof reply === 'string' ? reply : reply.error);
        return;
      }
      actor.share = JSON.parse(reply.assignment.toString()) as Share;
      actor.phase = 'working';
      if (this.assignments.at(-1) !== actor.share.assignment) {
        expect(this.assignments).not.toContain(actor.share.assignment); // an assignment that was replaced never comes back
        this.assignments.push(actor.share.assignment);
      }
      this.expectSharesAreDisjoint();
    });
  }

  expectSharesAreDisjoint(): void {
    const current = this.actors.filter(({ share }) => share?.assignment === this.assignments.at(-1));
    const owned = current.flatMap(({ share }) => share!.partitions);
    expect(new Set(owned).size, 'a partition has two owners').toBe(owned.length);
  }

  heartbeat(actor: Actor): void {
    const error = actor.client.heartbeat();
    if (error === 'NONE') this.contact(actor);
    else this.refused(actor, error);
  }

  commit(actor: Actor): void {
    const { client, share } = actor;
    const partition = share!.partitions[0];
    if (partition === undefined) return;
    const offset = ++this.offset;
    const doubt = this.inDoubt.get(partition) ?? new Set();
    this.inDoubt.set(partition, doubt.add(offset));
    const sentMs = this.fixture.clock.monotonicMs();
    const isCurrent = share!.assignment === this.assignments.at(-1);
    const waiting = client.commit(offset, {
      topics: [{ name: 't', topicId: TOPIC_ID, partitions: [{ partition, offset, leaderEpoch: -1, metadata: '', commitTimestampMs: -1 }] }],
    });
    this.whenAnswered(actor, waiting as { reply: ErrorName | undefined }, (error) => {
      if (error === 'NONE') {
        expect(isCurrent, 'a commit was taken from a member of an older assignment').toBe(true);
        this.commits++;
        // Answers come in the order of the log: what was in doubt before this one is overwritten.
        for (const other of doubt) if (other <= offset) doubt.delete(other);
        this.committed.set(partition, offset);
        actor.lastContactMs = Math.max(actor.lastContactMs, sentMs);
      } else if (error !== 'COORDINATOR_NOT_AVAILABLE' && error !== 'NOT_COORDINATOR') {
        doubt.delete(offset);
        if (actor.phase === 'working') this.refused(actor, error);
      }
    });
  }

  /** The process is killed: its connection breaks and another one takes its place. */
  die(actor: Actor): void {
    this.replace(actor);
    actor.client.disconnect();
  }

  async leave(actor: Actor): Promise<void> {
    if (actor.client.memberId === '') return;
    this.replace(actor);
    await Promise.race([actor.client.leave(), this.fixture.clock.settle()]);
  }

  replace(actor: Actor): void {
    this.actors[this.actors.indexOf(actor)] = this.newcomer();
  }

  async restart(): Promise<void> {
    this.lose();
    this.coordinator++;
    await this.fixture.restart();
  }

  /** The log loses what it has not committed: the coordinator begins anew from what it has. */
  lose(): void {
    if (this.fixture.log.pending() > 0) this.coordinator++;
    this.fixture.log.fail(new KafkaError('NOT_LEADER_OR_FOLLOWER'));
  }

  whenAnswered<T>(actor: Actor, waiting: { reply: T | undefined }, then: (reply: T) => void): void {
    const check = () => {
      if (!this.actors.includes(actor)) return true;
      if (waiting.reply === undefined) return false;
      then(waiting.reply);
      return true;
    };
    this.waits.push(check);
  }
  private waits: (() => boolean)[] = [];

  answers(): void {
    const waits = this.waits;
    this.waits = [];
    for (const check of waits) if (!check()) this.waits.push(check);
  }

  /** A coordinator that reads the log now agrees with the living one on everything that the living one says. */
  async checkReplay(): Promise<void> {
    this.answers();
    if (this.fixture.log.isHeld) return;
    const clock = fakeClock();
    const log = new MemoryCoordinatorLog();
    log.records.push(...this.fixture.log.records);
    const shadow = new GroupCoordinator({ openLog: async () => log, config: () => this.fixture.config, clock, logger: silentLogger });
    await shadow.load(0);
    await this.fixture.groups.load(0).catch(() => {});
    if (this.fixture.log.pending() === 0) {
      const offsets = await shadow.fetchOffsets('g', null);
      expect(await this.fixture.groups.fetchOffsets('g', null)).toEqual(offsets);
      for (const [partition, offset] of this.committed) {
        const stored = offsets[0]!.partitions.find((each) => each.partition === partition)!.committed!.offset;
        expect([offset, ...(this.inDoubt.get(partition) ?? [])], 'an acknowledged commit is gone').toContain(stored);
      }
    }
    for (const { client, phase } of this.actors) {
      if (phase !== 'working') continue;
      const living = client.sync();
      const request = { groupId: 'g', memberId: client.memberId, groupInstanceId: null, generationId: client.generationId };
      const replayed = watch(
        shadow.sync({ ...request, protocolType: null, protocolName: null, assignments: [] }, new AbortController().signal),
      );
      await this.fixture.clock.settle();
      if (typeof living.reply === 'object' && living.reply.error === 'NONE') expect(replayed.reply).toEqual(living.reply);
    }
    shadow.close();
  }
}

test.each([1, 2, 3, 4, 5, 6])(
  'whatever members and coordinators do, a partition has one owner and no commit is lost (seed %i)',
  async (seed) => {
    const fixture = await groupsFixture({ initialRebalanceDelayMs: seed % 2 === 0 ? 0 : 1000 });
    const model = new Model(fixture, seed);
    for (let step = 0; step < STEPS; step++) await model.step();
    // The run has seen what it is about.
    expect(model.assignments.length).toBeGreaterThan(2);
    expect(model.commits).toBeGreaterThan(2);
    fixture.log.commit();
    fixture.groups.close();
    await fixture.clock.settle();
    expect(fixture.clock.pending()).toBe(0);
  },
);
