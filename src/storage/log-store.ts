import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { RandomBytes } from '../core/bytes.ts';
import { asError, KafkaError } from '../core/errors.ts';
import { claimDirectory, type DataDirectory, type MetaProperties, markCleanEnd, markInUse, requireSame } from './data-directory.ts';
import { type FailureListener, isDiskFailure } from './disk-failure.ts';
import { inLanes } from './in-turn.ts';
import { LogCheckpoints } from './log-checkpoints.ts';
import type { LogConfig } from './log-config.ts';
import { LogDirectory } from './log-directory.ts';
import { type LogResourceOptions, logResources } from './log-resources.ts';
import type { LogContext, LogLocation, LogResources } from './log-types.ts';
import {
  deletedName,
  folderName,
  isNameless,
  isStrayName,
  parseFolderName,
  parseFutureName,
  readTopicId,
  strayName,
  type TopicPartition,
  writeTopicId,
} from './partition-folder.ts';
import { PartitionLog } from './partition-log.ts';
import { Shortage } from './shortage.ts';

export interface LogStoreOptions extends LogResourceOptions {
  /** Locked, and released by `close`. */
  readonly directory: DataDirectory;
  readonly clusterId: string;
  readonly nodeId: number;
  /** For directory ids and the names of folders that are set aside. Default crypto's. */
  readonly randomBytes?: RandomBytes;
  /** Shared with other directories. Left out: this one has its own. */
  readonly resources?: LogResources;
  /** See LogStore.onFailure. */
  readonly onFailure?: FailureListener;
}

/** Logs: a file system makes what several wait for durable in one go. */
const CLOSED_AT_ONCE = 8;

/**
 * All logs of one broker in one data directory. Opening it reads names and checkpoints, not logs: a log is opened when it is used.
 * @throws Error with one line when the directory belongs to another cluster or broker
 */
export function openLogStore(options: LogStoreOptions): LogStore {
  const store = new LogStore(options, claimDirectory(options.directory, options.clusterId, options.nodeId, options.randomBytes));
  store.removeDeleted();
  return store;
}

export class LogStore extends LogDirectory {
  private readonly context: LogContext;
  private readonly sharesResources: boolean;
  private readonly onFailure: FailureListener;
  private readonly logs = new Map<string, PartitionLog>();
  /** Names of the partition folders that were there at the start and have no log yet. */
  private readonly folders = new Set<string>();
  /** Logs whose folder is among these still. */
  private unopened = 0;
  private readonly checkpoints: LogCheckpoints;
  private closed = false;

  /** @internal use `openLogStore` */
  constructor(options: LogStoreOptions, meta: MetaProperties) {
    const resources = options.resources ?? logResources(options.directory.files, options);
    const { files } = resources.cache; // which give up a handle of a log where there is no other
    const directory = { ...options.directory, files };
    const { path } = directory;
    super(directory, meta, resources.logger, options.randomBytes ?? randomBytes);
    this.onFailure = options.onFailure ?? (() => {});
    this.sharesResources = options.resources !== undefined;
    const { clock, logger } = resources;
    this.context = { ...resources, shortage: new Shortage(path, clock, logger), report: (cause, log) => this.reported(cause, log) };
    for (const name of files.list(path)) if (parseFolderName(name) || isStrayName(name)) this.folders.add(name);
    this.checkpoints = new LogCheckpoints(files, path, directory.meta === null);
    markInUse(directory);
  }

  /** The log of a partition, made at the first call. Nothing is on disk before its first append. */
  log(topicPartition: TopicPartition, topicId: string, config: LogConfig): PartitionLog {
    const name = folderName(topicPartition);
    const known = this.logs.get(name);
    if (known) return known;
    const location = this.locationOf(topicPartition, topicId, () => log);
    const log = new PartitionLog(this.context, location, config);
    if (this.diskFailure) log.fail(this.diskFailure);
    this.logs.set(name, log);
    if (this.folders.has(name)) this.unopened++;
    return log;
  }

