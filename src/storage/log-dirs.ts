import { randomBytes as cryptoBytes } from 'node:crypto';
import type { RandomBytes } from '../core/bytes.ts';
import { asError, KafkaError } from '../core/errors.ts';
import type { Files } from '../core/files.ts';
import { silentLogger } from '../core/logger.ts';
import type { CleanerSettings } from './cleaner/settings.ts';
import { claimDirectory, type DataDirectory } from './data-directory.ts';
import { type FailureListener, type LogFailure, mayBeLeftOut } from './disk-failure.ts';
import { inTurn } from './in-turn.ts';
import type { LogConfig } from './log-config.ts';
import { LogMoves } from './log-moves.ts';
import { type LogResourceOptions, logResources } from './log-resources.ts';
import { LogStore } from './log-store.ts';
import type { LogResources } from './log-types.ts';
import { folderName, parseFolderName, type TopicPartition } from './partition-folder.ts';
import { PartitionLog } from './partition-log.ts';
import { forgetMoved, requireSingle, settleFutures } from './settle-directories.ts';
import { Shortage } from './shortage.ts';

/** A directory of log.dirs that could not be used at the start. What it holds is not known. */
export interface OfflineDirectory {
  readonly path: string;
  readonly error: Error;
}

export interface LogDirectoryState {
  readonly path: string;
  readonly isOffline: boolean;
  /** Null when it is not known. */
  readonly volume: { readonly totalBytes: number; readonly usableBytes: number } | null;
}

/** Partitions that have no log yet; whoever asks for more at once gets another choice later, which does no harm. */
const MAX_PLANNED = 10_000;

export interface LogDirsOptions extends LogResourceOptions {
  readonly files: Files;
  /** Locked; whoever did that releases them, after `close`. The first has the metadata. */
  readonly directories: readonly [DataDirectory, ...DataDirectory[]];
  readonly offline?: readonly OfflineDirectory[];
  readonly clusterId: string;
  readonly nodeId: number;
  readonly randomBytes?: RandomBytes;
  /** replica.alter.log.dirs.io.max.bytes.per.second; null, the default: as fast as it goes. */
  readonly moveBytesPerSecond?: () => number | null;
}

/**
 * All logs of one broker, in its log directories. A new log goes to the directory with the fewest. One directory may fail: what is in it is
 * offline then, and the others go on.
 * @throws Error with one line when a directory belongs to another cluster or broker, or a partition is in two
 */
export function openLogDirs(options: LogDirsOptions): LogDirs {
  const { directories, clusterId, nodeId, randomBytes, clock, logger = silentLogger } = options;
  const resources = logResources(options.files, options);
  const listeners = new Set<FailureListener>();
  const onFailure = (failure: LogFailure) => {
    for (const listener of [...listeners]) listener(failure);
  };
  const unusable = [...(options.offline ?? [])];
  const stores: LogStore[] = [];
  for (const directory of directories) {
    try {
      const meta = claimDirectory(directory, clusterId, nodeId, randomBytes);
      const own = { ...directory, release: () => {} }; // whoever locked them releases them, all at once
      stores.push(
        new LogStore({ clock, clusterId, nodeId, logger, directory: own, resources, onFailure, ...(randomBytes && { randomBytes }) }, meta),
      );
    } catch (error) {
      if (directory === directories[0] || !mayBeLeftOut(error)) throw error;
      unusable.push({ path: directory.path, error: asError(error) });
    }
  }
  // First of all: until then a partition may be in no directory by its name.
  const moves = settleFutures(stores, unusable.length === 0, logger);
  requireSingle(stores, logger);
  forgetMoved(stores);
  for (const { path, error } of unusable)
    logger.error(
      { directory: path, error: error.message },
      'a log directory cannot be used: what may be in it is offline until the broker is started again',
    );
  const unique = () => Buffer.from((randomBytes ?? cryptoBytes)(16)).toString('hex');
  const copies = new LogMoves({ files: options.files, clock, logger, unique, bytesPerSecond: options.moveBytesPerSecond ?? (() => null) });
  return new LogDirs(stores, unusable, resources, listeners, copies, moves);
}

