import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { BufferPool, type RandomBytes } from '../core/bytes.ts';
import type { Clock } from '../core/clock.ts';
import { type Logger, silentLogger } from '../core/logger.ts';
import { TrustedTime } from '../core/trusted-time.ts';
import { type Checkpoint, offsetsText, readCheckpoint, writeCheckpoint } from './checkpoints.ts';
import { type CleanerSettings, DEFAULT_CLEANER_SETTINGS } from './cleaner/settings.ts';
import { CleanerCheckpoint } from './cleaner-checkpoint.ts';
import { claimDirectory, type DataDirectory, type MetaProperties, markCleanEnd, markInUse } from './data-directory.ts';
import { FlushScheduler, NEVER } from './flush-scheduler.ts';
import { HandleCache } from './handle-cache.ts';
import { inLanes } from './in-turn.ts';
import type { LogConfig } from './log-config.ts';
import type { LogContext, LogLocation } from './log-types.ts';
import {
  deletedName,
  folderName,
  isDeletedName,
  isStrayName,
  parseFolderName,
  readTopicId,
  strayName,
  type TopicPartition,
  writeSmallFile,
  writeTopicId,
} from './partition-folder.ts';
import { PartitionLog } from './partition-log.ts';
import { DEFAULT_PRODUCER_LIMITS, type ProducerLimits } from './producer-state.ts';
import { SyncSlots } from './sync-slots.ts';

export interface LogStoreOptions {
  /** Locked, and released by `close`. */
  readonly directory: DataDirectory;
  readonly clock: Clock;
  /** What ages of records are counted by. Default: of its own. */
  readonly trustedTime?: TrustedTime;
  readonly clusterId: string;
  readonly nodeId: number;
  readonly logger?: Logger;
  /** Over all logs. Each active partition uses three. Default 768: most systems allow 1,024 in all. */
  readonly maxOpenFiles?: number;
  /** Idle read buffers. Default 32 MiB. */
  readonly maxPooledBytes?: number;
  /** How long, and how many, idempotent producers are remembered. Default Kafka's. */
  readonly producers?: ProducerLimits;
  /** log.flush.scheduler.interval.ms. Default: as often as flush.ms needs. */
  readonly flushCheckMs?: number;
  /** For directory ids and the names of folders that are set aside. Default crypto's. */
  readonly randomBytes?: RandomBytes;
}

/** Logs: a file system makes what several wait for durable in one go. */
const CLOSED_AT_ONCE = 8;
const RECOVERY_POINTS = 'recovery-point-offset-checkpoint';
const HIGH_WATERMARKS = 'replication-offset-checkpoint';
const DEFAULT_MAX_OPEN_FILES = 768;
const DEFAULT_MAX_POOLED_BYTES = 32 * 1024 * 1024;
/** Of the four threads that Node has for files. */
const MAX_SYNCS = 3;
/** Two keep a disk busy; more would stand before the writes of producers, which wait for a thread too. */
const MAX_READS = 2;

/**
 * All logs of one broker in one data directory. Opening it reads names and checkpoints, not logs: a log is opened when it is used.
 * @throws Error with one line when the directory belongs to another cluster or broker
 */
export function openLogStore(options: LogStoreOptions): LogStore {
  return new LogStore(options, claimDirectory(options.directory, options.clusterId, options.nodeId, options.randomBytes));
}

export class LogStore {
  readonly meta: MetaProperties;
  private readonly directory: DataDirectory;
  private readonly context: LogContext;
  private readonly logs = new Map<string, PartitionLog>();
  /** Names of the partition folders that were there at the start and have no log yet. */
  private readonly folders = new Set<string>();
  private readonly recoveryPoints: Checkpoint;
  private readonly knowsRecoveryPoints: boolean;
  private readonly logStarts: Checkpoint;
  private readonly highWatermarks: Checkpoint;
  private readonly cleaner: CleanerCheckpoint;
  private writtenHighWatermarks = '';
  /** The checkpoint files still say something of logs that are gone. */
  private hasForgotten = false;
  private readonly randomBytes: RandomBytes;
  private closed = false;

