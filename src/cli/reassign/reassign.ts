import type { BootstrapConnection } from '../bootstrap.ts';
import { type ClientFlags, refused, type Surroundings, withBroker, writeJson } from '../broker-session.ts';
import { CliError, usageError } from '../errors.ts';
import { keyOf, type TopicPartition } from '../groups/group-offsets.ts';
import { nameSome, partitionsNamed } from '../groups/reset-plan.ts';
import { parseScopes, type TopicScope } from '../groups/reset-target.ts';
import { writeTable } from '../output.ts';
import { type PlanFile, type PlannedPartition, parseReplicas, planByHand, readPlan, whereTheyAre } from './plan.ts';
import { alterReassignments, listReassignments, type MovingPartition, type Outcomes } from './requests.ts';

export interface ReassignFlags extends ClientFlags {
  /** A file. */
  readonly plan?: string | undefined;
  /** Broker ids, parted by commas. */
  readonly replicas?: string | undefined;
  readonly execute?: boolean | undefined;
  readonly dryRun?: boolean | undefined;
  readonly verify?: boolean | undefined;
  readonly cancel?: boolean | undefined;
}

/** What is asked for: partitions with the replicas that they are to have, or topics alone. */
interface Wish {
  readonly plan: readonly PlannedPartition[] | null;
  readonly scopes: readonly TopicScope[];
  readonly replicas: readonly number[] | null;
}

/** Shows where replicas would be; with --execute has them moved. --verify tells how far that is, --cancel takes it back. */
export async function reassign(topics: readonly string[], flags: ReassignFlags, around: Surroundings): Promise<void> {
  const wish = parseWish(topics, flags);
  await withBroker(flags, around, async (broker) => {
    if (flags.verify) return verify(broker, wish, flags, around);
    if (flags.cancel) return cancel(broker, wish, flags, around);
    const plan = await plannedBy(broker, wish);
    if (!plan) throw usageError('where to? add --replicas with broker ids, or give a --plan');
    return move(broker, plan, flags, around);
  });
}

/** @throws CliError (usage) */
function parseWish(topics: readonly string[], flags: ReassignFlags): Wish {
  const { plan, replicas } = flags;
  const actions = (['execute', 'dryRun', 'verify', 'cancel'] as const).filter((each) => flags[each]);
  if (actions.length > 1) throw usageError('keep one of --execute, --dry-run, --verify and --cancel');
  if (plan !== undefined && (topics.length > 0 || replicas !== undefined))
    throw usageError('the --plan names topics and replicas; leave out others');
  if (replicas !== undefined && topics.length === 0) throw usageError('--replicas of which topic? name it, as in orders or orders:0,1');
  if (plan === undefined && topics.length === 0 && !flags.verify)
    throw usageError('which partitions? name topics, as in orders or orders:0,1, or give a --plan');
  if (replicas !== undefined && flags.cancel) throw usageError('--cancel brings replicas back to where they were; leave out --replicas');
  return {
    plan: plan === undefined ? null : readPlan(plan),
    scopes: parseScopes(topics, ''),
    replicas: replicas === undefined ? null : parseReplicas(replicas),
  };
}

/** null: only topics were named, without replicas. */
async function plannedBy(broker: BootstrapConnection, { plan, scopes, replicas }: Wish): Promise<readonly PlannedPartition[] | null> {
  return plan ?? (replicas && planByHand(broker, scopes, replicas));
}

async function move(broker: BootstrapConnection, plan: readonly PlannedPartition[], flags: ReassignFlags, around: Surroundings) {
  const { out, err } = around;
  const current = await whereTheyAre(broker, plan);
  const planned = new Map(plan.map((each) => [keyOf(each), each.replicas]));
  const moves = current.map((each) => ({ ...each, replicas: planned.get(keyOf(each))! }));
  const outcomes = flags.execute
    ? await alterReassignments(broker, moves).catch((error: unknown) => {
        throw refused(error, 'no partition was moved');
      })
    : null;
  if (flags.json) {
    const partitions = current.map((each, i) => ({
      topic: each.topic,
      partition: each.partition,
      currentReplicas: each.replicas,
      newReplicas: moves[i]!.replicas,
      error: outcomes?.get(keyOf(each))?.message ?? null,
    }));
    writeJson(out, { executed: outcomes !== null, partitions, wayBack: planFile(current) });
  } else {
    const rows = current.map((each, i) => [each.topic, each.partition, each.replicas.join(','), moves[i]!.replicas.join(',')]);
    writeTable(out, ['Topic', 'Partition', 'Replicas', 'New replicas'], rows);
  }
  if (outcomes) {
    requireAll(outcomes, moves, 'moved');
    if (out.isTerminal && !flags.json) {
      out.line(`Moving ${count(moves)}; --verify tells how far that is. The way back, as a --plan:`);
      out.line(JSON.stringify(planFile(current)));
    }
  } else if (!flags.json) {
    (out.isTerminal ? out : err).line('Nothing was moved: this is the plan. Add --execute to carry it out.');
  }
}

