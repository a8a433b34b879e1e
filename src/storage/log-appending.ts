import { asError, KafkaError } from '../core/errors.ts';
import { BatchView } from '../protocol/records/batch.ts';
import { buildEndMarker } from '../protocol/records/end-marker.ts';
import { requireOneBatch, type ValidBatch } from '../protocol/records/validate.ts';
import { type PendingWrite, tell } from './append-queue.ts';
import { checkBatch } from './batch-check.ts';
import { isFinal } from './disk-failure.ts';
import { checkFetched } from './fetched-records.ts';
import type { LeaderEpochs } from './leader-epochs.ts';
import { LogCompacting } from './log-compacting.ts';
import { codeOf } from './log-errors.ts';
import type { AppendInfo, AppendOptions, Done } from './log-types.ts';
import type { OpenedLog } from './open-log.ts';
import { syncFolder } from './partition-folder.ts';
import type { ProducerBatch, TransactionMarker } from './producer-state.ts';
import { MAX_RELATIVE_OFFSET, Segment } from './segment.ts';

/** How batches come into a log: from producers through a leader's log, and from a leader's log into its followers'. */
export abstract class LogAppending extends LogCompacting {
  protected abstract override readonly offline: KafkaError | undefined;
  /** Where the next batch goes in the active segment. */
  protected nextPosition = 0;

