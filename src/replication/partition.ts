import type { Clock } from '../core/clock.ts';
import { KafkaError } from '../core/errors.ts';
import type { Purgatory, WaitKey } from '../core/purgatory.ts';
import { eachBatch } from '../protocol/records/batch.ts';
import type { ValidBatch } from '../protocol/records/validate.ts';
import { forEachRecord } from '../protocol/records/walk.ts';
import { CONGESTED_BYTES, CONGESTED_WRITES } from '../storage/append-queue.ts';
import { rulesOf } from '../storage/batch-check.ts';
import type { Requirements } from '../storage/batch-preparation.ts';
import type { LogConfig } from '../storage/log-config.ts';
import type { ReadDone } from '../storage/log-reader.ts';
import type { Done } from '../storage/log-types.ts';
import { folderName } from '../storage/partition-folder.ts';
import type { AppendInfo, PartitionLog } from '../storage/partition-log.ts';
import type { PreparationSlots } from '../storage/preparation-slots.ts';
import { type Produced, ProduceLine } from '../storage/produce-line.ts';
import type { TimestampOffset } from '../storage/time-lookup.ts';

export interface PartitionIdentity {
  readonly topic: string;
  readonly topicId: string;
  readonly index: number;
}

/** What a partition shares with the others of its broker. */
export interface PartitionServices {
  readonly clock: Clock;
  readonly purgatory: Purgatory;
  readonly slots: PreparationSlots;
}

/**
 * A partition that this broker leads. It knows what is committed; the bytes are its log's.
 *
 * log start offset <= last stable offset <= high watermark <= log end offset, all ends exclusive. There is one replica, this one, so a
 * record is committed as soon as it is written: the high watermark is the log end offset, and without transactions so is the last stable offset.
 */
export class Partition {
  readonly topic: string;
  readonly topicId: string;
  readonly index: number;
  /** What waiters on this partition wait for: its high watermark, its leadership, its end. */
  readonly key: WaitKey;
  private readonly log: PartitionLog;
  private readonly purgatory: Purgatory;
  private readonly line: ProduceLine;
  private requirements: Requirements;
  private epoch: number;

  /** @param config as `log` has it */
  constructor(identity: PartitionIdentity, leaderEpoch: number, log: PartitionLog, config: LogConfig, services: PartitionServices) {
    this.topic = identity.topic;
    this.topicId = identity.topicId;
    this.index = identity.index;
    this.key = `partition:${identity.topicId}/${identity.index}`;
    this.epoch = leaderEpoch;
    this.log = log;
    this.purgatory = services.purgatory;
    this.requirements = this.requirementsOf(config);
    this.line = new ProduceLine({
      clock: services.clock,
      slots: services.slots,
      requirements: () => this.requirements,
      append: (records, valid, done) => this.appendTo(records, 'client', valid, done),
    });
    log.commitTo(Number.POSITIVE_INFINITY);
    log.startEpoch(leaderEpoch);
  }

  get leaderEpoch(): number {
    return this.epoch;
  }
  get logStartOffset(): number {
    return this.log.logStartOffset;
  }
  get highWatermark(): number {
    return this.log.logEndOffset;
  }
  get lastStableOffset(): number {
    return this.highWatermark;
  }
  /** What the records take up on the disk. */
  get sizeBytes(): number {
    return this.log.sizeBytes;
  }
  /** Producers should pause: the disk is behind, or much waits for a batch that is prepared. */
  get congested(): boolean {
    const { line, log } = this;
    return log.congested || line.queuedBytes >= CONGESTED_BYTES || line.queuedBatches >= CONGESTED_WRITES;
  }

  configure(config: LogConfig): void {
    this.log.configure(config);
    this.requirements = this.requirementsOf(config);
  }

  /** Nothing more that clients produce is appended: what is under way fails with `error`. */
  close(error: KafkaError): void {
    this.line.close(error);
  }

  /** Leads in a new epoch from here on. */
  becomeLeader(leaderEpoch: number): void {
    this.epoch = leaderEpoch;
    this.purgatory.wake(this.key);
    try {
      this.log.startEpoch(leaderEpoch); // KIP-101: an epoch begins where the log ended, also when nothing was written in it
    } catch {
      // A disk that takes nothing now: the next append notes the epoch, or says what is wrong.
    }
  }

  /** KIP-320: a client that knows another leader epoch than ours must refresh its metadata, or wait for ours. -1: it knows none. */
  checkLeaderEpoch(known: number): void {
    if (known < 0 || known === this.epoch) return;
    throw new KafkaError(known < this.epoch ? 'FENCED_LEADER_EPOCH' : 'UNKNOWN_LEADER_EPOCH');
  }

  /**
   * Appends one batch that a client produced and `requireOneBatch` has passed, behind all that came before it: at once, or when it is
   * prepared (see ProduceLine). `produced` is called once, maybe before this returns: when the write is finished, or the batch is refused.
   * The bytes stay untouched until then.
   */
  produce(records: Uint8Array, produced: Produced): void {
    this.line.take(records, produced);
  }

  /**
   * Appends one batch that this broker built; offsets are given before this returns, `done` is called when the write is finished. The bytes
   * stay untouched until then.
   * @throws KafkaError when the batch is refused
   */
  append(records: Uint8Array, done: Done): AppendInfo {
    return this.appendTo(records, 'coordinator', undefined, done);
  }

