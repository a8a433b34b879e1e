import { join } from 'node:path';
import { KafkaError } from '../core/errors.ts';
import { BatchView } from '../protocol/records/batch.ts';
import { requireOneBatch, type ValidBatch } from '../protocol/records/validate.ts';
import { AppendQueue, type PendingWrite, tell } from './append-queue.ts';
import { checkBatch } from './batch-check.ts';
import { DeletedSegments } from './deleted-segments.ts';
import { Flusher, SyncError } from './flusher.ts';
import { type LeaderEpochs, leaderEpochText } from './leader-epochs.ts';
import { LogCompacting } from './log-compacting.ts';
import type { LogConfig } from './log-config.ts';
import { codeOf, storageError } from './log-errors.ts';
import type { AppendInfo, AppendOptions, Done, LogContext, LogLocation } from './log-types.ts';
import { type OpenedLog, openSegments } from './open-log.ts';
import { folderName, LEADER_EPOCH_FILE, syncFolder, writeSmallFile } from './partition-folder.ts';
import { type ProducerBatch, ProducerState } from './producer-state.ts';
import { Segment } from './segment.ts';

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
export class PartitionLog extends LogCompacting {
  readonly topic: string;
  readonly partition: number;
  readonly folder: string;
  protected readonly name: string;
  protected readonly context: LogContext;
  private readonly location: LogLocation;
  protected readonly queue: AppendQueue;
  protected readonly flusher: Flusher;
  protected readonly deleted: DeletedSegments;
  protected config: LogConfig;
  protected opened: OpenedLog | undefined;
  protected offline: KafkaError | undefined;
  /** Begun before the log was opened: noted when it is. */
  private pendingEpoch = -1;
  private nextPosition = 0;

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
      written: (writes) => this.written(writes),
      failed: (error, lost) => this.failed(error, lost),
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

  /** Notes that a leader epoch begins at the end of the log. Opens nothing: a log that is not used yet notes it later. */
  startEpoch(leaderEpoch: number): void {
    this.pendingEpoch = Math.max(this.pendingEpoch, leaderEpoch);
    const { opened } = this;
    if (opened && !this.offline) this.storage(() => this.assignEpoch(opened.epochs, leaderEpoch));
  }

  /**
   * Appends one batch: validates it, gives it its offsets, stamps base offset and leader epoch into `records`, and queues the write, all
   * before it returns. `done` is called once the write has finished (it is synced when flush.messages says so), or failed. A batch that an
   * idempotent producer sends again is not appended: its first write is what is told of.
   *
   * The bytes belong to the log until then: they must stay where and as they are.
   *
   * @throws KafkaError when the batch is refused (`done` is then never called): the codes of `validateProduced` and
   * `ProducerState.check`, or KAFKA_STORAGE_ERROR
   */
  append(records: Uint8Array, options: AppendOptions, done: Done): AppendInfo {
    const opened = this.open();
    const { origin = 'client', leaderEpoch, produceVersion } = options;
    if (produceVersion !== undefined) requireOneBatch(records, produceVersion);
    const valid = options.valid ?? checkBatch(records, origin, this.config, this.name, this.context.clock.now());
    const { batchBytes, lastOffsetDelta, maxTimestamp, logAppendTime, count } = valid;
    const batch = new BatchView(records);
    const earlier = opened.producers.check(batch);
    if (earlier) return this.repeated(earlier, valid, done);
    if (!this.queue.hasRoomFor(batchBytes))
      throw new KafkaError('KAFKA_STORAGE_ERROR', `The disk is too far behind for another append to ${this.name}`);
    const baseOffset = this.nextOffset;
    const lastOffset = baseOffset + lastOffsetDelta;
    const segment = this.storage(() => {
      if (!this.hasFolder) this.createFolder(opened);
      this.assignEpoch(opened.epochs, leaderEpoch);
      return this.segmentFor(opened, valid, lastOffset);
    });

    batch.setBaseOffset(baseOffset);
    batch.setPartitionLeaderEpoch(leaderEpoch);
    const bytes = records.byteLength === batchBytes ? records : records.subarray(0, batchBytes);
    const producerBefore = opened.producers.add(batch, lastOffset, maxTimestamp);
    const position = this.nextPosition;
    if (position === 0) segment.begin(maxTimestamp);
    this.queue.push({ segment, baseOffset, position, bytes, batchBytes, lastOffset, maxTimestamp, producerBefore, done });
    this.nextPosition += batchBytes;
    this.nextOffset = lastOffset + 1;
    return { baseOffset, lastOffset, logAppendTime, maxTimestamp, count, batchBytes };
  }

