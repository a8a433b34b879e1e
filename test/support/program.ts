import { type ChildProcess, spawn } from 'node:child_process';

export interface ProgramEnd {
  /** null when a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A child process whose output is collected. It never outlives this process. */
export interface Program {
  /** -1 when it could not be started. */
  readonly pid: number;
  /** What it wrote so far, both streams in the order of arrival. */
  output(): string;
  /** The whole lines that it wrote to standard output so far. */
  lines(): readonly string[];
  /**
   * Asks `find` again whenever the program writes, until it answers with something.
   * @throws Error with the output, when the deadline passes or the program ends first
   */
  waitFor<T>(what: string, find: () => T | undefined, deadlineMs?: number): Promise<T>;
  /** @throws Error with the output, when it has not ended by the deadline */
  ended(deadlineMs?: number): Promise<ProgramEnd>;
  signal(signal: NodeJS.Signals): void;
}

const DEADLINE_MS = 30_000;
const KEPT_OUTPUT = 8 * 1024 * 1024; // characters; more than any test has its programs write

const alive = new Set<ChildProcess>();
const killAll = () => {
  for (const child of alive) child.kill('SIGKILL');
};
process.on('exit', killAll);
process.on('disconnect', killAll); // vitest itself is gone
// A signal ends a process without 'exit'. Ours goes on to do what it did without us.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => {
    killAll();
    process.kill(process.pid, signal);
  });
}

export interface ProgramOptions {
  /** On top of this process's environment; undefined takes a name out. */
  readonly env?: NodeJS.ProcessEnv;
  /** Default: that of this process. */
  readonly cwd?: string;
}

/** Starts a program and collects what it writes. */
export function startProgram(command: string, args: readonly string[], { env = {}, cwd }: ProgramOptions = {}): Program {
  const child = spawn(command, args, { cwd, env: { ...process.env, NO_COLOR: '1', ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  const name = [command, ...args].join(' ');
  const waiting = new Set<() => void>();
  let output = '';
  let stdout = '';
  let end: ProgramEnd | null = null;
  let failure: Error | null = null;

  const changed = () => {
    for (const look of [...waiting]) look();
  };
  const collect = (text: string) => {
    output = (output + text).slice(-KEPT_OUTPUT);
    changed();
  };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout = (stdout + text).slice(-KEPT_OUTPUT);
    collect(text);
  });
  child.stderr.setEncoding('utf8').on('data', collect);
  child.once('spawn', () => alive.add(child));
  child.once('error', (error) => {
    failure = error;
    changed();
  });
  // 'close' comes after the last output, 'exit' may come before it.
  child.once('close', (code, signal) => {
    alive.delete(child);
    end = { code, signal };
    changed();
  });

  const wait = <T>(what: string, find: () => T | undefined, deadlineMs: number): Promise<T> =>
    new Promise((resolve, reject) => {
      const settle = (settled: () => void) => {
        waiting.delete(look);
        clearTimeout(timer);
        settled();
      };
      const fail = (why: string) =>
        settle(() => reject(new Error(`${name}\n${why} while waiting for: ${what}\nIts output:\n${output.slice(-4000)}`)));
      const look = () => {
        const found = find();
        if (found !== undefined) settle(() => resolve(found));
        else if (failure) fail(failure.message);
        else if (end) fail(`ended (code ${end.code}, signal ${end.signal})`);
      };
      const timer = setTimeout(() => fail(`${deadlineMs} ms passed`), deadlineMs);
      waiting.add(look);
      look();
    });

  return {
    pid: child.pid ?? -1,
    output: () => output,
    lines: () => stdout.split('\n').slice(0, -1),
    waitFor: (what, find, deadlineMs = DEADLINE_MS) => wait(what, find, deadlineMs),
    ended: (deadlineMs = DEADLINE_MS) => wait('its end', () => end ?? undefined, deadlineMs),
    signal: (signal) => void child.kill(signal),
  };
}
