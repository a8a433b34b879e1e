import { join } from 'node:path';
import { asError } from '../core/errors.ts';
import type { Files } from '../core/files.ts';
import { type Checkpoint, offsetsText, readCheckpoint, writeCheckpoint } from './checkpoints.ts';
import { CleanerCheckpoint } from './cleaner-checkpoint.ts';
import type { Done } from './log-types.ts';
import { writeSmallFile } from './partition-folder.ts';

const RECOVERY_POINTS = 'recovery-point-offset-checkpoint';
const LOG_STARTS = 'log-start-offset-checkpoint';
const HIGH_WATERMARKS = 'replication-offset-checkpoint';

/** The recovery points on their way. */
const LATER = `${RECOVERY_POINTS}.later.tmp`;

/** Who makes names durable, away from the loop. */
interface NameSyncs {
  syncDirectory(folder: string, done: Done): void;
}

/** What a log says of itself. */
export interface LogOffsets {
  readonly recoveryPoint: number;
  readonly logStartOffset: number;
  readonly highWatermark: number;
}

/** How far the logs of one directory are durable and committed, and where they begin: Kafka's checkpoint files. */
export class LogCheckpoints {
  private readonly files: Files;
  private readonly path: string;
  private readonly recoveryPoints: Checkpoint;
  private readonly logStarts: Checkpoint;
  private readonly highWatermarks: Checkpoint;
  /** Which says how far they are compacted. */
  readonly cleaner: CleanerCheckpoint;
  private readonly knowsRecoveryPoints: boolean;
  private writtenHighWatermarks = '';
  /** The files still say something of logs that are gone. */
  private forgot = false;
  private stale = false;
  /** Counts what was written. */
  private writes = 0;
  private isWritingLater = false;

  /** @param isNew no broker used the directory before */
  constructor(files: Files, path: string, isNew: boolean) {
    this.files = files;
    this.path = path;
    this.knowsRecoveryPoints = isNew || files.exists(join(path, RECOVERY_POINTS));
    this.recoveryPoints = readCheckpoint(files, path, RECOVERY_POINTS);
    this.logStarts = readCheckpoint(files, path, LOG_STARTS);
    this.highWatermarks = readCheckpoint(files, path, HIGH_WATERMARKS);
    this.cleaner = new CleanerCheckpoint(files, path);
    files.remove(join(path, LATER));
    if (isNew) writeSmallFile(files, join(path, RECOVERY_POINTS), offsetsText(new Map())); // later a missing one was lost
  }

  /** Of a log that is not open yet: what the last run said. */
  of(name: string): LogOffsets {
    return {
      recoveryPoint: this.recoveryPoints.get(name) ?? 0,
      logStartOffset: this.logStarts.get(name) ?? 0,
      highWatermark: this.highWatermarks.get(name) ?? 0,
    };
  }
  /** Gaps before it are not of a power failure; Infinity when nothing is known of it. */
  gapsBefore(name: string): number {
    return this.knowsRecoveryPoints ? (this.recoveryPoints.get(name) ?? 0) : Number.POSITIVE_INFINITY;
  }

  note(name: string, { recoveryPoint, logStartOffset, highWatermark }: LogOffsets): void {
    put(this.recoveryPoints, name, recoveryPoint);
    put(this.logStarts, name, logStartOffset);
    put(this.highWatermarks, name, highWatermark);
  }
  noteHighWatermark(name: string, offset: number): void {
    put(this.highWatermarks, name, offset);
  }
  /** What they say of a folder is not true of another that gets its name. */
  forget(name: string): void {
    for (const points of [this.recoveryPoints, this.logStarts, this.highWatermarks]) if (points.delete(name)) this.forgot = true;
    if (this.cleaner.forget(name)) this.forgot = true;
  }
  /** They could not be written, as on a full disk: what is noted here is not all in the files. */
  get isStale(): boolean {
    return this.stale || this.isWritingLater;
  }
  get hasForgotten(): boolean {
    return this.forgot;
  }

  /** Durable before it returns. */
  write(): void {
    const { files, path } = this;
    this.stale = true;
    writeCheckpoint(files, path, RECOVERY_POINTS, this.recoveryPoints);
    writeCheckpoint(files, path, LOG_STARTS, this.logStarts);
    const text = offsetsText(this.highWatermarks);
    files.replace(join(path, HIGH_WATERMARKS), text);
    this.writtenHighWatermarks = text;
    this.cleaner.write();
    this.forgot = false;
    this.stale = false;
    this.writes++;
  }
  /**
   * Makes it durable, without holding the loop up for a sync, that everything of a log before `offset` is: the recovery points alone. `done` may be
   * called before this returns. What is written at once meanwhile is newer, and stays.
   */
  recoveryPointLater(name: string, offset: number, log: LogOffsets, names: NameSyncs, done: Done): void {
    if (this.of(name).recoveryPoint >= offset && !this.isStale) {
      done(null);
      return;
    }
    const { recoveryPoint, logStartOffset, highWatermark } = log;
    this.note(name, { recoveryPoint, logStartOffset, highWatermark });
    if (this.isWritingLater) {
      attempt(() => this.write(), done);
      return;
    }
    const { writes } = this;
    this.isWritingLater = true;
    const end: Done = (error) => {
      this.isWritingLater = false;
      this.stale ||= error !== null && writes === this.writes;
      done(error);
    };
    this.putLater((error) => {
      if (error || writes !== this.writes) return end(error);
      attempt(
        () => this.files.rename(join(this.path, LATER), join(this.path, RECOVERY_POINTS)),
        (failure) => {
          if (failure) end(failure);
          else names.syncDirectory(this.path, end);
        },
      );
    });
  }
  private putLater(done: Done): void {
    const { files, path, recoveryPoints } = this;
    attempt(
      () => {
        files.remove(join(path, LATER));
        const handle = files.open(join(path, LATER), 'rw');
        const end: Done = (error) => {
          handle.close();
          done(error);
        };
        handle.write([Buffer.from(offsetsText(recoveryPoints))], 0, (error) => (error ? end(error) : handle.sync(end)));
      },
      (error) => error && done(error),
    );
  }
  /**
   * Writes the high watermarks, which change more often, when they did. Not synced: after a power failure old ones, or none, only make a replica
   * wait for its leader to tell them anew.
   */
  writeHighWatermarks(): void {
    const text = offsetsText(this.highWatermarks);
    const { stale } = this;
    this.stale = true;
    if (text !== this.writtenHighWatermarks) writeSmallFile(this.files, join(this.path, HIGH_WATERMARKS), text);
    this.writtenHighWatermarks = text;
    this.stale = stale;
  }
}

/** Zero is what a missing entry means. */
function put(checkpoint: Checkpoint, name: string, offset: number): void {
  if (offset > 0) checkpoint.set(name, offset);
  else checkpoint.delete(name);
}

/** `done` gets what `act` throws. */
function attempt(act: () => void, done: Done): void {
  try {
    act();
  } catch (error) {
    done(asError(error));
    return;
  }
  done(null);
}