  private appendTo(records: Uint8Array, origin: 'client' | 'coordinator', valid: ValidBatch | undefined, done: Done): AppendInfo {
    const { log, epoch: leaderEpoch } = this;
    return log.append(records, valid ? { leaderEpoch, origin, valid } : { leaderEpoch, origin }, (error) => {
      if (!error) this.purgatory.wake(this.key);
      done(error);
    });
  }

  private requirementsOf(config: LogConfig): Requirements {
    const rules = rulesOf(config, folderName({ topic: this.topic, partition: this.index }));
    return { rules, compression: config.compression, repeats: (batch) => this.log.repeats(batch) };
  }

  /** Whole committed batches from `offset` on. Errors: OFFSET_OUT_OF_RANGE, KAFKA_STORAGE_ERROR. */
  read(offset: number, maxBytes: number, minOneBatch: boolean, done: ReadDone): void {
    this.log.read(offset, maxBytes, this.highWatermark, minOneBatch, done);
  }

  /** Committed bytes from `offset` on, without reading them. @throws KafkaError OFFSET_OUT_OF_RANGE */
  availableBytes(offset: number): number {
    if (offset < this.logStartOffset || offset > this.log.logEndOffset) throw new KafkaError('OFFSET_OUT_OF_RANGE');
    return this.log.sizeBetween(offset, this.highWatermark);
  }

  /**
   * KIP-595: where the log of a fetcher parts from ours, given the epoch of its last record; undefined: it does not, or it named none.
   * @throws KafkaError OFFSET_OUT_OF_RANGE when we know nothing of that epoch
   */
  divergence(lastFetchedEpoch: number, fetchOffset: number): { epoch: number; endOffset: number } | undefined {
    if (lastFetchedEpoch < 0) return undefined;
    const { leaderEpoch, endOffset } = this.log.endOffsetForEpoch(lastFetchedEpoch);
    if (leaderEpoch < 0 || endOffset < 0) throw new KafkaError('OFFSET_OUT_OF_RANGE');
    return leaderEpoch < lastFetchedEpoch || endOffset < fetchOffset ? { epoch: leaderEpoch, endOffset } : undefined;
  }

  /** KIP-101: where a leader epoch ends in this log, and of which epoch that is the end; both -1: unknown here. */
  endOfEpoch(leaderEpoch: number): { leaderEpoch: number; endOffset: number } {
    return this.log.endOffsetForEpoch(leaderEpoch);
  }

  /** The leader epoch that the record at `offset` was, or would be, written in. */
  epochOf(offset: number): number {
    return this.log.epochOf(offset);
  }

  /**
   * Deletes the records before `offset` (-1: all that are committed); returns the low watermark: the least log start of all replicas.
   * @throws KafkaError OFFSET_OUT_OF_RANGE, POLICY_VIOLATION when records only go by compaction
   */
  deleteRecordsBefore(offset: number): number {
    const { log } = this;
    if (!log.mayDeleteRecords) throw new KafkaError('POLICY_VIOLATION');
    log.deleteRecordsBefore(offset === -1 ? this.highWatermark : offset);
    this.purgatory.wake(this.key);
    return log.logStartOffset;
  }

  /** Deletes segments as retention says; returns how many. @throws KafkaError KAFKA_STORAGE_ERROR */
  applyRetention(): number {
    const count = this.log.applyRetention();
    if (count > 0) this.purgatory.wake(this.key);
    return count;
  }

  /** segment.bytes */
  get segmentBytes(): number {
    return this.log.segmentBytes;
  }

  /** Forgets records that later ones of their key replace, when that is worth it. @throws KafkaError KAFKA_STORAGE_ERROR */
  compact(done: Parameters<PartitionLog['compact']>[0]): void {
    this.log.compact(done);
  }

  offsetForTimestamp(timestamp: number): TimestampOffset | null {
    return this.log.offsetForTimestamp(timestamp);
  }
  maxTimestamp(): TimestampOffset | null {
    return this.log.maxTimestamp();
  }

  /** The log's committed end and the starts of its segments, newest first: what ListOffsets v0 chooses from. */
  segmentOffsets(nowMs: number): { offset: number; maxTimestamp: number }[] {
    const starts = this.log
      .segmentStarts()
      .map(({ baseOffset, maxTimestamp }) => ({ offset: Math.max(baseOffset, this.logStartOffset), maxTimestamp }));
    if (this.highWatermark > this.logStartOffset) starts.push({ offset: this.highWatermark, maxTimestamp: nowMs });
    return starts.reverse();
  }

  /** Reads everything committed, in order: how a coordinator loads. `each` gets views that are valid only during the call. */
  async replay(each: (key: Buffer | null, value: Buffer | null, offset: number, timestamp: number) => void): Promise<void> {
    let offset = this.logStartOffset;
    while (offset < this.highWatermark) {
      const chunk = await new Promise<Parameters<ReadDone>[1]>((resolve, reject) => {
        this.read(offset, REPLAY_BYTES, true, (error, read) => (error ? reject(error) : resolve(read)));
      });
      if (!chunk) return;
      for (const batch of eachBatch(chunk.bytes)) {
        forEachRecord(batch, ({ key, value, offset: at, timestamp }) => each(key, value, at, timestamp));
      }
      offset = chunk.nextOffset;
      chunk.release();
    }
  }
}

/** Read at a time while loading. */
const REPLAY_BYTES = 1024 * 1024;
