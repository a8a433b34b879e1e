import fc from 'fast-check';
import { expect, test } from 'vitest';
import { GroupCoordinator } from '../../../src/coordinator/group/group-coordinator.ts';
import { KafkaError } from '../../../src/core/errors.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import { MemoryCoordinatorLog } from '../memory-coordinator-log.ts';
import { groupsFixture } from './group-fixture.ts';
import { LONG_SESSION_MS, PARTITIONS, REBALANCE_MS, SHORT_SESSION_MS } from './group-process.ts';
import { RETENTION_MS, World } from './group-world.ts';

const RUNS = Number(process.env.MINIKAFKA_GROUP_RUNS ?? 100);
const COMMANDS = Number(process.env.MINIKAFKA_GROUP_COMMANDS ?? 40);
const SEED = process.env.MINIKAFKA_GROUP_SEED;

const who = fc.nat(7);
const claim = fc.record({ generation: fc.constantFrom(0, 0, 0, -1, 1), saysInstance: fc.constantFrom(true, true, false) });
const op = <const D extends string>(name: D) => ({ do: fc.constant(name) });

const command = fc.oneof(
  { weight: 8, arbitrary: fc.record({ ...op('work'), who }) },
  { weight: 5, arbitrary: fc.record({ ...op('converge'), slots: fc.integer({ min: 1, max: 15 }) }) },
  {
    weight: 5,
    arbitrary: fc.record({
      ...op('join'),
      who,
      protocols: fc.constantFrom(['range'], ['range', 'sticky'], ['sticky', 'range'], ['sticky']),
      sessionMs: fc.constantFrom(SHORT_SESSION_MS, LONG_SESSION_MS),
      skips: fc.boolean(),
    }),
  },
  { weight: 4, arbitrary: fc.record({ ...op('sync'), who, older: fc.constantFrom(0, 0, 0, 1) }) },
  { weight: 3, arbitrary: fc.record({ ...op('heartbeat'), who, claim }) },
  { weight: 5, arbitrary: fc.record({ ...op('commit'), who: fc.option(who, { freq: 6 }), claim, partition: fc.nat(PARTITIONS - 1) }) },
  { weight: 2, arbitrary: fc.record({ ...op('leave'), who: fc.array(who, { minLength: 1, maxLength: 3 }), byInstance: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ ...op('disconnect'), who }) },
  { weight: 3, arbitrary: fc.record({ ...op('supplant'), who, isNoticed: fc.boolean() }) },
  {
    weight: 6,
    arbitrary: fc.record({
      ...op('wait'),
      ms: fc.constantFrom(1, 1000, 3000, 5000, SHORT_SESSION_MS, LONG_SESSION_MS - 1, LONG_SESSION_MS, REBALANCE_MS, RETENTION_MS),
    }),
  },
  { weight: 1, arbitrary: fc.record({ ...op('delete group') }) },
  { weight: 1, arbitrary: fc.record({ ...op('delete offset'), partition: fc.nat(PARTITIONS - 1) }) },
  { weight: 2, arbitrary: fc.record({ ...op('hold') }) },
  { weight: 3, arbitrary: fc.record({ ...op('commit log') }) },
  { weight: 1, arbitrary: fc.record({ ...op('lose') }) },
  { weight: 1, arbitrary: fc.record({ ...op('refuse') }) },
  { weight: 2, arbitrary: fc.record({ ...op('restart'), keepsPending: fc.boolean() }) },
);
type Command = typeof command extends fc.Arbitrary<infer C> ? C : never;

async function perform(world: World, c: Command): Promise<void> {
  const { fixture } = world;
  switch (c.do) {
    case 'work':
      return world.work(world.process(c.who));
    case 'converge':
      for (let round = 0; round < 3; round++) {
        for (const slot of [0, 1, 2, 3]) if (c.slots & (1 << slot)) await world.work(world.process(slot));
        await fixture.clock.advance(1);
      }
      return;
    case 'join': {
      const joining = world.process(c.who);
      joining.out();
      return joining.parked > 0 ? undefined : world.join(joining, c.protocols, c.sessionMs, c.skips);
    }
    case 'sync':
      return world.process(c.who).memberId === '' ? undefined : world.sync(world.process(c.who), c.older);
    case 'heartbeat':
      return world.process(c.who).memberId === '' ? undefined : world.heartbeat(world.process(c.who), c.claim);
    case 'commit':
      return world.commit(c.who === null ? null : world.process(c.who), c.claim, c.partition);
    case 'leave':
      return world.leave(
        c.who.map((each) => world.process(each)),
        c.byInstance,
      );
    case 'disconnect':
      return world.disconnect(world.process(c.who));
    case 'supplant':
      if (!c.isNoticed) world.disconnect(world.process(c.who % 4));
      return world.supplant(c.who);
    case 'wait':
      return fixture.clock.advance(c.ms);
    case 'delete group':
      return world.deleteGroup();
    case 'delete offset':
      return world.deleteOffset(c.partition);
    case 'hold':
      fixture.log.isHeld = true;
      return;
    case 'commit log':
      return fixture.log.commit();
    case 'refuse':
      fixture.log.refusal = new KafkaError('NOT_ENOUGH_REPLICAS');
      world.mayBeAhead = true;
      return;
    case 'lose':
      return lose(world);
    case 'restart':
      if (c.keepsPending) fixture.log.commit();
      else await lose(world);
      await fixture.clock.settle();
      await fixture.restart();
      return world.rebuilt();
  }
}

