import { parseDuration } from '../duration.ts';
import { usageError } from '../errors.ts';
import { TOPIC_NAME } from '../topic-spec.ts';

/** Where a group is to go on reading. */
export type ResetTarget =
  | { readonly kind: 'earliest' | 'latest' }
  | { readonly kind: 'offset'; readonly offset: number }
  | { readonly kind: 'shift'; readonly by: number }
  /** At the first record that is as late as this, or later. */
  | { readonly kind: 'time'; readonly timestampMs: number };

export interface TargetFlags {
  readonly toEarliest?: boolean | undefined;
  readonly toLatest?: boolean | undefined;
  readonly toOffset?: string | undefined;
  readonly shiftBy?: string | undefined;
  readonly toDatetime?: string | undefined;
  readonly byDuration?: string | undefined;
}

/** A partition of one topic, or all of them. */
export interface TopicScope {
  readonly topic: string;
  /** null: all. */
  readonly partitions: readonly number[] | null;
}

const ALL_TARGETS = '--to-earliest, --to-latest, --to-offset, --shift-by, --to-datetime or --by-duration';
const MAX_PARTITION = 2 ** 31 - 1; // int32 on the wire
const LONGEST_HOURS = 876_000; // a hundred years
/** Kafka's tool takes days, hours, minutes and seconds, as ISO 8601 writes them. */
const ISO_DURATION = /^P(?=\d|T\d)(?:(\d{1,6})D)?(?:T(?=\d)(?:(\d{1,6})H)?(?:(\d{1,8})M)?(?:(\d{1,10})S)?)?$/;
const DATETIME = /^(\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)?)(Z|[+-]\d\d:?\d\d)?$/;

/** @throws CliError (usage) unless there is exactly one that can be read */
export function parseTarget(flags: TargetFlags, nowMs: number): ResetTarget {
  const { toEarliest, toLatest, toOffset, shiftBy, toDatetime, byDuration } = flags;
  const given = [toEarliest, toLatest, toOffset, shiftBy, toDatetime, byDuration].filter((each) => each !== undefined);
  if (given.length === 0) throw usageError(`where to? add one of ${ALL_TARGETS}`);
  if (given.length > 1) throw usageError(`keep one of ${ALL_TARGETS}`);
  if (toEarliest) return { kind: 'earliest' };
  if (toLatest) return { kind: 'latest' };
  if (toOffset !== undefined) return { kind: 'offset', offset: parseWhole(toOffset, /^\d{1,16}$/, '--to-offset', 'an offset, as in 42') };
  if (shiftBy !== undefined)
    return { kind: 'shift', by: parseWhole(shiftBy, /^[+-]?\d{1,16}$/, '--shift-by', 'a number, as in -10 or 10') };
  if (toDatetime !== undefined) return { kind: 'time', timestampMs: parseDatetime(toDatetime) };
  return { kind: 'time', timestampMs: Math.max(0, nowMs - parseAgo(byDuration!)) };
}

function parseWhole(text: string, form: RegExp, flag: string, what: string): number {
  const number = Number(text.trim());
  if (form.test(text.trim()) && Number.isSafeInteger(number)) return number;
  throw usageError(`${flag} ${text}: write ${what}`);
}

/** Without a zone it is UTC, as for Kafka's tool; a whole number is milliseconds since 1970. */
function parseDatetime(text: string): number {
  const trimmed = text.trim();
  if (/^\d{1,15}$/.test(trimmed)) return Number(trimmed);
  const [, local, zone = 'Z'] = DATETIME.exec(trimmed) ?? [];
  const timestampMs = local === undefined ? Number.NaN : Date.parse(`${local.includes('T') ? local : `${local}T00:00`}${zone}`);
  if (!Number.isNaN(timestampMs) && timestampMs >= 0 && isOfCalendar(local!)) return timestampMs;
  throw usageError(`--to-datetime ${text}: write a time, as in 2026-05-31T14:30:00Z or 2026-05-31T14:30+02:00, or milliseconds since 1970`);
}

/** Date.parse takes February 30 for March 2. */
function isOfCalendar(local: string): boolean {
  const day = local.slice(0, 10);
  return new Date(`${day}T00:00Z`).toISOString().startsWith(day);
}

function parseAgo(text: string): number {
  const iso = ISO_DURATION.exec(text.trim());
  if (!iso) return parseDuration(text, '--by-duration', LONGEST_HOURS);
  const [days = 0, hours = 0, minutes = 0, seconds = 0] = iso.slice(1).map((part) => Number(part ?? 0));
  return (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000;
}

/**
 * `topic` or `topic:0,1,2`, as Kafka's tool writes it.
 * @param flag what stands before each of them on the command line; empty for arguments
 * @throws CliError (usage), also for a topic that is named twice
 */
export function parseScopes(texts: readonly string[], flag = '--topic '): TopicScope[] {
  const scopes = texts.map((text) => parseScope(text, flag));
  const twice = scopes.find(({ topic }, i) => scopes.findIndex((each) => each.topic === topic) !== i);
  if (twice) throw usageError(`${flag}${twice.topic} is given twice; keep one, as in ${flag}${twice.topic}:0,1`);
  return scopes;
}

function parseScope(text: string, flag: string): TopicScope {
  const [topic = '', list, ...rest] = text.split(':');
  const numbers = list?.split(',').map((each) => each.trim());
  const fits = (each: string): boolean => /^\d{1,10}$/.test(each) && Number(each) <= MAX_PARTITION;
  if (!TOPIC_NAME.test(topic) || rest.length > 0 || numbers?.every(fits) === false) {
    const repeat = flag === '' ? '' : `, and repeat ${flag.trim()} for more topics`;
    throw usageError(`${flag}${text}: write topic, or topic:0,1,2 for some of its partitions${repeat}`);
  }
  return { topic, partitions: numbers ? [...new Set(numbers.map(Number))].sort((a, b) => a - b) : null };
}
