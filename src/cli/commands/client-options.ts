import { type Command, InvalidArgumentError } from 'commander';
import type { Surroundings } from '../broker-session.ts';
import type { Context } from '../output.ts';

/** The options of every command that talks to a broker. */
export function withClientOptions(command: Command): Command {
  return command
    .option('--bootstrap-server <host:port,..>', 'the broker; of several the first that answers', 'localhost:9092')
    .option('--json', 'write JSON');
}

/** The examples of a command, behind its help. */
export function examples(...lines: string[]): string {
  return ['', 'Examples:', ...lines.map((line) => `  minikafka ${line}`)].join('\n');
}

/** A parser of whole numbers from 1 to `max`. */
export function parseCount(max: number): (text: string) => number {
  return (text) => {
    const count = /^\d{1,10}$/.test(text) ? Number(text) : 0;
    if (count >= 1 && count <= max) return count;
    throw new InvalidArgumentError(`Write a number from 1 to ${max}.`);
  };
}

const MAX_BROKER_ID = 2 ** 31 - 1; // an int32 on the wire

/** A parser of the id of a broker. */
export function parseBrokerId(text: string): number {
  if (/^\d{1,10}$/.test(text) && Number(text) <= MAX_BROKER_ID) return Number(text);
  throw new InvalidArgumentError(`Write a number from 0 to ${MAX_BROKER_ID}.`);
}

/** The real network and time; loaded when a command runs, since help and errors need none of it. */
export async function surroundings({ out, err }: Context): Promise<Surroundings> {
  const [{ tcpTransport }, { realClock }] = await Promise.all([import('../../core/tcp-transport.ts'), import('../../core/clock.ts')]);
  return { out, err, transport: tcpTransport, clock: realClock };
}
