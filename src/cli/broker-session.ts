import type { Clock } from '../core/clock.ts';
import { KafkaError } from '../core/errors.ts';
import type { Transport } from '../core/transport.ts';
import { addressOf, BootstrapConnection, parseBootstrapServers } from './bootstrap.ts';
import { CliError, usageError } from './errors.ts';
import type { Output } from './output.ts';

/** What every command that talks to a broker has. */
export interface ClientFlags {
  readonly bootstrapServer: string;
  readonly json?: boolean | undefined;
}

/** What such a command has of the world around it. */
export interface Surroundings {
  readonly out: Output;
  /** For remarks, which are no result. */
  readonly err: Output;
  readonly transport: Transport;
  readonly clock: Clock;
}

/** Connects to the first bootstrap server that answers, acts, and closes. */
export async function withBroker<T>(
  flags: Pick<ClientFlags, 'bootstrapServer'>,
  { transport, clock }: Pick<Surroundings, 'transport' | 'clock'>,
  act: (broker: BootstrapConnection) => Promise<T>,
): Promise<T> {
  const broker = await BootstrapConnection.open(parseBootstrapServers(flags.bootstrapServer), transport, clock);
  try {
    return await act(broker);
  } finally {
    await broker.close();
  }
}

/** `key=value` as it was given to an option. @throws CliError (usage) */
export function parsePair(text: string, flag: string): [key: string, value: string] {
  const equals = text.indexOf('=');
  const key = text.slice(0, equals).trim();
  if (equals < 0 || key === '') throw usageError(`${flag} ${text}: write key=value`);
  return [key, text.slice(equals + 1).trim()];
}

/** A key in what the user meant to be the next pair: a dotted word behind a comma, which no value of Kafka has. */
const NEXT_PAIR = /,\s*(?=[a-z]+(?:\.[a-z]+)+=)/;

/**
 * What to add to a refusal when a value looks like kafka-configs.sh's `a=1,b=2`; empty when none does. Only to a refusal: a comma may be
 * part of a value, as in cleanup.policy=compact,delete.
 */
export function pairsInOneAdvice(flag: string, pairs: Iterable<readonly [string, string]>): string {
  for (const [key, value] of pairs) {
    if (!NEXT_PAIR.test(value)) continue;
    const each = `${key}=${value}`.split(NEXT_PAIR).map((pair) => `${flag} ${pair}`);
    return ` (${flag} takes one pair: write ${each.join(' ')})`;
  }
  return '';
}

export const isKafka = (error: unknown, name: KafkaError['errorName']): boolean => error instanceof KafkaError && error.errorName === name;

/** @returns what to throw: the broker's refusal as one line, behind what was not done; anything else as it is */
export function refused(error: unknown, what: string, advice = ''): unknown {
  return error instanceof KafkaError ? new CliError(`${what}: ${error.message.trim().replace(/\s*\n\s*/g, ' ')}${advice}`) : error;
}

export const noSuchTopic = (name: string, broker: BootstrapConnection): CliError =>
  new CliError(`there is no topic "${name}" at ${addressOf(broker.address)}; "minikafka topics list" shows those that exist`);

export function say({ json }: Pick<ClientFlags, 'json'>, { out }: Pick<Surroundings, 'out'>, asJson: object, sentence: string): void {
  if (json) writeJson(out, asJson);
  else out.line(sentence);
}

export function writeJson(out: Output, value: object): void {
  out.line(out.isTerminal ? JSON.stringify(value, null, 2) : JSON.stringify(value));
}
