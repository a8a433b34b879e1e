import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, renameSync, statSync } from 'node:fs';

export interface ChildEnd {
  /** null when a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A Node program of ours as a process of its own, with a channel to it. The channel closes with this process, however that ends. */
export interface Child {
  readonly pid: number;
  /** Resolves when it has ended, or could not be started (code 127). Never rejects. */
  readonly ended: Promise<ChildEnd>;
  /** Does nothing once it has ended. */
  send(message: object): void;
  signal(signal: NodeJS.Signals): void;
}

export interface ChildOptions {
  /** The script and its arguments. */
  readonly args: readonly string[];
  readonly execArgv?: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** Where both its output streams go, behind what is there. */
  readonly outputPath: string;
  /** Told of each message that it sends, whatever that is. */
  readonly onMessage: (message: unknown) => void;
}

/** An output file of this size is put aside at the next start, in place of the one before. */
const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;
const NOT_STARTED = 127; // as a shell has it

/** @throws Node's errors of the output file */
export function spawnChild({ args, execArgv = [], env, outputPath, onMessage }: ChildOptions): Child {
  putAside(outputPath);
  const output = openSync(outputPath, 'a', 0o644);
  let child: ChildProcess;
  try {
    child = spawn(process.execPath, [...execArgv, ...args], {
      env,
      stdio: ['ignore', output, output, 'ipc'],
      // Out of reach of the terminal's Ctrl-C, so that this process alone says when it stops. On Windows that would open a window.
      detached: process.platform !== 'win32',
      windowsHide: true,
    });
  } finally {
    closeSync(output);
  }
  child.on('message', onMessage);
  const ended = new Promise<ChildEnd>((resolve) => {
    // What it said last may be read after its end: the channel closes behind it.
    child.once('exit', (code, signal) => {
      if (child.connected) child.once('disconnect', () => resolve({ code, signal }));
      else resolve({ code, signal });
    });
    child.once('error', () => {
      if (child.pid === undefined) resolve({ code: NOT_STARTED, signal: null });
    });
  });
  return {
    pid: child.pid ?? -1,
    ended,
    send: (message) => {
      if (child.connected) child.send(message, () => {});
    },
    signal: (signal) => void child.kill(signal),
  };
}

/** The other end of a `Child`: what started this process; null when nothing did that has a channel to it. */
export function parentProcess(): ParentProcess | null {
  if (process.send === undefined) return null;
  return {
    send: (message) =>
      new Promise((resolve) => {
        if (process.connected) process.send!(message, undefined, undefined, () => resolve());
        else resolve();
      }),
    onMessage: (told) => void process.on('message', told),
    onGone: (told) => {
      process.on('disconnect', told);
      if (!process.connected) setImmediate(told);
    },
    release: () => {
      if (process.connected) process.disconnect();
    },
  };
}

export interface ParentProcess {
  /** Resolves when it is on its way, or never will be. */
  send(message: object): Promise<void>;
  onMessage(told: (message: unknown) => void): void;
  /** It ended, or let go. */
  onGone(told: () => void): void;
  /** Closes the channel, which keeps this process alive. */
  release(): void;
}

function putAside(path: string): void {
  if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) > MAX_OUTPUT_BYTES) renameSync(path, `${path}.1`);
}