  private locationOf(topicPartition: TopicPartition, topicId: string, log: () => PartitionLog): LogLocation {
    const name = folderName(topicPartition);
    const { files, path } = this.directory;
    const folder = join(path, name);
    const { checkpoints } = this;
    return {
      topic: topicPartition.topic,
      partition: topicPartition.partition,
      folder,
      claim: () => this.claim(name, folder, topicId),
      create: () => {
        requireSame(this.directory);
        if (checkpoints.hasForgotten) this.writeCheckpoints(); // else this log might get what they say of one that had its name
        files.makeDirectory(folder);
        writeTopicId(files, folder, topicId);
      },
      takenBack: () => {
        const known = checkpoints.of(name);
        const { logEndOffset, logStartOffset } = log();
        const isBeyond = known.recoveryPoint > logEndOffset || known.highWatermark > logEndOffset || known.logStartOffset > logStartOffset;
        if (isBeyond || checkpoints.isStale) this.writeCheckpoints();
        checkpoints.cleaner.trim(name, logEndOffset);
      },
      promisesLess: (offset) => (checkpoints.of(name).recoveryPoint > offset ? this.writeCheckpoints() : undefined),
      get firstDirtyOffset() {
        return checkpoints.cleaner.offsetOf(name);
      },
      compactedTo: (offset) => checkpoints.cleaner.compactedTo(name, offset),
      madeDurable: (offset) => {
        if (checkpoints.of(name).recoveryPoint < offset || checkpoints.isStale) this.writeCheckpoints();
      },
      madeDurableLater: (offset, done) => checkpoints.recoveryPointLater(name, offset, log(), this.context.cleaner, done),
      gapsBefore: checkpoints.gapsBefore(name),
      get recoveryPoint() {
        return checkpoints.of(name).recoveryPoint;
      },
      get logStartOffset() {
        return checkpoints.of(name).logStartOffset;
      },
      get highWatermark() {
        return checkpoints.of(name).highWatermark;
      },
      unclean: !this.directory.endedCleanly,
    };
  }

  /** Partitions here, as far as they have a folder or were used. */
  get size(): number {
    return this.logs.size + this.folders.size - this.unopened;
  }
  /** Whether a partition's log is here: it was used, or has a folder. */
  has(topicPartition: TopicPartition): boolean {
    const name = folderName(topicPartition);
    return this.logs.has(name) || this.folders.has(name);
  }
  /** Folders of partitions that were there at the start and were not used since. */
  *folderNames(): Generator<string> {
    for (const name of this.folders) if (parseFolderName(name)) yield name;
  }
  hasFolder(name: string): boolean {
    return this.folders.has(name);
  }
  isOffline(topicPartition: TopicPartition): boolean {
    return this.diskFailure !== null || (this.logs.get(folderName(topicPartition))?.isOffline ?? false);
  }
  /** The partitions here that are offline. */
  offline(): TopicPartition[] {
    const found: TopicPartition[] = [];
    for (const { isOffline, topic, partition } of this.logs.values()) if (isOffline) found.push({ topic, partition });
    for (const name of this.diskFailure ? this.folders : []) {
      const unused = this.logs.has(name) ? null : parseFolderName(name);
      if (unused) found.push(unused);
    }
    return found;
  }

  /** Takes note of what the disk said. */
  private reported(cause: unknown, log: TopicPartition & { readonly isOffline: boolean }): void {
    if (isDiskFailure(cause)) this.fail(asError(cause));
    else if (log.isOffline && !this.diskFailure) this.tell(false, [{ topic: log.topic, partition: log.partition }], asError(cause));
  }

  /** The disk under this directory has failed: from now on nothing of it is touched. The others go on. */
  fail(error: Error): void {
    if (this.diskFailure) return;
    const { path } = this.directory;
    this.diskFailure = new KafkaError('KAFKA_STORAGE_ERROR', `The log directory ${path} is offline`);
    this.context.logger.error(
      { directory: path, error: error.message, partitions: this.size },
      'a log directory has failed: its partitions are offline until the broker is started again',
    );
    for (const log of this.logs.values()) log.fail(this.diskFailure);
    this.tell(true, this.offline(), error);
  }

  private tell(isDirectory: boolean, partitions: readonly TopicPartition[], error: Error): void {
    const { path: directory } = this.directory;
    this.context.clock.soon(() => this.onFailure({ directory, isDirectory, partitions, error }));
  }

