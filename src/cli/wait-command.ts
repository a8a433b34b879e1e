import { type ErrorName, errorNameOf } from '../core/error-codes.ts';
import { KafkaError } from '../core/errors.ts';
import { stayAlive } from '../core/stay-alive.ts';
import { Metadata } from '../protocol/messages/index.ts';
import type { ResponseOf } from '../protocol/schema.ts';
import { addressOf, BootstrapConnection, NoBrokerError, parseBootstrapServers } from './bootstrap.ts';
import { type ClientFlags, type Surroundings, say } from './broker-session.ts';
import { parseDuration } from './duration.ts';
import { CliError, messageOf, usageError } from './errors.ts';
import { metadataRequest } from './metadata-request.ts';
import type { Output } from './output.ts';
import { TOPIC_NAME } from './topic-spec.ts';

export interface WaitFlags extends ClientFlags {
  /** A duration. */
  readonly timeout: string;
  /** `name[:partitions]` each. */
  readonly topic?: readonly string[] | undefined;
}

/** A topic that has to be there, with a leader for each partition. */
interface WantedTopic {
  readonly name: string;
  /** At least so many. */
  readonly partitions: number;
}

const PAUSE_MS = 100;
/** Partitions that one line names. */
const MAX_NAMED = 5;

/**
 * Asks until a broker answers and every topic can be used; no topic is created by being asked for.
 * @throws CliError at the timeout: what was missing when it was last asked
 */
export async function wait(flags: WaitFlags, { out, transport, clock }: Omit<Surroundings, 'err'>): Promise<void> {
  const servers = parseBootstrapServers(flags.bootstrapServer);
  const topics = (flags.topic ?? []).map(parseWanted);
  const timeoutMs = parseDuration(flags.timeout, '--timeout');
  if (timeoutMs === 0) throw usageError(`--timeout ${flags.timeout}: wait for 1ms at least`);
  const startMs = clock.monotonicMs();
  const deadlineMs = startMs + timeoutMs;
  const release = stayAlive();
  let broker: BootstrapConnection | null = null;
  let missing: readonly string[] = [];
  try {
    while (missing.length === 0 || clock.monotonicMs() < deadlineMs) {
      // What the deadline cuts short knows less than the question before it.
      const isCutShort = deadlineMs - clock.monotonicMs() < PAUSE_MS;
      try {
        broker ??= await BootstrapConnection.open(servers, transport, clock, deadlineMs);
        missing = await missingAt(broker, topics, Math.max(1, deadlineMs - clock.monotonicMs()));
        if (missing.length === 0) {
          sayReady(broker, topics, clock.monotonicMs() - startMs, flags, out);
          return;
        }
      } catch (error) {
        await broker?.close();
        broker = null;
        const reason = reasonOf(error);
        if (missing.length === 0 || (!isCutShort && clock.monotonicMs() < deadlineMs)) missing = [reason];
      }
      const pauseMs = Math.min(PAUSE_MS, Math.max(0, deadlineMs - clock.monotonicMs()));
      await new Promise<void>((resolve) => void clock.after(pauseMs, resolve));
    }
    throw new CliError(`not ready after ${flags.timeout.trim()}: ${missing.join('; ')}`);
  } finally {
    release();
    await broker?.close();
  }
}

function sayReady(broker: BootstrapConnection, topics: readonly WantedTopic[], waitedMs: number, flags: WaitFlags, out: Output): void {
  const address = addressOf(broker.address);
  const names = topics.map(({ name }) => name);
  const what = names.length > 0 ? `, with ${names.map((name) => `"${name}"`).join(', ')}` : '';
  say(flags, { out }, { address, topics: names, waitedMs: Math.round(waitedMs) }, `${address} is ready${what}.`);
}

function parseWanted(text: string): WantedTopic {
  const [name = '', count, ...more] = text.trim().split(':');
  if (!TOPIC_NAME.test(name)) {
    throw usageError(`--topic ${text}: "${name}" is no topic name; use up to 249 letters, digits, dots, underscores and hyphens`);
  }
  const partitions = count === undefined ? 1 : /^\d{1,10}$/.test(count) ? Number(count) : 0;
  if (partitions >= 1 && partitions < 2 ** 31 && more.length === 0) return { name, partitions };
  throw usageError(`--topic ${text}: write name, or name:partitions`);
}

/** What may pass by itself while a broker starts; anything else is thrown on. */
function reasonOf(error: unknown): string {
  if (error instanceof NoBrokerError) return `no broker answers at ${error.where}`;
  if (error instanceof KafkaError || (error instanceof Error && error.name === 'DecodeError')) return messageOf(error);
  throw error;
}

/** One phrase for each thing that is missing. */
async function missingAt(broker: BootstrapConnection, wanted: readonly WantedTopic[], timeoutMs: number): Promise<string[]> {
  const asked = metadataRequest(
    broker,
    wanted.map(({ name }) => name),
  );
  const response = await broker.request(Metadata, asked, timeoutMs);
  if (response.errorCode !== 0) return [textOf(errorNameOf(response.errorCode))];
  if (response.brokers.length === 0) return [`${addressOf(broker.address)} knows of no broker yet`];
  return wanted.flatMap((topic) => {
    const found = response.topics.find(({ name }) => name === topic.name);
    const why = missingOf(topic, found);
    return why === null ? [] : [why];
  });
}

type FoundTopic = ResponseOf<typeof Metadata>['topics'][number];

function missingOf({ name, partitions }: WantedTopic, found: FoundTopic | undefined): string | null {
  const errorName = found ? errorNameOf(found.errorCode) : 'UNKNOWN_TOPIC_OR_PARTITION';
  if (!found || errorName === 'UNKNOWN_TOPIC_OR_PARTITION') return `there is no topic "${name}"`;
  if (errorName !== 'NONE' && found.partitions.length === 0) return `topic "${name}": ${textOf(errorName)}`;
  if (found.partitions.length < partitions) return `topic "${name}" has ${found.partitions.length} of ${partitions} partitions`;
  const leaderless = found.partitions.filter(({ leaderId }) => leaderId < 0).map(({ partitionIndex }) => partitionIndex);
  if (leaderless.length === 0) return null;
  const named = leaderless.sort((a, b) => a - b).slice(0, MAX_NAMED);
  const more = leaderless.length > MAX_NAMED ? ` and ${leaderless.length - MAX_NAMED} more` : '';
  return `topic "${name}": no leader for partition ${named.join(', ')}${more}`;
}

const textOf = (name: ErrorName): string => messageOf(new KafkaError(name));