/** The log gives up what it has not committed: the coordinator begins anew from what it has. */
async function lose(world: World): Promise<void> {
  const { fixture } = world;
  const isLost = fixture.log.pending() > 0;
  fixture.log.fail(new KafkaError('NOT_LEADER_OR_FOLLOWER'));
  await fixture.clock.settle();
  await fixture.groups.load(0);
  if (isLost) world.rebuilt();
}

/**
 * What a coordinator that reads the log now shows, and what the living one shows. Stored are: offsets, at each commit; the group with its
 * generation, protocol, members and assignments, when an assignment is made, a static member is replaced, or the last member goes. In
 * between (a rebalance) the log has the generation before.
 */
async function compareWithReplay(world: World): Promise<void> {
  const { fixture } = world;
  if (world.failures.length > 0) throw world.failures[0];
  world.noticeRemoval();
  if (fixture.log.isHeld) return;
  const log = new MemoryCoordinatorLog();
  log.records.push(...fixture.log.records);
  const { clock, groups } = fixture;
  const replayed = new GroupCoordinator({
    openLog: async () => log,
    requireLeader: () => {},
    config: () => fixture.config,
    clock,
    logger: silentLogger,
  });
  await replayed.load(0);
  const offsets = await replayed.fetchOffsets('g', null);
  expect(await groups.fetchOffsets('g', null)).toEqual(offsets);
  const partitions = new Map((offsets[0]?.partitions ?? []).map(({ committed, partition }) => [partition, committed?.offset]));
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const possible = world.possibleOffsets(partition);
    if (world.nowMs >= RETENTION_MS) possible.push(undefined);
    expect(possible, `what is committed for partition ${partition}`).toContain(partitions.get(partition));
  }
  const living = await groups.describe('g').catch(() => null);
  const stored = world.stored();
  if (!living) world.newest = 0;
  if (living?.state === 'Stable' || (living?.state === 'Empty' && !world.mayBeAhead)) {
    if (stored || living.state === 'Stable') expect(await replayed.describe('g')).toEqual(living);
    if (living.state === 'Stable') expect(stored!.generation, 'the stored generation').toBe(world.newest);
  }
  if (!living) expect(await replayed.list()).toEqual([]);
  // What a member was told is in the log, or another generation has taken its place.
  const told = stored && world.tokens.get(stored.generation);
  if (told) for (const { assignment } of stored.members) if (assignment[0] !== 0) expect(assignment.toString()).toContain(`"${told}"`);
  expect(stored?.generation ?? 0).toBeGreaterThanOrEqual(Math.max(0, ...world.tokens.keys()));
  if (living) expectNobodyOverstays(world, living.members.map(({ memberId }) => memberId)); // biome-ignore format: short
  replayed.close();
}

/** Who has been silent for its session is no member any more. */
function expectNobodyOverstays(world: World, memberIds: readonly string[]): void {
  const isSilent = ({ parked, touchedMs }: { parked: number; touchedMs: number }, ms: number) =>
    parked === 0 && world.nowMs - Math.max(touchedMs, world.rebuiltMs) >= ms;
  for (const each of world.processes) {
    // A static member's session also begins anew with each generation that it is part of.
    if (each && each.instance === null && isSilent(each, LONG_SESSION_MS)) expect(memberIds).not.toContain(each.memberId);
  }
  if (world.processes.every((each) => !each || isSilent(each, 90_000))) expect(memberIds).toEqual([]);
}

test(
  'whatever members, the log and coordinators do, a partition has one owner in a generation, who is fenced commits nothing, and the log has it all',
  async () => {
    const seen = { commits: 0, shares: 0, generations: 0 };
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(0, 1000),
        fc.array(command, { minLength: 1, maxLength: COMMANDS, size: 'max' }),
        async (initialRebalanceDelayMs, commands) => {
          const fixture = await groupsFixture({ initialRebalanceDelayMs, retentionMs: RETENTION_MS, expiryCheckIntervalMs: 20_000 });
          const world = new World(fixture);
          for (const each of commands) {
            await perform(world, each);
            await fixture.clock.settle();
            await compareWithReplay(world);
          }
          fixture.log.commit();
          await fixture.clock.settle();
          await compareWithReplay(world);
          fixture.groups.close();
          await fixture.clock.settle();
          expect(fixture.clock.pending()).toBe(0);
          for (const key of ['commits', 'shares', 'generations'] as const) seen[key] += world.acknowledged[key];
        },
      ),
      { numRuns: RUNS, ...(SEED && { seed: Number(SEED) }) },
    );
    // The runs have seen what they are about.
    for (const [what, count] of Object.entries(seen)) expect(count / RUNS, what).toBeGreaterThan(0.5);
  },
  20_000 + RUNS * COMMANDS * 20,
);
