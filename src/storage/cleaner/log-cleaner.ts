import type { Clock } from '../../core/clock.ts';
import type { Files } from '../../core/files.ts';
import type { Logger } from '../../core/logger.ts';
import { realFiles } from '../../core/real-files.ts';
import type { Done } from '../log-types.ts';
import type { CompactionJob } from './job.ts';
import type { CleanerRunner, CompactionSession, LogCleaner } from './sessions.ts';
import { DEFAULT_CLEANER_SETTINGS } from './settings.ts';
import { cleanerThreadFile } from './thread-file.ts';
import { ThreadRunner } from './thread-runner.ts';
import { TurnRunner } from './turn-runner.ts';

/** On the broker's own loop: so long at once, and so much between two looks at the time. */
const TURN_MS = 4;
const BLOCK_BYTES = 64 * 1024;

/** The cleaner of a broker: a thread for the real disk, turns of the event loop for any other, and for sources that are not built. */
export function openLogCleaner(files: Files, clock: Clock, logger: Logger, file = cleanerThreadFile()): LogCleaner {
  const turns = new TurnRunner({ clock, files, turnMs: TURN_MS, blockBytes: BLOCK_BYTES, blocking: false });
  return new Cleaner(files === realFiles && file ? new ThreadRunner({ file, clock, logger, otherwise: turns }) : turns);
}

class Cleaner implements LogCleaner {
  settings = DEFAULT_CLEANER_SETTINGS;
  private readonly runner: CleanerRunner;

  constructor(runner: CleanerRunner) {
    this.runner = runner;
  }

  begin(job: CompactionJob): CompactionSession {
    return this.runner.begin(job);
  }
  syncDirectory(folder: string, done: Done): void {
    this.runner.syncDirectory(folder, done);
  }
  stop(): void {
    this.runner.stop();
  }
}
