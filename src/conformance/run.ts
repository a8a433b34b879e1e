import {
  DeleteGroups,
  DescribeGroups,
  FindCoordinator,
  Heartbeat,
  JoinGroup,
  LeaveGroup,
  ListGroups,
  OffsetCommit,
  OffsetDelete,
  OffsetFetch,
  SyncGroup,
} from '../protocol/messages/index.ts';
import { CleanUp } from './clean-up.ts';
import type { Scenario } from './scenario.ts';
import { BROKE_OFF, type Entry, type Transcript } from './transcript.ts';
import type { Venue } from './venue.ts';

/** Scenarios in flight at once: they spend their time waiting, and do not share topics or groups. */
const AT_ONCE = 4;
/** More that break off are no accident. */
const MAX_AGAIN = 40;
/** Runs between two clean-ups. */
const BATCH = 20;
/**
 * The same for scenarios of groups, while which nothing is deleted: when a topic is, Apache Kafka 3.9 forgets every group, of whomever, that has
 * neither members nor offsets, even while somebody joins it.
 */
const QUIET_BATCH = 120;
const GROUP_APIS: ReadonlySet<number> = new Set(
  [
    OffsetCommit,
    OffsetFetch,
    FindCoordinator,
    JoinGroup,
    Heartbeat,
    LeaveGroup,
    SyncGroup,
    DescribeGroups,
    ListGroups,
    DeleteGroups,
    OffsetDelete,
  ].map(({ key }) => key),
);

export interface PlayOptions {
  /** Runs in flight at once; default 4. */
  readonly atOnce?: number;
  /** How long one run may take before it is broken off; default: as long as it likes. */
  readonly timeoutMs?: number;
  /** Aborted: runs under way break off, and no other begins. */
  readonly signal?: AbortSignal;
  /** Deletes the topics and groups of each few runs when they are over. */
  readonly cleansUp?: boolean;
  /** Plays what broke off once more at the end, alone: on a laden machine a member comes too late, and a group goes on without it. */
  readonly triesAgain?: boolean;
  /** Told of each run that is over, with what it recorded. */
  ended?(run: PlayedRun): void;
}

/** One scenario at one version. */
export interface PlayedRun {
  readonly scenario: Scenario;
  readonly version: number;
  readonly entries: readonly Entry[];
  /** Why it could not be played to its end; null: it was. */
  readonly brokeOff: string | null;
  readonly tookMs: number;
}

/** Plays scenarios against the broker at an address. `wanted` says which of them, at which versions. Those that disturb others play last, one at a time. */
export async function play(
  broker: Omit<Venue, 'record' | 'signal' | 'named'>,
  scenarios: readonly Scenario[],
  wanted: (scenario: Scenario, version: number) => boolean = () => true,
  options: PlayOptions = {},
): Promise<Transcript> {
  const { atOnce = AT_ONCE, signal } = options;
  const cleanUp = options.cleansUp ? new CleanUp(broker) : null;
  const started = broker.clock.monotonicMs();
  const runs = scenarios.flatMap((scenario) =>
    versionsOf(scenario)
      .filter((version) => wanted(scenario, version))
      .map((version) => ({ scenario, version, entries: [] as Entry[], names: new Set<string>() })),
  );
  const remove = async (some: readonly Planned[]) => cleanUp?.remove([...new Set(some.flatMap(({ names }) => [...names]))]);
  const again: Planned[] = [];
  for (const { some, workers, isQuiet } of phasesOf(runs, atOnce)) {
    const over: Planned[] = [];
    let removing = Promise.resolve();
    let next = 0;
    const worker = async () => {
      for (let run = some[next++]; run && !signal?.aborted; run = some[next++]) {
        const played = await playRun(broker, run, options);
        if (played.brokeOff && options.triesAgain && !signal?.aborted && again.length < MAX_AGAIN) again.push(run);
        else options.ended?.(played);
        over.push(run);
        if (isQuiet || over.length < BATCH) continue;
        const batch = over.splice(0);
        removing = removing.then(() => remove(batch));
      }
    };
    await Promise.all(Array.from({ length: workers }, worker));
    await removing;
    await remove(over);
  }
  for (const run of again) {
    if (signal?.aborted) break;
    run.entries.length = 0;
    options.ended?.(await playRun({ ...broker, runId: `${broker.runId ?? ''}again-` }, run, options));
  }
  await remove(again);
  await cleanUp?.close();
  return { entries: runs.flatMap(({ entries }) => entries), runs: runs.length, tookMs: broker.clock.monotonicMs() - started };
}

interface Planned {
  readonly scenario: Scenario;
  readonly version: number;
  readonly entries: Entry[];
  readonly names: Set<string>;
}

interface Phase {
  readonly some: readonly Planned[];
  readonly workers: number;
  /** Nothing is deleted before it is over. */
  readonly isQuiet: boolean;
}

/** Runs that may be in flight together; those that disturb others come last. */
function phasesOf(runs: readonly Planned[], workers: number): Phase[] {
  const [quiet, loud] = [false, true].map((disturbs) => runs.filter(({ scenario }) => scenario.disturbs === disturbs));
  const [single, several] = [true, false].map((oneAtATime) =>
    quiet!.filter(({ scenario }) => (scenario.oneAtATime ?? false) === oneAtATime),
  );
  const groups = several!.filter(({ scenario }) => GROUP_APIS.has(scenario.apiKey));
  const rest = several!.filter(({ scenario }) => !GROUP_APIS.has(scenario.apiKey));
  const phases: Phase[] = [{ some: rest, workers, isQuiet: false }];
  for (let at = 0; at < groups.length; at += QUIET_BATCH) phases.push({ some: groups.slice(at, at + QUIET_BATCH), workers, isQuiet: true });
  return [...phases, ...[single!, loud!].map((some) => ({ some, workers: 1, isQuiet: false }))];
}

async function playRun(broker: Omit<Venue, 'record'>, run: Planned, options: PlayOptions): Promise<PlayedRun> {
  const { scenario, version, entries, names } = run;
  const { timeoutMs, signal } = options;
  const ending = new AbortController();
  const end = () => ending.abort(signal?.reason);
  signal?.addEventListener('abort', end, { once: true });
  const late =
    timeoutMs === undefined ? null : broker.clock.after(timeoutMs, () => ending.abort(new Error(`not over after ${timeoutMs} ms`)));
  let brokeOff: string | null = null;
  const started = broker.clock.monotonicMs();
  try {
    const record = (entry: Entry) => {
      if (!ending.signal.aborted) entries.push(entry);
    };
    await scenario.play({ ...broker, signal: ending.signal, record, named: (name) => void names.add(name) }, version);
  } catch (error) {
    // A scenario that cannot go on shows as a difference of this run; the others still tell something.
    brokeOff = String(error);
    entries.push({ scenario: scenario.name, version, step: BROKE_OFF, outcome: 'no response', response: brokeOff });
  } finally {
    late?.cancel();
    signal?.removeEventListener('abort', end);
  }
  return { scenario, version, entries, brokeOff, tookMs: broker.clock.monotonicMs() - started };
}

export function versionsOf({ versions: [first, last] }: Pick<Scenario, 'versions'>): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}