  /** @internal use `openLogStore` */
  constructor(options: LogStoreOptions, meta: MetaProperties) {
    const { directory, clock, logger = silentLogger, producers = DEFAULT_PRODUCER_LIMITS } = options;
    const { files, path } = directory;
    this.meta = meta;
    this.directory = directory;
    this.randomBytes = options.randomBytes ?? randomBytes;
    const cache = new HandleCache(files, options.maxOpenFiles ?? DEFAULT_MAX_OPEN_FILES);
    const pool = new BufferPool(options.maxPooledBytes ?? DEFAULT_MAX_POOLED_BYTES);
    const trustedTime = options.trustedTime ?? new TrustedTime(clock, logger);
    const flushes = new FlushScheduler(clock, options.flushCheckMs ?? NEVER);
    this.context = {
      cache,
      clock,
      trustedTime,
      pool,
      logger,
      producers,
      flushes,
      syncSlots: new SyncSlots(MAX_SYNCS),
      readSlots: new SyncSlots(MAX_READS),
      cleaner: { settings: DEFAULT_CLEANER_SETTINGS },
    };
    for (const name of files.list(path)) {
      if (isDeletedName(name)) this.removeQuietly(join(path, name));
      else if (parseFolderName(name) || isStrayName(name)) this.folders.add(name);
    }
    this.knowsRecoveryPoints = directory.meta === null || files.exists(join(path, RECOVERY_POINTS));
    this.recoveryPoints = readCheckpoint(files, path, RECOVERY_POINTS);
    this.logStarts = readCheckpoint(files, path, 'log-start-offset-checkpoint');
    this.highWatermarks = readCheckpoint(files, path, HIGH_WATERMARKS);
    this.cleaner = new CleanerCheckpoint(files, path);
    if (!directory.meta) writeSmallFile(files, join(path, RECOVERY_POINTS), offsetsText(new Map())); // later a missing one was lost
    markInUse(directory);
  }

  /** The log of a partition, made at the first call. Nothing is on disk before its first append. */
  log(topicPartition: TopicPartition, topicId: string, config: LogConfig): PartitionLog {
    const name = folderName(topicPartition);
    const known = this.logs.get(name);
    if (known) return known;
    const { files, path } = this.directory;
    const folder = join(path, name);
    const { recoveryPoints, logStarts, highWatermarks, cleaner } = this;
    const location: LogLocation = {
      topic: topicPartition.topic,
      partition: topicPartition.partition,
      folder,
      claim: () => this.claim(name, folder, topicId),
      create: () => {
        if (this.hasForgotten) this.writeCheckpoints(); // else this log might get what they say of one that had its name
        files.makeDirectory(folder);
        writeTopicId(files, folder, topicId);
      },
      takenBack: () => {
        const isBeyond = (points: Checkpoint, offset: number) => (points.get(name) ?? 0) > offset;
        const { logEndOffset, logStartOffset } = log;
        if (isBeyond(logStarts, logStartOffset) || isBeyond(recoveryPoints, logEndOffset) || isBeyond(highWatermarks, logEndOffset))
          this.writeCheckpoints();
        cleaner.trim(name, logEndOffset);
      },
      get firstDirtyOffset() {
        return cleaner.offsetOf(name);
      },
      compactedTo: (offset) => cleaner.compactedTo(name, offset),
      madeDurable: (offset) => {
        if ((recoveryPoints.get(name) ?? 0) < offset) this.writeCheckpoints();
      },
      gapsBefore: this.knowsRecoveryPoints ? (recoveryPoints.get(name) ?? 0) : Number.POSITIVE_INFINITY,
      get recoveryPoint() {
        return recoveryPoints.get(name) ?? 0;
      },
      get logStartOffset() {
        return logStarts.get(name) ?? 0;
      },
      get highWatermark() {
        return highWatermarks.get(name) ?? 0;
      },
      unclean: !this.directory.endedCleanly,
    };
    const log = new PartitionLog(this.context, location, config);
    this.logs.set(name, log);
    return log;
  }

  /** The logs made so far. */
  all(): IterableIterator<PartitionLog> {
    return this.logs.values();
  }

  /**
   * Folders of topics that nobody knows: never served, never removed. Topics are matched by name here; a folder of a known name but another
   * topic id turns out when its log is first used, and is then moved aside (`-stray`).
   */
  strays(isKnown: (topicPartition: TopicPartition) => boolean): string[] {
    return [...this.folders].filter((name) => {
      const topicPartition = parseFolderName(name);
      return !topicPartition || !isKnown(topicPartition);
    });
  }

  /** The topic id that a folder of `strays` says it belongs to; null when it does not say, or was set aside already. */
  topicIdOf(name: string): string | null {
    return parseFolderName(name) ? readTopicId(this.directory.files, join(this.directory.path, name)) : null;
  }

  /**
   * Takes a folder of `strays`, which belongs to nobody any more, out of the way of whoever gets its name: it is kept under the name that is
   * returned, and never served.
   */
  setAside(name: string): string {
    const { files, path } = this.directory;
    const stray = strayName(name, this.unique());
    const owner = this.topicIdOf(name);
    files.rename(join(path, name), join(path, stray));
    files.syncDirectory(path);
    this.folders.delete(name);
    this.folders.add(stray);
    // Without a name in it, a power failure took what was not durable yet: the checkpoints are still about the log that begins anew here.
    if (owner !== null) this.forget(name);
    return stray;
  }