  /**
   * Cuts the log so that it ends at `offset`, or at the start of the batch that contains it, and makes that durable. What was queued
   * and not yet in flight fails with NOT_LEADER_OR_FOLLOWER: only a log that stopped leading is truncated.
   */
  truncateTo(offset: number, done: Done): void {
    this.failWaiting(new KafkaError('NOT_LEADER_OR_FOLLOWER'));
    this.queue.whenIdle(() => {
      try {
        const opened = this.open();
        if (offset < this.endOffset) this.cut(opened, offset);
      } catch (error) {
        return done(this.offline ?? this.goOffline(error)); // half of it may have happened, and be durable or not
      }
      done(null);
    });
  }

  /** The topic is gone: queued appends fail, files are closed; every later use fails with UNKNOWN_TOPIC_OR_PARTITION. */
  abandon(): void {
    this.giveUp(new KafkaError('UNKNOWN_TOPIC_OR_PARTITION'));
    this.flusher.abandon();
    this.context.flushes.forget(this);
    this.deleted.forget();
    for (const segment of this.opened?.segments.all ?? []) segment.close();
  }

  /** KIP-98: a producer that did not get the answer gets it now, or when there is one. */
  private repeated({ lastOffset, offsetDelta, timestamp }: ProducerBatch, { count, batchBytes }: ValidBatch, done: Done): AppendInfo {
    const baseOffset = lastOffset - offsetDelta;
    const write = this.queue.find(baseOffset);
    if (write) (write.repeats ??= []).push(done);
    else this.context.clock.soon(() => done(this.offline ?? null));
    return { baseOffset, lastOffset, logAppendTime: timestamp, maxTimestamp: timestamp, count, batchBytes };
  }

  /** The segment that the next batch goes to; a new one when the active one is full. */
  private segmentFor(opened: OpenedLog, { batchBytes, maxTimestamp }: ValidBatch, lastOffset: number): Segment {
    const { config, nextPosition } = this;
    const { active } = opened.segments;
    if (nextPosition === 0) return active;
    const fits = active.hasRoomFor(nextPosition + batchBytes, lastOffset, config);
    return fits && !active.isTooOldFor(maxTimestamp, this.context.clock.now(), config) ? active : this.roll(opened);
  }

  protected roll({ segments, producers }: OpenedLog): Segment {
    const { active } = segments;
    const segment = this.newSegment(this.nextOffset);
    segments.all.push(segment);
    this.flusher.rolled(active);
    producers.snapshot(this.nextOffset, segments);
    this.nextPosition = 0;
    return segment;
  }

  private written(writes: readonly PendingWrite[]): void {
    if (this.offline) {
      for (const write of writes) tell(write, this.offline);
      return;
    }
    this.flusher.appended();
    const { indexIntervalBytes } = this.config;
    for (const write of writes) write.segment.written(write, indexIntervalBytes);
    this.expectFlush();
    const last = writes.at(-1)!;
    this.endOffset = last.lastOffset + 1;
    last.segment.remember(this.endOffset, last.segment.size);
    this.flusher.sealBefore(this.opened!.segments, last.segment, (error) => {
      if (error instanceof SyncError) this.goOffline(error);
      // The recovery point stays behind, so a later flush or a recovery does this work.
      else if (error) this.context.logger.warn({ log: this.name, error: error.message }, 'indexes of a full segment were not written');
    });
    for (const write of writes) tell(write, null);
  }

  /** A write failed: the log goes back to its last good position, all that was behind it is lost, and the next append may succeed. */
  private failed(error: Error, lost: readonly PendingWrite[]): void {
    const refusal = this.offline ?? new KafkaError('KAFKA_STORAGE_ERROR', `The log of ${this.name} could not be written: ${codeOf(error)}`);
    this.context.logger.error({ log: this.name, error: error.message }, 'an append failed');
    try {
      if (!this.offline) this.rollBack(lost);
    } catch (failure) {
      this.goOffline(failure);
    }
    for (const write of lost) tell(write, refusal);
  }

  private dropEmptySegments({ segments }: OpenedLog, offset: number): void {
    segments.dropEmptyFrom(offset);
    this.flusher.unrolled(segments.active);
  }

  private rollBack(lost: readonly PendingWrite[]): void {
    const opened = this.open();
    const { segments, epochs, producers } = opened;
    const { lastStarted } = this.queue;
    const endOffset = lastStarted ? lastStarted.lastOffset + 1 : this.endOffset;
    this.dropEmptySegments(opened, endOffset);
    const { active } = segments;
    const end = this.endOfStarted(active);
    active.log.handle().truncate(end);
    // Else a batch that was reported lost could be back after a power failure, in a segment that was removed too.
    active.log.handle().syncSync();
    syncFolder(this.context.cache.files, this.folder); // whose it is must not be less durable than that it is there
    this.nextOffset = endOffset;
    this.nextPosition = end;
    producers.takeBack(lost, endOffset);
    epochs.truncateEnd(endOffset + 1); // an epoch that begins at the end is still true
  }