export class LogDirs {
  /** Those that could be used at the start; the first has the metadata. */
  readonly stores: readonly LogStore[];
  /** Those that could not. */
  readonly unusable: readonly OfflineDirectory[];
  private readonly resources: LogResources;
  private readonly listeners: Set<FailureListener>;
  /** Partitions that may be in one of `unusable`: name of the folder -> topic id. */
  private readonly heldBack = new Map<string, string>();
  private readonly offlineLogs = new Map<string, PartitionLog>();
  /** Where a log will be that is not made yet: somebody was told so, or has asked for it. */
  private readonly planned = new Map<string, LogStore>();
  private readonly moves: LogMoves;
  /** What was on its way to another directory when the broker ended. */
  private readonly unfinished: Map<string, LogStore>;

  /** @internal use `openLogDirs` */
  constructor(
    stores: readonly LogStore[],
    unusable: readonly OfflineDirectory[],
    resources: LogResources,
    listeners: Set<FailureListener>,
    moves: LogMoves,
    unfinished: Map<string, LogStore>,
  ) {
    this.stores = stores;
    this.unusable = unusable;
    this.resources = resources;
    this.listeners = listeners;
    this.moves = moves;
    this.unfinished = unfinished;
  }

  /**
   * What this broker had before it was started, by its metadata then. A partition among them that has no folder in any directory may be in one
   * that cannot be used now: it is offline, since an empty replica in its place would count for one that has everything that was acknowledged.
   */
  holdBack(partitions: Iterable<TopicPartition & { readonly topicId: string }>): void {
    if (this.unusable.length === 0) return;
    for (const { topic, partition, topicId } of partitions) {
      if (!this.storeOf({ topic, partition })) this.heldBack.set(folderName({ topic, partition }), topicId);
    }
  }

  /** Listens to logs that go offline; returns how to stop it. What was offline before is in `offline`. */
  onFailure(listener: FailureListener): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  /** A directory met an error outside of its logs. */
  failDirectory(path: string, error: unknown): void {
    this.stores.find((store) => store.path === path)?.fail(asError(error));
  }

  /** Whether the log of a partition cannot be used any more before the broker is started again. */
  isOffline(topicPartition: TopicPartition): boolean {
    return this.heldBack.has(folderName(topicPartition)) || (this.storeOf(topicPartition)?.isOffline(topicPartition) ?? false);
  }

  /** The partitions of this broker that are offline. Topics that were deleted since may be among them. */
  offline(): TopicPartition[] {
    const found = this.stores.flatMap((store) => store.offline());
    for (const name of this.heldBack.keys()) {
      const at = name.lastIndexOf('-');
      found.push({ topic: name.slice(0, at), partition: Number(name.slice(at + 1)) });
    }
    return found;
  }

  /** The log of a partition, made at the first call. Nothing is on disk before its first append. */
  log(topicPartition: TopicPartition, topicId: string, config: LogConfig): PartitionLog {
    const name = folderName(topicPartition);
    const store = this.storeOf(topicPartition, topicId);
    if (store) return store.log(topicPartition, topicId, config);
    if (this.heldBack.get(name) === topicId) return this.offlineLog(topicPartition, config);
    this.heldBack.delete(name); // a new topic that has the name of one that is gone
    const planned = this.planned.get(name);
    this.planned.delete(name);
    return (planned && !planned.failure ? planned : this.roomiest()).log(topicPartition, topicId, config);
  }

  /** Each directory of log.dirs, in their order as far as they could be used at the start. */
  directories(): LogDirectoryState[] {
    const usable = this.stores.map((store) => ({ path: store.path, isOffline: store.failure !== null, volume: store.volume() }));
    return [...usable, ...this.unusable.map(({ path }) => ({ path, isOffline: true, volume: null }))];
  }

