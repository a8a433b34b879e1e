import type { Scenario } from './scenario.ts';
import type { Venue } from './stage.ts';
import type { Entry, Transcript } from './transcript.ts';

/** Scenarios in flight at once: they spend their time waiting, and do not share topics or groups. */
const AT_ONCE = 4;

/** Plays scenarios against the broker at an address. `wanted` says which of them, at which versions. */
export async function play(
  broker: Omit<Venue, 'record'>,
  scenarios: readonly Scenario[],
  wanted: (scenario: Scenario, version: number) => boolean = () => true,
): Promise<Transcript> {
  const started = broker.clock.monotonicMs();
  const runs = scenarios.flatMap((scenario) =>
    versionsOf(scenario)
      .filter((version) => wanted(scenario, version))
      .map((version) => ({ scenario, version, entries: [] as Entry[] })),
  );
  let next = 0;
  const worker = async () => {
    for (let run = runs[next++]; run; run = runs[next++]) {
      const { entries, scenario, version } = run;
      try {
        await scenario.play({ ...broker, record: (entry) => void entries.push(entry) }, version);
      } catch (error) {
        // A scenario that cannot go on shows as a difference of this run; the others still tell something.
        entries.push({ scenario: scenario.name, version, step: 'the scenario broke off', outcome: 'no response', response: String(error) });
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return { entries: runs.flatMap(({ entries }) => entries), runs: runs.length, tookMs: broker.clock.monotonicMs() - started };
}

export function versionsOf(scenario: Scenario): number[] {
  const [first, last] = scenario.versions;
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}