  /** Removes a partition's data for good. What a crash leaves of it goes at the next start. */
  delete(topicPartition: TopicPartition): void {
    const name = folderName(topicPartition);
    const { files, path } = this.directory;
    this.logs.get(name)?.abandon();
    this.logs.delete(name);
    this.folders.delete(name);
    this.forget(name);
    const folder = join(path, name);
    if (!files.exists(folder)) return;
    const doomed = join(path, deletedName(name, this.unique()));
    files.rename(folder, doomed);
    files.syncDirectory(path);
    this.removeQuietly(doomed);
  }

  /** Writes how far each log is durable and committed, and where it begins; now and then, and at the end. */
  writeCheckpoints(): void {
    for (const [name, log] of this.logs) {
      if (!log.isOpen || log.isOffline) continue;
      note(this.recoveryPoints, name, log.recoveryPoint);
      note(this.logStarts, name, log.logStartOffset);
    }
    const { files, path } = this.directory;
    writeCheckpoint(files, path, RECOVERY_POINTS, this.recoveryPoints);
    writeCheckpoint(files, path, 'log-start-offset-checkpoint', this.logStarts);
    this.putHighWatermarks((file, text) => files.replace(file, text));
    this.cleaner.write();
    this.hasForgotten = false;
  }

  /**
   * Writes the high watermarks, which change more often, when they did. Not synced: after a power failure old ones, or none, only make a replica
   * wait for its leader to tell them anew.
   */
  writeHighWatermarks(): void {
    this.putHighWatermarks((file, text) => {
      if (text !== this.writtenHighWatermarks) writeSmallFile(this.directory.files, file, text);
    });
  }

  private putHighWatermarks(write: (file: string, text: string) => void): void {
    for (const [name, log] of this.logs) if (log.isOpen && !log.isOffline) note(this.highWatermarks, name, log.highWatermark);
    const text = offsetsText(this.highWatermarks);
    write(join(this.directory.path, HIGH_WATERMARKS), text);
    this.writtenHighWatermarks = text;
  }

  /**
   * Ends cleanly: finishes all writes, makes everything durable, and releases the directory. A log that could not be closed, or one that
   * was never opened since an unclean end, is verified at the next start.
   */
  close(done: (error: Error | null) => void): void {
    if (this.closed) {
      done(null);
      return;
    }
    this.closed = true;
    this.context.flushes.stop();
    let failure: Error | null = null;
    const steps = [...this.logs.values()].map((log) => (next: (error: null) => void) => {
      log.close((error) => {
        failure ??= error;
        next(null);
      });
    });
    inLanes(steps, CLOSED_AT_ONCE, () => {
      try {
        this.writeCheckpoints();
        if (!failure && !this.anyUnverified()) markCleanEnd(this.directory);
      } catch (error) {
        failure ??= error instanceof Error ? error : new Error(String(error));
      }
      this.directory.release();
      done(failure);
    });
  }

  /** log.cleaner.*: for the compactions that begin from now on. */
  configureCleaner(settings: CleanerSettings): void {
    this.context.cleaner.settings = settings;
  }

  /** Open files now. */
  openFiles(): number {
    return this.context.cache.openCount();
  }

  private anyUnverified(): boolean {
    if (this.directory.endedCleanly) return false;
    for (const name of this.folders) if (parseFolderName(name)) return true;
    return false;
  }

  /** True when the partition's folder is there and belongs to this topic; one of another topic with the same name is moved aside. */
  private claim(name: string, folder: string, topicId: string): boolean {
    const { files } = this.directory;
    if (!files.isDirectory(folder)) return false;
    this.folders.delete(name);
    const owner = readTopicId(files, folder);
    if (owner === topicId) return true;
    const stray = this.setAside(name);
    this.context.logger.warn(
      { folder: stray, topicId: owner },
      'this folder belongs to a topic that no longer exists: not served, not deleted',
    );
    return false;
  }

  /** What the checkpoints say of a folder is not true of another that gets its name. */
  private forget(name: string): void {
    for (const points of [this.recoveryPoints, this.logStarts, this.highWatermarks]) if (points.delete(name)) this.hasForgotten = true;
    if (this.cleaner.forget(name)) this.hasForgotten = true;
  }

  /** 32 hexadecimal digits, as Kafka puts into the names of folders that it sets aside. */
  private unique(): string {
    return Buffer.from(this.randomBytes(16)).toString('hex');
  }

  private removeQuietly(path: string): void {
    try {
      this.directory.files.remove(path);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.context.logger.warn({ path, error: why }, 'a deleted partition could not be removed; the next start tries again');
    }
  }
}

/** Zero is what a missing entry means. */
function note(checkpoint: Checkpoint, name: string, offset: number): void {
  if (offset > 0) checkpoint.set(name, offset);
  else checkpoint.delete(name);
}