  /** The directory that a partition of this broker is in, or will be once it has records; null when that is not known. */
  directoryOf(topicPartition: TopicPartition): string | null {
    const name = folderName(topicPartition);
    const store = this.storeOf(topicPartition);
    if (store) return store.path;
    if (this.heldBack.has(name)) return null;
    let planned = this.planned.get(name);
    if (!planned || planned.failure) {
      planned = this.roomiest();
      if (this.stores.length > 1) this.plan(name, planned);
    }
    return planned.path;
  }

  /** @throws KafkaError LOG_DIR_NOT_FOUND, KAFKA_STORAGE_ERROR */
  requireUsable(directory: string): void {
    const store = this.stores.find(({ path }) => path === directory);
    if (store?.failure) throw store.failure;
    if (!store && this.unusable.some(({ path }) => path === directory)) throw new KafkaError('KAFKA_STORAGE_ERROR');
    if (!store) throw new KafkaError('LOG_DIR_NOT_FOUND');
  }

  /** Where a log is to be made that is not made yet. It has an effect as long as this broker runs. */
  prefer(topicPartition: TopicPartition, directory: string): void {
    const store = this.stores.find(({ path }) => path === directory);
    if (store && !this.storeOf(topicPartition)) this.plan(folderName(topicPartition), store);
  }

  /** Begins to move a log of `log` to another directory; where it is already, a move elsewhere ends. @throws KafkaError as `requireUsable` */
  move(log: PartitionLog, topicId: string, directory: string): void {
    this.requireUsable(directory);
    const name = folderName(log);
    const source = this.storeOf(log);
    const target = this.stores.find(({ path }) => path === directory)!;
    if (!source || source.isOffline(log)) throw new KafkaError('KAFKA_STORAGE_ERROR');
    if (source === target) this.moves.cancel(name);
    else if (log.copySource().hasFolder) this.moves.begin(log, topicId, source, target);
    else {
      log.relocate(...target.adopt(log, topicId));
      source.dismiss(name);
    }
  }

  /** The directory to which a log is on its way, and how much of it is there; null: it stays. */
  moveOf(topicPartition: TopicPartition): { readonly directory: string; readonly sizeBytes: number; readonly endOffset: number } | null {
    return this.moves.of(folderName(topicPartition));
  }

  /** Moves that the end of the last run cut short: to be asked for again. */
  unfinishedMoves(): { readonly topicPartition: TopicPartition; readonly directory: string }[] {
    return Array.from(this.unfinished, ([name, { path: directory }]) => ({ topicPartition: parseFolderName(name)!, directory }));
  }

  private plan(name: string, store: LogStore): void {
    this.planned.delete(name);
    if (this.planned.size >= MAX_PLANNED) this.planned.delete(this.planned.keys().next().value!);
    this.planned.set(name, store);
  }

  /** The logs made so far. */
  *all(): Generator<PartitionLog> {
    for (const store of this.stores) yield* store.all();
    yield* this.offlineLogs.values();
  }

  /** See LogStore. */
  strays(isKnown: (topicPartition: TopicPartition) => boolean): string[] {
    return this.stores.flatMap((store) => store.strays(isKnown));
  }

  /** See LogStore. @throws KafkaError KAFKA_STORAGE_ERROR */
  topicIdOf(name: string): string | null {
    return this.storeOfFolder(name)?.topicIdOf(name) ?? null;
  }

  /** See LogStore. @throws KafkaError KAFKA_STORAGE_ERROR */
  isUnfinished(name: string): boolean {
    return this.storeOfFolder(name)?.isUnfinished(name) ?? false;
  }

  /** See LogStore. */
  setAside(name: string): string {
    const store = this.storeOfFolder(name);
    if (!store) throw new Error(`There is no folder ${name}`);
    return store.setAside(name);
  }