  protected override noticed(error: unknown): void {
    if (isDiskFailure(error)) this.fail(asError(error));
    else this.context.shortage.noted(error);
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
  topicIdOf(name: string, folder = name): string | null {
    if (!parseFolderName(name)) return null;
    return this.onDisk(() => readTopicId(this.directory.files, join(this.directory.path, folder)));
  }

  /** Whether a folder was only just made when the broker died: it does not even say yet whose it is, and there is nothing in it. */
  isUnfinished(name: string): boolean {
    return this.onDisk(() => isNameless(this.directory.files, join(this.directory.path, name)));
  }

  /**
   * Takes a folder of `strays`, which belongs to nobody any more, out of the way of whoever gets its name: it is kept under the name that is
   * returned, and never served.
   */
  setAside(folder: string, name = folder): string {
    const stray = strayName(name, this.unique());
    const owner = this.topicIdOf(name, folder);
    this.rename(folder, stray);
    if (folder === name) this.forgetFolder(name);
    this.folders.add(stray);
    // Without a name in it, a power failure took what was not durable yet: the checkpoints are still about the log that begins anew here.
    if (owner !== null) this.checkpoints.forget(name);
    return stray;
  }

  /** Removes a partition's data for good. What a crash leaves of it goes at the next start. */
  delete(topicPartition: TopicPartition): void {
    const name = folderName(topicPartition);
    const { files, path } = this.directory;
    this.logs.get(name)?.abandon();
    this.forgetFolder(name);
    this.logs.delete(name);
    this.checkpoints.forget(name);
    if (this.diskFailure) return; // its folder is a stray of the next start
    if (!this.onDisk(() => files.exists(join(path, name)))) return;
    const doomed = deletedName(name, this.unique());
    this.rename(name, doomed);
    this.removeQuietly(doomed);
  }

  /** A copy that was on its way here is of no use. */
  discard(future: string): void {
    if (this.diskFailure) return;
    const doomed = deletedName(parseFutureName(future)!.name, this.unique()); // its own number would say that it stands for what is deleted
    try {
      if (!this.directory.files.exists(join(this.path, future))) return;
      this.rename(future, doomed);
    } catch (error) {
      this.context.logger.warn({ directory: this.path, folder: future, error: asError(error).message }, 'a copy could not be removed');
      return; // the next start finds it
    }
    this.removeQuietly(doomed);
  }

  /** A copy on its way here takes the place of what it was made from. */
  promote(future: string, name: string): void {
    this.rename(future, name);
    this.folders.add(name);
  }

  /** A log of another directory is about to come here: the checkpoints say of it what they must, durably. */
  expect(name: string, { logEndOffset, logStartOffset, highWatermark }: PartitionLog): void {
    this.checkpoints.forget(name);
    this.checkpoints.note(name, { recoveryPoint: logEndOffset, logStartOffset, highWatermark });
    this.checkpoints.write();
  }
  /** It has not come. */
  unexpect(name: string): void {
    this.checkpoints.forget(name);
  }
  /** It has come: what it needs to go on here. */
  adopt(log: PartitionLog, topicId: string): [LogContext, LogLocation] {
    this.logs.set(folderName(log), log);
    return [this.context, this.locationOf(log, topicId, () => log)];
  }
  /** It has gone. */
  dismiss(name: string): void {
    this.logs.delete(name);
    this.checkpoints.forget(name);
  }

  /** Writes how far each log is durable and committed, and where it begins; now and then, and at the end. */
  writeCheckpoints(): void {
    if (this.diskFailure) return;
    this.onDisk(() => this.putCheckpoints());
    this.context.shortage.wrote();
  }

  private putCheckpoints(): void {
    for (const [name, log] of this.logs) {
      if (!log.isOpen || log.isOffline) continue;
      const { recoveryPoint, logStartOffset, highWatermark } = log;
      this.checkpoints.note(name, { recoveryPoint, logStartOffset, highWatermark });
    }
    this.checkpoints.write();
  }

  /** Writes the high watermarks alone, when they have changed; not durable. */
  writeHighWatermarks(): void {
    if (this.diskFailure) return;
    this.onDisk(() => {
      for (const [name, log] of this.logs) if (log.isOpen && !log.isOffline) this.checkpoints.noteHighWatermark(name, log.highWatermark);
      this.checkpoints.writeHighWatermarks();
    });
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
    if (this.diskFailure) {
      this.release();
      done(null); // that it failed was logged
      return;
    }
    let failure: Error | null = null;
    const steps = [...this.logs.values()].map((log) => (next: (error: null) => void) => {
      log.close((error) => {
        failure ??= error;
        next(null);
      });
    });
    inLanes(steps, CLOSED_AT_ONCE, () => {
      if (!this.sharesResources) this.context.cleaner.stop();
      try {
        this.writeCheckpoints();
        if (!failure && !this.anyUnverified()) markCleanEnd(this.directory);
      } catch (error) {
        failure ??= asError(error);
      }
      this.release();
      done(failure);
    });
  }

  private release(): void {
    try {
      this.directory.release();
    } catch (error) {
      if (!this.diskFailure) throw error; // the kernel drops the lock with the process
    }
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
    if (!files.isDirectory(folder)) {
      if (this.folders.has(name)) throw new Error(`The folder ${folder} was there at the start and is gone`);
      return false;
    }
    this.forgetFolder(name);
    const owner = readTopicId(files, folder);
    if (owner === topicId) return true;
    const why = 'this folder belongs to a topic that no longer exists: not served, not deleted';
    if (this.isUnfinished(name)) files.remove(folder);
    else this.context.logger.warn({ folder: this.setAside(name), topicId: owner }, why);
    return false;
  }

  /** It has a log that was opened, or is gone. */
  private forgetFolder(name: string): void {
    if (this.folders.delete(name) && this.logs.has(name)) this.unopened--;
  }
}
