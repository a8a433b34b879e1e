import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Program, type ProgramEnd, startProgram } from './program.ts';

/** minikafka as a process of its own, over one data directory and one port, through any number of restarts. */
export interface BrokerProcess {
  readonly port: number;
  /** host:port for clients. */
  readonly bootstrap: string;
  readonly data: string;
  /** Its log directories. */
  readonly directories: readonly string[];
  /** Of its latest run. */
  readonly pid: number;
  /** What all its runs have written. */
  output(): string;
  /** SIGTERM; resolves when the process has ended. */
  stop(): Promise<ProgramEnd>;
  /** SIGKILL; resolves when the process has ended. */
  kill(): Promise<ProgramEnd>;
  /** Starts it again after stop() or kill(), on the same data and port. */
  start(): Promise<void>;
  /** Ends it if it runs and removes its data. */
  remove(): Promise<void>;
}

export interface BrokerProcessOptions {
  /** Flags of `minikafka start` besides --port and --data. */
  readonly args?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** How many log directories: `disk-1`, `disk-2`, .. in the data directory. Left out: it is itself the only one. */
  readonly disks?: number;
}

const CLI = fileURLToPath(new URL('../../bin/minikafka.js', import.meta.url));
const START_DEADLINE_MS = 20_000;
const STOP_DEADLINE_MS = 20_000;
/** In the start line, and in nothing before it: `minikafka 0.1.0 listens on localhost:9092, ..`; [::1]:9092 and 127.0.0.1:9092 too. */
const LISTENING = /listen(?:s|ing) on\s+(?:\w+:\/\/)?[^\s,]*:(\d+)/i;

/** Starts a broker on a free port and a fresh data directory. Resolves when it listens. */
export async function startBrokerProcess({ args = [], env = {}, disks }: BrokerProcessOptions = {}): Promise<BrokerProcess> {
  const data = mkdtempSync(join(tmpdir(), 'minikafka-test-'));
  const directories = disks === undefined ? [data] : Array.from({ length: disks }, (_, i) => join(data, `disk-${i + 1}`));
  let past = '';
  let program: Program;
  let running = false;

  const run = async (port: number): Promise<number> => {
    program = startProgram(process.execPath, [CLI, 'start', '--port', String(port), '--data', directories.join(','), ...args], {
      env: { ...withoutKafkaKeys(), ...env },
    });
    running = true;
    const listening = await program.waitFor('the start line', () => LISTENING.exec(program.output())?.[1], START_DEADLINE_MS);
    return Number(listening);
  };
  const end = async (signal: NodeJS.Signals): Promise<ProgramEnd> => {
    program.signal(signal);
    const ended = await program.ended(STOP_DEADLINE_MS);
    running = false;
    past += program.output();
    // Node ends a process that waits for what keeps none alive, and calls that a success.
    if (ended.code === 0 && endsInTheMidst(program.lines()))
      throw new Error(`the broker ended before it had stopped:\n${program.output()}`);
    return ended;
  };

  const port = await run(0);
  return {
    port,
    bootstrap: `localhost:${port}`,
    data,
    directories,
    get pid() {
      return program.pid;
    },
    output: () => (running ? past + program.output() : past),
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    start: async () => {
      if (running) throw new Error('the broker runs already');
      await run(port);
    },
    remove: async () => {
      if (running) await end('SIGKILL');
      rmSync(data, { recursive: true, force: true });
    },
  };
}

/** What it has said last is that it begins to stop. */
const endsInTheMidst = (lines: readonly string[]): boolean =>
  lines.some((line) => /"msg":"\w+: stopping"/.test(line)) && !lines.some((line) => line.includes('"msg":"stopped"'));

/** Keys that the broker would read from its environment, taken out of it. */
function withoutKafkaKeys(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.keys(process.env)
      .filter((name) => name.startsWith('KAFKA_'))
      .map((name) => [name, undefined]),
  );
}
