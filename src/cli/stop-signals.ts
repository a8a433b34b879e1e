import type { Clock } from '../core/clock.ts';

/** The part of `process` that is needed. */
export interface SignalSource {
  on(signal: NodeJS.Signals, heard: (signal: NodeJS.Signals) => void): unknown;
  off(signal: NodeJS.Signals, heard: (signal: NodeJS.Signals) => void): unknown;
}

export interface StopSignals {
  /** Resolves with the first signal. */
  readonly first: Promise<NodeJS.Signals>;
  /** Stops listening for signals. */
  dispose(): void;
}

/** SIGHUP: the terminal was closed. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** npm passes a Ctrl-C on to its child, which the terminal has sent it to already: within this time it is the same press of a key. */
const SAME_PRESS_MS = 250;

/** Listens for Ctrl-C, SIGTERM and SIGHUP. The first is a wish to stop; at a second the user has lost patience: `exitNow` is called. */
export function stopSignals(source: SignalSource, clock: Clock, exitNow: () => void): StopSignals {
  let firstAtMs: number | null = null;
  let resolve!: (signal: NodeJS.Signals) => void;
  const first = new Promise<NodeJS.Signals>((settle) => {
    resolve = settle;
  });
  const heard = (signal: NodeJS.Signals) => {
    if (firstAtMs === null) {
      firstAtMs = clock.monotonicMs();
      resolve(signal);
    } else if (clock.monotonicMs() - firstAtMs > SAME_PRESS_MS) exitNow();
  };
  for (const signal of SIGNALS) source.on(signal, heard);
  return {
    first,
    dispose() {
      for (const signal of SIGNALS) source.off(signal, heard);
    },
  };
}

/**
 * Node aborts at its exit when its terminal is gone, since it cannot give back the terminal's modes. So the process dies, when all is done, of what
 * it was sent.
 */
export function dieOfHangUp(): void {
  process.once('exit', () => process.kill(process.pid, 'SIGHUP'));
}
