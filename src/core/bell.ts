import type { FSWatcher } from 'node:fs';

/** Tells other processes at once that something happened, without saying what. It may be lost: whoever listens also looks from time to time. */
export interface Bell {
  ring(): void;
  /** Opens it again after it was removed or its watch broke. @returns why it cannot be heard, '' when it can */
  mend(): string;
  close(): void;
}

/**
 * A file whose one byte is written to ring, and watched to hear. `heard` is called for the own rings too.
 * Runs in worker threads from its source text, so it refers to nothing outside of itself.
 */
export function openBell(require: (module: string) => unknown, path: string, heard: () => void): Bell {
  const fs = require('node:fs') as typeof import('node:fs');
  const byte = new Uint8Array(1);
  let descriptor: number | undefined;
  let watcher: FSWatcher | undefined;
  let failure = '';

  const close = () => {
    watcher?.close();
    if (descriptor !== undefined) fs.closeSync(descriptor);
    watcher = undefined;
    descriptor = undefined;
  };
  /** Whether those who come later would open the same file: it may have been removed. */
  const isAtPath = () => {
    const found = fs.statSync(path, { throwIfNoEntry: false });
    return descriptor !== undefined && found?.ino === fs.fstatSync(descriptor).ino;
  };
  const mend = () => {
    if (watcher && isAtPath()) return '';
    close();
    try {
      descriptor = fs.openSync(path, fs.constants.O_RDWR | fs.constants.O_CREAT, 0o644);
      const opened = fs.watch(path, heard);
      opened.on('error', () => {
        if (opened === watcher) close();
      });
      watcher = opened;
      failure = '';
    } catch (error) {
      failure = String(error);
    }
    return failure;
  };
  mend();
  return {
    ring() {
      try {
        if (descriptor !== undefined) fs.writeSync(descriptor, byte, 0, 1, 0);
      } catch {
        // As on a full disk: the others look from time to time.
      }
    },
    mend,
    close,
  };
}
