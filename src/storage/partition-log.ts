import { join } from 'node:path';
import { KafkaError } from '../core/errors.ts';
import { silentLogger } from '../core/logger.ts';
import { AppendQueue, tell } from './append-queue.ts';
import { DeletedSegments } from './deleted-segments.ts';
import { Flusher } from './flusher.ts';
import { leaderEpochText } from './leader-epochs.ts';
import type { LogConfig } from './log-config.ts';
import { LogCutting } from './log-cutting.ts';
import { storageError } from './log-errors.ts';
import type { CopySource, LogContext, LogLocation } from './log-types.ts';
import { type OpenedLog, openSegments } from './open-log.ts';
import { folderName, LEADER_EPOCH_FILE, writeSmallFile } from './partition-folder.ts';
import { ProducerState } from './producer-state.ts';
import { isShortage } from './shortage.ts';

export type { LogChunk, ReadDone } from './log-reader.ts';
export type { AppendInfo, AppendOptions } from './log-types.ts';
export type { TimestampOffset } from './time-lookup.ts';

/**
 * The log of one partition: batches in segments, in Kafka's file formats. It owns offsets and bytes; who may write and what is committed
 * is for others to know.
 *
 * Nothing is opened before the first use. Every method throws KAFKA_STORAGE_ERROR when the log cannot be opened, or went offline: a failed
 * write could not be taken back, or a sync failed.
 */
export class PartitionLog extends LogCutting {
  readonly topic: string;
  readonly partition: number;
  folder: string;
  protected readonly name: string;
  protected context: LogContext;
  protected location: LogLocation;
  protected readonly queue: AppendQueue;
  protected readonly flusher: Flusher;
  protected readonly deleted: DeletedSegments;
  protected config: LogConfig;
  protected opened: OpenedLog | undefined;
  protected offline: KafkaError | undefined;
  /** Begun before the log was opened: noted when it is. */
  private pendingEpoch = -1;

  constructor(context: LogContext, location: LogLocation, config: LogConfig) {
    super();
    this.context = context;
    this.location = location;
    this.config = config;
    this.topic = location.topic;
    this.partition = location.partition;
    this.folder = location.folder;
    this.name = folderName(location);
    this.flusher = new Flusher(context.cache.files, context.syncSlots, location.folder);
    this.deleted = new DeletedSegments(context, this.name);
    this.queue = new AppendQueue(context.clock, {
      begins: (segment) => this.begins(segment),
      written: (writes) => this.written(writes),
      failed: (error, lost, untouched) => this.failed(error, lost, untouched),
      mustSync: (write) => this.mustSync(write),
      sync: (endOffset, done) => this.syncRecords(endOffset, done),
    });
  }

  /** Everything before it is durable, indexes included. */
  get recoveryPoint(): number {
    return this.opened ? this.flusher.flushedTo : this.location.recoveryPoint;
  }
  /** Epoch of the last leader that wrote, or began to; -1: none yet. */
  get latestLeaderEpoch(): number {
    return this.open().epochs.latest;
  }
  /** Bytes waiting to be written. */
  get queuedBytes(): number {
    return this.queue.queuedBytes;
  }
  /** Whoever sends appends should pause until `done` callbacks come: the disk is behind. */
  get congested(): boolean {
    return this.queue.congested;
  }
  /** Whether files were opened, or are about to be written: what a clean end must care for. */
  get isOpen(): boolean {
    return this.opened !== undefined;
  }
  get isOffline(): boolean {
    return this.offline !== undefined;
  }

  configure(config: LogConfig): void {
    this.config = config;
    if (this.opened && this.endOffset > this.flusher.durableTo) this.expectFlush();
  }

  /** What a move to another directory copies: see LogMove. Opens the log. */
  copySource(): CopySource {
    const { segments, epochs } = this.open();
    const { hasFolder, folder, truncations, endOffset } = this;
    return { segments: segments.all, hasFolder, folder, changes: truncations, endOffset, epochsText: () => leaderEpochText(epochs.list()) };
  }

  /** Nothing of its files changes until `resume`, what is appended waits; calls back once all that was on its way is there. */
  hold(still: () => void): void {
    this.held = true;
    try {
      this.stopCompaction();
    } catch (error) {
      this.goOffline(error);
    }
    this.queue.hold(still);
  }
  resume(): void {
    this.held = false;
    this.queue.resume();
  }

  /** It goes on in another directory, whose copy of it is whole and durable; it is held. */
  relocate(context: LogContext, location: LogLocation): void {
    const { segments, producers } = this.open();
    if (this.location.firstDirtyOffset >= 0) location.compactedTo(this.location.firstDirtyOffset);
    this.context = context;
    this.location = location;
    this.folder = location.folder;
    for (const segment of segments.all) segment.movedTo(location.folder);
    producers.movedTo(location.folder);
    this.deleted.forget();
    this.flusher.movedTo(location.folder, this.hasFolder ? this.endOffset : 0);
    this.truncations++; // whoever reads an old file reads again
  }

  /** Notes that a leader epoch begins at the end of the log. Opens nothing: a log that is not used yet notes it later. */
  startEpoch(leaderEpoch: number): void {
    this.pendingEpoch = Math.max(this.pendingEpoch, leaderEpoch);
    const { opened } = this;
    if (opened && !this.offline) this.storage(() => this.assignEpoch(opened.epochs, leaderEpoch));
  }

