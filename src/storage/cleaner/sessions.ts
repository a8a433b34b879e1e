import type { Done } from '../log-types.ts';
import type { CleanedGroup, CompactionJob, MappedKeys } from './job.ts';
import type { CleanerSettings } from './settings.ts';

/** What a compaction tells, in this order: the keys, then each group of segments; null: that was all. */
export type CompactionEvent = MappedKeys | CleanedGroup | null;

export const isGroup = (event: MappedKeys | CleanedGroup): event is CleanedGroup => 'from' in event;

/** One compaction under way. Nothing is done before `next`, nor between an event and the next call. */
export interface CompactionSession {
  /** Works on until there is something to tell. One at a time. */
  next(done: (error: Error | null, event: CompactionEvent) => void): void;
  /** It is not wanted any more: what it has not handed over goes, and a `next` under way is never called back. */
  end(): void;
}

/** Who does the work of compactions, for all logs of a broker. */
export interface CleanerRunner {
  begin(job: CompactionJob): CompactionSession;
  /** Makes the names in a folder durable. */
  syncDirectory(folder: string, done: Done): void;
  /** Ends all sessions. */
  stop(): void;
}

/** The cleaner of a broker as its logs know it. */
export interface LogCleaner extends CleanerRunner {
  /** For the compactions that begin from now on. */
  settings: CleanerSettings;
}
