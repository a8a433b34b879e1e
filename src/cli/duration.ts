import { usageError } from './errors.ts';

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
/** Node's timers end at 24 days; nobody waits that long at a command line. */
const LONGEST_HOURS = 168;

/**
 * A time with its unit, as in 500ms, 30s, 1.5m or 2h.
 * @param flag the option it was given to, for the message
 * @param longestHours the most that is taken
 * @returns whole milliseconds
 * @throws CliError (usage) that says how it is written
 */
export function parseDuration(text: string, flag: string, longestHours = LONGEST_HOURS): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text.trim()) ?? [];
  if (number === undefined || unit === undefined) {
    throw usageError(`${flag} ${text}: write a number and its unit, as in 500ms, 30s or 2m`);
  }
  const ms = Math.round(Number(number) * UNIT_MS[unit]!);
  if (ms > longestHours * 3_600_000) throw usageError(`${flag} ${text}: at most ${longestHours}h`);
  return ms;
}