  /** The topic is gone: queued appends fail, files are closed; every later use fails with UNKNOWN_TOPIC_OR_PARTITION. */
  abandon(): void {
    this.endCompaction(null);
    this.offline = new KafkaError('UNKNOWN_TOPIC_OR_PARTITION');
    this.letGo(this.offline);
  }

  protected open(): OpenedLog {
    if (this.offline) throw this.offline;
    return this.opened ?? this.load();
  }

  private load(): OpenedLog {
    const persistEpochs = (text: string) => this.persistEpochs(text);
    try {
      this.hasFolder = this.location.claim();
      const { recoveryPoint, logStartOffset, highWatermark, unclean } = this.location; // a stranger's may have been there before
      const { folder, hasFolder: exists } = this;
      const { indexIntervalBytes, compacted } = this.config;
      const { cache, clock, logger } = this.context;
      const nowMs = clock.now();
      const producers = new ProducerState(clock, this.context.producers, this.name);
      const known = { folder, exists, logStartOffset, highWatermark: this.committedOr(highWatermark), unclean, recoveryPoint };
      const gapsBefore = compacted ? this.location.gapsBefore : 0;
      const opened = openSegments(cache, { ...known, indexIntervalBytes, gapsBefore, producers, logger, nowMs, persistEpochs });
      const { segments, nextOffset, verifiedFrom, cutBytes, droppedSegments } = opened;
      if (cutBytes > 0)
        this.context.logger.warn({ log: this.name, cutBytes, droppedSegments, endOffset: nextOffset }, 'damaged end of the log cut off');
      this.startOffset = Math.min(Math.max(logStartOffset, segments.all[0]!.baseOffset), nextOffset);
      opened.epochs.truncateStart(this.startOffset);
      this.endOffset = nextOffset;
      this.nextOffset = nextOffset;
      this.nextPosition = segments.active.size;
      const flushedTo = Math.min(verifiedFrom, unclean ? recoveryPoint : nextOffset);
      this.flusher.opened(flushedTo, unclean && this.hasFolder);
      // What was not durable was not to be read: it was not acknowledged, and is not lost once it can be read.
      if (this.hasFolder && nextOffset - flushedTo >= this.config.flushMessages) this.flusher.flushSync(segments, nextOffset);
      this.notePendingEpoch(opened);
      this.opened = opened;
      this.recallCommitted(highWatermark);
      if (this.hasFolder) this.location.takenBack();
      if (this.hasFolder && compacted) this.location.madeDurable(this.flusher.flushedTo);
      if (nextOffset > this.flusher.durableTo) this.expectFlush();
      return opened;
    } catch (error) {
      if (!isShortage(error)) throw this.goOffline(error);
      // It was read, or not; what was put right stays so, and is looked at again.
      for (const segment of this.opened?.segments.all ?? []) segment.close();
      this.opened = undefined;
      throw this.storageError(error);
    }
  }

  /** On a disk that takes nothing now the log can be read all the same: the next append notes the epoch, or says what is wrong. */
  private notePendingEpoch({ epochs }: OpenedLog): void {
    try {
      this.assignEpoch(epochs, this.pendingEpoch);
    } catch (error) {
      if (!this.context.shortage.noted(error)) throw error;
    }
  }

  protected createFolder({ epochs }: OpenedLog): void {
    this.location.create();
    this.hasFolder = true;
    this.flusher.folderCreated();
    this.persistEpochs(leaderEpochText(epochs.list()));
  }

  /** Before the first append there is no folder to write to. */
  private persistEpochs(text: string): void {
    if (!this.hasFolder) return;
    writeSmallFile(this.context.cache.files, join(this.folder, LEADER_EPOCH_FILE), text);
    this.flusher.folderChanged();
  }

  protected goOffline(cause: unknown): KafkaError {
    if (this.offline) return this.offline;
    const why = cause instanceof Error ? cause.message : String(cause);
    this.context.logger.error({ log: this.name, error: why }, 'the log went offline: it cannot be used until the broker is started again');
    const offline = new KafkaError('KAFKA_STORAGE_ERROR', `The log of ${this.name} is offline`);
    this.fail(offline);
    this.context.report(cause, this);
    return offline;
  }

  /**
   * From now on nothing of it is touched, whatever state that leaves it in: the next start finds out. What waits is told at the end of this turn,
   * since whoever found the failure may be another log, in the middle of its work.
   */
  fail(error: KafkaError): void {
    if (this.offline) return;
    this.offline = error;
    this.endCompaction(error);
    this.letGo(error);
  }

  private letGo(error: KafkaError): void {
    this.flusher.abandon();
    this.context.flushes.forget(this);
    const lost = [...this.queue.takeUnsynced(), ...this.queue.takeWaiting()];
    if (lost.length > 0)
      this.context.clock.soon(() => {
        for (const write of lost) tell(write, error);
      });
    try {
      this.deleted.forget();
      for (const segment of this.opened?.segments.all ?? []) segment.close();
    } catch (failure) {
      // Of a disk that has failed; the process lets go of its files at its end.
      this.context.logger.warn({ log: this.name, err: failure }, 'files of the log could not be closed');
    }
  }

  /** Runs something that touches the disk; what the disk says becomes KAFKA_STORAGE_ERROR. */
  protected storage<T>(act: () => T): T {
    try {
      return act();
    } catch (error) {
      throw this.storageError(error);
    }
  }

  protected storageError(error: unknown): KafkaError {
    if (!(error instanceof KafkaError)) this.context.report(error, this);
    return storageError(error, this.name, this.context.shortage.noted(error) ? silentLogger : this.context.logger);
  }
}