  /** Creates the folder and says in it whose it is. */
  protected abstract createFolder(opened: OpenedLog): void;

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
    const { origin = 'client', leaderEpoch, produceVersion, verification } = options;
    if (produceVersion !== undefined) requireOneBatch(records, produceVersion);
    const valid = options.valid ?? checkBatch(records, origin, this.config, this.name, this.context.clock.now());
    const batch = new BatchView(records);
    const earlier = opened.producers.check(batch, { origin, verification });
    return earlier ? this.repeated(earlier, valid, done) : this.appendChecked(opened, batch, valid, leaderEpoch, done);
  }

  /**
   * Appends the marker that ends a transaction, also when nothing of it is here. Otherwise as `append`.
   * @throws KafkaError as `ProducerState.checkMarker`, KAFKA_STORAGE_ERROR
   */
  appendMarker(marker: TransactionMarker, leaderEpoch: number, done: Done): AppendInfo {
    const opened = this.open();
    opened.producers.checkMarker(marker);
    const nowMs = this.context.clock.now();
    const batch = new BatchView(buildEndMarker(marker, nowMs));
    const isLogAppendTime = this.config.timestampType === 'LogAppendTime';
    if (isLogAppendTime) batch.setMaxTimestamp(nowMs, true);
    const { sizeInBytes: batchBytes, count, lastOffsetDelta } = batch;
    const logAppendTime = isLogAppendTime ? nowMs : -1;
    const valid = { batchBytes, count, lastOffsetDelta, maxTimestamp: nowMs, offsetDeltaOfMaxTimestamp: 0, logAppendTime };
    return this.appendChecked(opened, batch, valid, leaderEpoch, done);
  }

  private appendChecked(opened: OpenedLog, batch: BatchView, valid: ValidBatch, leaderEpoch: number, done: Done): AppendInfo {
    const { batchBytes, lastOffsetDelta, maxTimestamp, logAppendTime, count } = valid;
    this.requireRoomFor(batchBytes);
    const baseOffset = this.nextOffset;
    const lastOffset = baseOffset + lastOffsetDelta;
    const segment = this.storage(() => {
      if (!this.hasFolder) this.createFolder(opened);
      this.assignEpoch(opened.epochs, leaderEpoch);
      return this.segmentFor(opened, valid, baseOffset, lastOffset);
    });

    batch.setBaseOffset(baseOffset);
    batch.setPartitionLeaderEpoch(leaderEpoch);
    const { bytes: records } = batch;
    const bytes = records.byteLength === batchBytes ? records : records.subarray(0, batchBytes);
    const producerBefore = opened.producers.add(batch, lastOffset, maxTimestamp);
    const position = this.nextPosition;
    this.enqueue({ segment, baseOffset, position, bytes, batchBytes, lastOffset, maxTimestamp, producerBefore, done });
    return { baseOffset, lastOffset, logAppendTime, maxTimestamp, count, batchBytes };
  }

  /**
   * Appends what a leader sent: record batches with the offsets and leader epochs that they have in its log, as `checkFetched` wants them.
   * Producers are noted as the leader took them. Bytes behind the last whole batch are left out. The first batch may begin before an empty
   * log, where the leader's log starts in the middle of it.
   *
   * `done` is called once, maybe before this returns: the writes have finished, or none of the rest of them has. Errors: CORRUPT_MESSAGE,
   * OFFSET_OUT_OF_RANGE for batches that do not follow the end of this log, KAFKA_STORAGE_ERROR. The bytes stay untouched until then.
   */
  appendFetched(records: Uint8Array, done: Done): void {
    try {
      const opened = this.open();
      const bytes = checkFetched(records, this.name);
      this.requireRoomFor(bytes);
      if (bytes > 0) this.storage(() => this.queueFetched(opened, records.subarray(0, bytes), done));
      else this.queue.whenIdle(() => done(null));
    } catch (error) {
      // Batches before the one that could not be queued are on their way.
      this.queue.whenIdle(() => done(asError(error)));
    }
  }

  private queueFetched(opened: OpenedLog, records: Uint8Array, done: Done): void {
    const { epochs, producers } = opened;
    const batch = new BatchView(records);
    this.prepareFor(opened, batch);
    while (batch.at < records.byteLength) {
      const { baseOffset, lastOffset, maxTimestamp, partitionLeaderEpoch, sizeInBytes: batchBytes } = batch;
      // From the end of the log on, also when compaction left a gap here: in it the epoch may have begun. Were it to begin behind the gap, a replica
      // with other records of an earlier epoch in there would not be seen to diverge.
      epochs.assign(partitionLeaderEpoch, Math.min(baseOffset, this.nextOffset));
      const segment = this.segmentFor(opened, { batchBytes, maxTimestamp }, baseOffset, lastOffset);
      const producerBefore = producers.add(batch, lastOffset, maxTimestamp);
      const bytes = batch.slice();
      const told = batch.at + batchBytes === records.byteLength ? done : NOBODY;
      const position = this.nextPosition;
      this.enqueue({ segment, baseOffset, position, bytes, batchBytes, lastOffset, maxTimestamp, producerBefore, done: told });
      batch.next();
    }
  }

  /** Makes the end of the log one that this batch of the leader's can follow. */
  private prepareFor(opened: OpenedLog, { baseOffset, lastOffset, partitionLeaderEpoch }: BatchView): void {
    const { epochs } = opened;
    const { nextOffset } = this;
    // The leader's log may start in the middle of a batch, after DeleteRecords: its whole first batch is what it sends then.
    const isBefore = baseOffset < nextOffset;
    const mayBeBefore = lastOffset >= nextOffset && this.startOffset === this.endOffset && this.queue.queuedWrites === 0;
    if (isBefore && !mayBeBefore) throw new KafkaError('OFFSET_OUT_OF_RANGE', `${this.name} ends at ${nextOffset}, not at ${baseOffset}`);
    // An epoch that began here, when this broker led, and got no record.
    if (partitionLeaderEpoch >= 0 && partitionLeaderEpoch < epochs.latest) epochs.truncateEnd(nextOffset);
    if (partitionLeaderEpoch >= 0 && partitionLeaderEpoch < epochs.latest)
      throw new KafkaError(
        'CORRUPT_MESSAGE',
        `${this.name} has epoch ${epochs.latest}, its leader sent records of ${partitionLeaderEpoch}`,
      );
    if (!this.hasFolder) this.createFolder(opened);
    if (isBefore) this.wipe(opened, baseOffset);
  }

  /** Everything in the log goes, durably; what is appended next begins at `offset`. The caller says where the log begins and ends. */
  protected wipe({ segments, epochs, producers }: OpenedLog, offset: number): void {
    const { files } = this.context.cache;
    try {
      this.stopCompaction();
      this.promiseLess(0);
      this.truncations++;
      const fresh = this.newSegment(offset);
      segments.replaceAll(fresh);
      if (this.hasFolder) {
        files.syncDirectory(this.folder); // else old segments might be back beside the new one
        fresh.log.handle(); // its file, be it empty, says where the log goes on
      }
      producers.reset();
      epochs.truncateEnd(0);
      this.flusher.truncated(fresh, offset);
      this.nextOffset = offset;
      this.nextPosition = 0;
      this.compactedAtMost(offset);
      if (this.hasFolder) syncFolder(files, this.folder);
    } catch (error) {
      throw this.goOffline(error);
    }
  }

  protected promiseLess(offset: number): void {
    this.flusher.promisesLess(offset);
    if (this.hasFolder) this.location.promisesLess(offset);
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
  private segmentFor(
    opened: OpenedLog,
    { batchBytes, maxTimestamp }: Pick<ValidBatch, 'batchBytes' | 'maxTimestamp'>,
    baseOffset: number,
    lastOffset: number,
  ): Segment {
    const { config, nextOffset, nextPosition } = this;
    const { active } = opened.segments;
    if (nextPosition === 0 && lastOffset - active.baseOffset <= MAX_RELATIVE_OFFSET) return active;
    const fits = active.hasRoomFor(nextPosition + batchBytes, lastOffset, config);
    if (fits && !active.isTooOldFor(maxTimestamp, this.context.clock.now(), config)) return active;
    // A segment begins where the last one ends, also when compaction left a gap there: one between segments would look like a loss.
    return this.roll(opened, lastOffset - nextOffset <= MAX_RELATIVE_OFFSET ? nextOffset : baseOffset);
  }

  protected roll({ segments, producers }: OpenedLog, baseOffset = this.nextOffset): Segment {
    const { active } = segments;
    const segment = this.newSegment(baseOffset);
    segments.all.push(segment);
    this.flusher.rolled(active);
    producers.snapshot(this.nextOffset, segments);
    this.nextPosition = 0;
    return segment;
  }

  private requireRoomFor(bytes: number): void {
    if (!this.queue.hasRoomFor(bytes))
      throw new KafkaError('KAFKA_STORAGE_ERROR', `The disk is too far behind for another append to ${this.name}`);
  }

  private enqueue(write: PendingWrite): void {
    if (write.position === 0) write.segment.begin(write.maxTimestamp);
    this.queue.push(write);
    this.nextPosition += write.batchBytes;
    this.nextOffset = write.lastOffset + 1;
  }

  protected begins(segment: Segment): void {
    const [first, second] = this.open().segments.all;
    if (segment === second) this.flusher.nameFirst(first!);
  }

  protected written(writes: readonly PendingWrite[]): void {
    if (this.offline) {
      for (const write of writes) tell(write, this.offline);
      return;
    }
    this.flusher.appended();
    this.context.shortage.wrote();
    const { indexIntervalBytes } = this.config;
    for (const write of writes) this.indexed(write, indexIntervalBytes);
    if (this.offline) {
      for (const write of writes) tell(write, this.offline);
      return;
    }
    this.expectFlush();
    const last = writes.at(-1)!;
    this.endOffset = last.lastOffset + 1;
    last.segment.remember(this.endOffset, last.segment.size);
    this.flusher.sealBefore(this.opened!.segments, last.segment, (error) => {
      if (isFinal(error)) this.goOffline(error);
      // The recovery point stays behind, so a later flush or a recovery does this work.
      else if (error && !this.context.shortage.noted(error))
        this.context.logger.warn({ log: this.name, error: error.message }, 'indexes of a full segment were not written');
    });
    for (const write of writes) tell(write, this.offline ?? null);
  }

  /** The records are there. Where an index cannot be read now it lacks an entry, and gets the next one; on a disk that has failed the log ends here. */
  private indexed(write: PendingWrite, indexIntervalBytes: number): void {
    if (write.producerBefore?.aborted) write.segment.aborted.append(write.producerBefore.aborted);
    try {
      write.segment.written(write, indexIntervalBytes);
    } catch (error) {
      this.storageError(error);
    }
  }

  /** A write failed: the log goes back to its last good position, all that was behind it is lost, and the next append may succeed. */
  protected failed(error: Error, lost: readonly PendingWrite[], untouched: boolean): void {
    const refusal = this.offline ?? new KafkaError('KAFKA_STORAGE_ERROR', `The log of ${this.name} could not be written: ${codeOf(error)}`);
    if (!this.context.shortage.noted(error)) this.context.logger.error({ log: this.name, error: error.message }, 'an append failed');
    try {
      if (isFinal(error)) this.goOffline(error);
      else if (!this.offline) this.rollBack(lost, untouched);
    } catch (failure) {
      this.goOffline(failure);
    }
    for (const write of lost) tell(write, refusal);
  }

  private dropEmptySegments({ segments }: OpenedLog, offset: number): void {
    segments.dropEmptyFrom(offset);
    this.flusher.unrolled(segments.active);
  }

  private rollBack(lost: readonly PendingWrite[], untouched: boolean): void {
    const opened = this.open();
    const { segments, epochs, producers } = opened;
    const endOffset = this.endOfWritten();
    this.dropEmptySegments(opened, endOffset);
    const { active } = segments;
    const end = this.positionBehindStarted(active);
    if (!untouched) {
      active.log.handle().truncate(end);
      // Else a batch that was reported lost could be back after a power failure, in a segment that was removed too.
      active.log.handle().syncSync();
      syncFolder(this.context.cache.files, this.folder); // whose it is must not be less durable than that it is there
    }
    this.nextOffset = endOffset;
    this.nextPosition = end;
    producers.takeBack(lost, endOffset);
    epochs.truncateEnd(epochsUntil(endOffset, lost));
  }

  /** Nothing that waits will be written. */
  protected failWaiting(error: KafkaError): void {
    const waiting = this.queue.takeWaiting();
    if (waiting.length === 0) return;
    const opened = this.opened!;
    const endOffset = this.endOfWritten();
    this.dropEmptySegments(opened, endOffset);
    this.nextOffset = endOffset;
    this.nextPosition = this.positionBehindStarted(opened.segments.active);
    try {
      opened.producers.takeBack(waiting, endOffset);
      opened.epochs.truncateEnd(epochsUntil(endOffset, waiting));
    } catch (failure) {
      if (!this.offline) this.goOffline(failure);
    }
    for (const write of waiting) tell(write, error);
  }

  /** Where the log ends when all that waits is gone. */
  private endOfWritten(): number {
    const { lastStarted } = this.queue;
    return lastStarted ? lastStarted.lastOffset + 1 : this.endOffset;
  }
  /** Where the next write into the active segment begins when all that waits is gone. */
  private positionBehindStarted(active: Segment): number {
    const { lastStarted } = this.queue;
    return lastStarted?.segment === active ? lastStarted.position + lastStarted.batchBytes : active.size;
  }

  protected assignEpoch(epochs: LeaderEpochs, leaderEpoch: number): void {
    if (leaderEpoch > epochs.latest) epochs.assign(leaderEpoch, this.nextOffset);
  }

  protected newSegment(baseOffset: number): Segment {
    return new Segment(this.context.cache, this.folder, baseOffset, null, this.context.clock.now());
  }
}

/** An epoch that begins at the end is still true, unless it is that of a batch behind a gap there, which is lost. */
function epochsUntil(endOffset: number, [first]: readonly PendingWrite[]): number {
  return first && first.baseOffset > endOffset ? endOffset : endOffset + 1;
}

/** The other batches of what a leader sent: the last one's end is theirs. */
const NOBODY: Done = () => {};