  /** Where the next write into the active segment begins when all that waits is gone. */
  private endOfStarted(active: Segment): number {
    const { lastStarted } = this.queue;
    return lastStarted?.segment === active ? lastStarted.position + lastStarted.batchBytes : active.size;
  }

  private cut({ segments, epochs, producers }: OpenedLog, offset: number): void {
    const { files } = this.context.cache;
    this.truncations++;
    const target = Math.max(offset, 0);
    if (target <= this.startOffset) {
      segments.replaceAll(this.newSegment(target));
      this.startOffset = target;
      this.endOffset = target;
      producers.reset();
    } else {
      this.endOffset = segments.truncateTo(target);
      this.startOffset = Math.min(this.startOffset, this.endOffset); // it may be inside the batch that was cut off
      try {
        producers.reload(segments, this.startOffset, this.endOffset);
      } catch (error) {
        throw this.goOffline(error); // else a batch that was cut off would count as written
      }
    }
    this.flusher.truncated(segments.active, this.endOffset);
    this.nextOffset = this.endOffset;
    this.nextPosition = segments.active.size;
    epochs.truncateEnd(this.endOffset);
    if (this.hasFolder) syncFolder(files, this.folder);
  }

  protected open(): OpenedLog {
    if (this.offline) throw this.offline;
    return this.opened ?? this.load();
  }

  private load(): OpenedLog {
    const { recoveryPoint, logStartOffset, unclean } = this.location;
    const persistEpochs = (text: string) => this.persistEpochs(text);
    try {
      this.hasFolder = this.location.claim();
      const { folder, hasFolder: exists } = this;
      const { indexIntervalBytes, compacted: mayHaveGaps } = this.config;
      const { cache, clock, logger } = this.context;
      const nowMs = clock.now();
      const producers = new ProducerState(clock, this.context.producers, this.name);
      const known = { folder, exists, logStartOffset, unclean, recoveryPoint };
      const opened = openSegments(cache, { ...known, indexIntervalBytes, mayHaveGaps, producers, logger, nowMs, persistEpochs });
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
      this.assignEpoch(opened.epochs, this.pendingEpoch);
      this.opened = opened;
      if (this.startOffset < logStartOffset) this.location.startTakenBack();
      if (nextOffset > this.flusher.durableTo) this.expectFlush();
      return opened;
    } catch (error) {
      throw this.goOffline(error);
    }
  }

  private newSegment(baseOffset: number): Segment {
    return new Segment(this.context.cache, this.folder, baseOffset, null, this.context.clock.now());
  }

  private createFolder({ epochs }: OpenedLog): void {
    this.location.create();
    this.hasFolder = true;
    this.flusher.folderCreated();
    this.persistEpochs(leaderEpochText(epochs.list()));
  }

  private assignEpoch(epochs: LeaderEpochs, leaderEpoch: number): void {
    if (leaderEpoch > epochs.latest) epochs.assign(leaderEpoch, this.nextOffset);
  }

  /** Before the first append there is no folder to write to. */
  private persistEpochs(text: string): void {
    if (!this.hasFolder) return;
    writeSmallFile(this.context.cache.files, join(this.folder, LEADER_EPOCH_FILE), text);
    this.flusher.folderChanged();
  }

  private failWaiting(error: KafkaError): void {
    const waiting = this.queue.takeWaiting();
    const first = waiting[0];
    if (!first) return;
    const { segments, producers } = this.opened!;
    this.dropEmptySegments(this.opened!, first.baseOffset);
    this.nextOffset = first.baseOffset;
    this.nextPosition = this.endOfStarted(segments.active);
    try {
      producers.takeBack(waiting, first.baseOffset);
    } catch (failure) {
      if (!this.offline) this.goOffline(failure);
    }
    for (const write of waiting) tell(write, error);
  }

  protected goOffline(cause: unknown): KafkaError {
    if (this.offline) return this.offline;
    const why = cause instanceof Error ? cause.message : String(cause);
    this.context.logger.error({ log: this.name, error: why }, 'the log went offline: it cannot be used until the broker is started again');
    return this.giveUp(new KafkaError('KAFKA_STORAGE_ERROR', `The log of ${this.name} is offline`));
  }

  private giveUp(error: KafkaError): KafkaError {
    this.offline = error;
    this.failWaiting(error);
    for (const write of this.queue.takeUnsynced()) tell(write, error);
    return error;
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
    return storageError(error, this.name, this.context.logger);
  }
}