type Standing = 'done' | 'moving' | 'not as planned';

/** @throws CliError while something is not done, for scripts that wait */
async function verify(broker: BootstrapConnection, wish: Wish, flags: ReassignFlags, { out }: Surroundings): Promise<void> {
  const plan = await plannedBy(broker, wish);
  const asked = plan ?? (wish.scopes.length > 0 ? await partitionsNamed({ bootstrap: broker }, wish.scopes) : null);
  const moving = new Map((await listReassignments(broker, asked)).map((each) => [keyOf(each), each]));
  // What is no longer on the move when it is asked for is where it is now.
  const current = plan ? new Map((await whereTheyAre(broker, plan)).map((each) => [keyOf(each), each.replicas])) : null;
  const partitions = (plan ?? [...moving.values()]).map(({ topic, partition, replicas }) => {
    const key = keyOf({ topic, partition });
    const under = moving.get(key);
    const isThere = current === null || String(current.get(key)) === String(replicas);
    const standing: Standing = under ? 'moving' : isThere ? 'done' : 'not as planned';
    return { topic, partition, standing, replicas: under?.replicas ?? current?.get(key) ?? replicas, ...changesOf(under) };
  });
  if (flags.json) writeJson(out, { done: partitions.every(({ standing }) => standing === 'done'), partitions });
  else {
    const rows = partitions.map((each) => [
      each.topic,
      each.partition,
      each.standing,
      ...[each.replicas, each.adding, each.removing].map(ids),
    ]);
    if (rows.length > 0) writeTable(out, ['Topic', 'Partition', 'State', 'Replicas', 'Joining', 'Leaving'], rows);
    else if (out.isTerminal) out.line('Nothing is being moved.');
  }
  const open = partitions.filter(({ standing }) => standing !== 'done');
  const strays = open.filter(({ standing }) => standing === 'not as planned');
  if (strays.length > 0) throw new CliError(`not as planned, and not on the move: ${nameSome(strays)}`);
  if (open.length > 0) throw new CliError(`${count(open)} of ${partitions.length} still on the move`);
}

async function cancel(broker: BootstrapConnection, wish: Wish, flags: ReassignFlags, { out }: Surroundings): Promise<void> {
  const asked = wish.plan ?? (await partitionsNamed({ bootstrap: broker }, wish.scopes));
  const moving = await listReassignments(broker, asked);
  const outcomes = await alterReassignments(
    broker,
    moving.map(({ topic, partition }) => ({ topic, partition, replicas: null })),
  ).catch((error: unknown) => {
    throw refused(error, 'no move was taken back');
  });
  for (const [key, error] of outcomes) if (error?.errorName === 'NO_REASSIGNMENT_IN_PROGRESS') outcomes.delete(key); // it has just ended
  if (flags.json) writeJson(out, { cancelled: moving.filter((each) => outcomes.get(keyOf(each)) === null).map(nameOf) });
  else if (moving.length === 0) out.line('Nothing is being moved.');
  else out.line(`Took back the move of ${count(moving)}: ${nameSome(moving)}.`);
  requireAll(outcomes, moving, 'taken back');
}

/** @throws CliError that names the partitions that were refused */
function requireAll(outcomes: Outcomes, partitions: readonly TopicPartition[], what: string): void {
  const failed = partitions.filter((each) => outcomes.get(keyOf(each)));
  if (failed.length === 0) return;
  const reason = outcomes.get(keyOf(failed[0]!))!.message;
  throw new CliError(`${count(failed)} of ${partitions.length} not ${what}: ${nameSome(failed)}: ${reason}`);
}

const planFile = (partitions: readonly PlannedPartition[]): PlanFile => ({ version: 1, partitions });
const count = ({ length }: readonly unknown[]): string => `${length} ${length === 1 ? 'partition' : 'partitions'}`;
const ids = (brokers: readonly number[]): string => brokers.join(',') || '-';
const nameOf = ({ topic, partition }: TopicPartition): TopicPartition => ({ topic, partition });
const changesOf = (moving: MovingPartition | undefined) => ({ adding: moving?.adding ?? [], removing: moving?.removing ?? [] });