  /** Removes a partition's data for good. What a crash leaves of it, or is in a failed directory, goes at a later start. */
  delete(topicPartition: TopicPartition): void {
    const name = folderName(topicPartition);
    this.heldBack.delete(name);
    this.moves.cancel(name);
    this.offlineLogs.get(name)?.abandon();
    this.offlineLogs.delete(name);
    this.planned.delete(name);
    for (const store of this.stores) if (store.has(topicPartition)) store.delete(topicPartition);
  }

  /** See LogStore. What fails in one directory does not keep the others from it. */
  writeCheckpoints(): void {
    this.each((store) => store.writeCheckpoints());
  }

  /** See LogStore. */
  writeHighWatermarks(): void {
    this.each((store) => store.writeHighWatermarks());
  }

  /** log.cleaner.*: for the compactions that begin from now on. */
  configureCleaner(settings: CleanerSettings): void {
    this.resources.cleaner.settings = settings;
  }

  /** Ends cleanly, as far as the directories work; see LogStore. */
  close(done: (error: Error | null) => void): void {
    void this.moves.stop().then(() => this.closeStores(done));
  }

  private closeStores(done: (error: Error | null) => void): void {
    let failure: Error | null = null;
    const steps = this.stores.map((store) => (next: (error: null) => void) => {
      store.close((error) => {
        failure ??= error;
        next(null);
      });
    });
    inTurn(steps, () => {
      this.resources.cleaner.stop();
      done(failure);
    });
  }

  /** Open files now. */
  openFiles(): number {
    return this.resources.cache.openCount();
  }

  private storeOf(topicPartition: TopicPartition, topicId?: string): LogStore | undefined {
    const found = this.stores.filter((store) => store.has(topicPartition));
    // Of a topic that was deleted while a directory was offline a folder may be left beside the one of its successor.
    if (found.length < 2 || topicId === undefined) return found[0];
    const name = folderName(topicPartition);
    return found.find((store) => !store.failure && store.topicIdOf(name) === topicId) ?? found[0];
  }

  private storeOfFolder(name: string): LogStore | undefined {
    return this.stores.find((store) => store.hasFolder(name));
  }

  /** Kafka's choice: where the fewest logs are, and of those the first. */
  private roomiest(): LogStore {
    const working = this.stores.filter((store) => !store.failure);
    const planned = new Map<LogStore, number>();
    for (const store of this.planned.values()) planned.set(store, (planned.get(store) ?? 0) + 1);
    const sizeOf = (store: LogStore) => store.size + (planned.get(store) ?? 0);
    return (working.length > 0 ? working : this.stores).reduce((best, store) => (sizeOf(store) < sizeOf(best) ? store : best));
  }

  private offlineLog(topicPartition: TopicPartition, config: LogConfig): PartitionLog {
    const name = folderName(topicPartition);
    const known = this.offlineLogs.get(name);
    if (known) return known;
    const paths = this.unusable.map(({ path }) => path).join(', ');
    const error = new KafkaError('KAFKA_STORAGE_ERROR', `${name} may be in a log directory that is offline (${paths})`);
    const refuse = () => {
      throw error;
    };
    const log = new PartitionLog(
      { ...this.resources, shortage: new Shortage('', this.resources.clock, this.resources.logger), report: () => {} },
      {
        ...topicPartition,
        folder: '',
        claim: refuse,
        create: refuse,
        takenBack: refuse,
        promisesLess: refuse,
        madeDurable: refuse,
        madeDurableLater: refuse,
        compactedTo: refuse,
        firstDirtyOffset: -1,
        ...{ gapsBefore: 0, recoveryPoint: 0, logStartOffset: 0, highWatermark: 0, unclean: true },
      },
      config,
    );
    log.fail(error);
    this.offlineLogs.set(name, log);
    return log;
  }

  private each(act: (store: LogStore) => void): void {
    let failure: Error | undefined;
    for (const store of this.stores) {
      try {
        act(store);
      } catch (error) {
        failure ??= asError(error);
      }
    }
    if (failure) throw failure;
  }
}
