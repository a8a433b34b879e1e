import { KafkaError } from '../../core/errors.ts';
import type { BatchView } from '../../protocol/records/batch.ts';
import { recordBytes, walkRecords } from '../../protocol/records/walk.ts';
import { messageOf } from '../errors.ts';
import type { EpochCheck } from './epoch-check.ts';
import type { Findings } from './findings.ts';
import type { CheckedBatch, IndexEnd, OffsetIndexCheck, TimeIndexCheck } from './index-checks.ts';
import type { LogVisitor, OldMessage, ScanEnd } from './log-scan.ts';

/** A relative offset in an index has 31 bits. */
const MAX_RELATIVE_OFFSET = 2 ** 31 - 1;
const LAST_KNOWN_CODEC = 4;

/** What is known of a partition's offsets between its segments. */
export interface PartitionOffsets {
  /** Offset behind the last batch so far. */
  next: number;
  /** False behind a batch whose offsets cannot be: what follows it may leave a gap. */
  certain: boolean;
  /** Compaction leaves gaps. It was seen, or is known from elsewhere. */
  mayHaveGaps: boolean;
  batches: number;
  records: number;
}

export interface SegmentCheckOptions {
  /** Of the .log, as it is shown. */
  readonly path: string;
  readonly baseOffset: number;
  /** Base offset of the segment behind it; Infinity: it is the last. */
  readonly endOffset: number;
  readonly deep: boolean;
  readonly findings: Findings;
  readonly offsets: PartitionOffsets;
  readonly epochs: EpochCheck;
  readonly offsetIndex: OffsetIndexCheck | null;
  readonly timeIndex: TimeIndexCheck | null;
  progress(bytes: number): void;
}

/** Judges the batches of one .log as a scan passes them, and the indexes with them. */
export class SegmentCheck implements LogVisitor {
  private readonly options: SegmentCheckOptions;
  private oldFormatNoted = false;
  private codecNoted = false;

  constructor(options: SegmentCheckOptions) {
    this.options = options;
  }

  batch(batch: BatchView, position: number): void {
    const { epochs, offsets, path, deep } = this.options;
    const { baseOffset, lastOffset, maxTimestamp, count } = batch;
    const computed = batch.computeCrc();
    let sound = computed === batch.crc;
    offsets.batches++;
    if (!sound) {
      this.damage(
        position,
        `the CRC of the batch with offsets ${baseOffset}-${lastOffset} is ${batch.crc}, by its bytes it should be ${computed}`,
      );
      this.passDamaged(baseOffset, lastOffset);
    } else {
      const what = this.wrongOffsets(baseOffset, lastOffset, count);
      if (what !== null) this.damage(position, what);
      sound = what === null;
    }
    if (sound) {
      offsets.records += count;
      if (count <= batch.lastOffsetDelta) offsets.mayHaveGaps = true;
      epochs.batch(path, position, batch.partitionLeaderEpoch, baseOffset);
      if (deep) this.checkRecords(batch, position);
    }
    this.passed({ position, baseOffset, lastOffset, maxTimestamp, sound });
  }

  old({ offset, magic, crcValid }: OldMessage, position: number): void {
    const { findings, path, offsets } = this.options;
    if (!this.oldFormatNoted) {
      findings.note(
        path,
        position,
        `messages of format ${magic} (Kafka before 0.11): of those only CRC, offsets and the .index are checked`,
      );
      this.oldFormatNoted = true;
    }
    offsets.batches++;
    offsets.mayHaveGaps = true; // a compressed set has the offset of its last message alone
    const what = crcValid ? this.wrongOffsets(offset, offset, 1) : `the CRC of the message with offset ${offset} is wrong`;
    if (what !== null) this.damage(position, what);
    this.passed({ position, baseOffset: offset, lastOffset: offset, maxTimestamp: null, sound: what === null });
  }

  progress(bytes: number): void {
    this.options.progress(bytes);
  }

  /** @param growing the broker may be writing to this segment, or was not closed */
  finish(end: ScanEnd, growing: boolean): void {
    const { findings, offsetIndex, path, timeIndex } = this.options;
    if (end.why !== null) {
      const what = `${end.why}; ${end.leftBytes} bytes left, which were not read`;
      if (end.torn && growing)
        findings.note(path, end.position, `${what}: being written, or left by a crash, and then cut off at the next start`);
      else findings.damage(path, end.position, what);
    }
    const indexEnd: IndexEnd = { wholeLog: end.why === null, growing };
    offsetIndex?.finish(indexEnd);
    timeIndex?.finish(indexEnd);
  }

  private wrongOffsets(baseOffset: number, lastOffset: number, count: number): string | null {
    const { offsets, baseOffset: segmentOffset, endOffset } = this.options;
    const { next, certain } = offsets;
    offsets.certain = false;
    if (baseOffset < segmentOffset) return `a batch begins at offset ${baseOffset}, before the segment's base offset ${segmentOffset}`;
    if (lastOffset < baseOffset || count < 0 || count > lastOffset - baseOffset + 1) {
      return `a batch with offsets ${baseOffset}-${lastOffset} has ${count} records`;
    }
    if (lastOffset - segmentOffset > MAX_RELATIVE_OFFSET)
      return `offset ${lastOffset} is too far behind the segment's base offset ${segmentOffset}`;
    if (lastOffset >= endOffset)
      return `a batch with offsets ${baseOffset}-${lastOffset} reaches into the next segment, which begins at ${endOffset}`;
    offsets.next = lastOffset + 1;
    offsets.certain = true;
    if (baseOffset < next) return `a batch with offsets ${baseOffset}-${lastOffset} follows offset ${next - 1}`;
    if (certain && baseOffset > next && !offsets.mayHaveGaps) {
      this.options.findings.note(
        this.options.path,
        null,
        `offsets ${next}-${baseOffset - 1} are not in it: normal where the topic is compacted, else they were lost`,
      );
      offsets.mayHaveGaps = true;
    }
    return null;
  }

  /** The offsets of a batch with a wrong CRC are believed where they are those that should follow. */
  private passDamaged(baseOffset: number, lastOffset: number): void {
    const { offsets, endOffset } = this.options;
    offsets.certain &&= baseOffset === offsets.next && lastOffset >= baseOffset && lastOffset < endOffset;
    if (offsets.certain) offsets.next = lastOffset + 1;
  }

  private checkRecords(batch: BatchView, position: number): void {
    try {
      const { maxTimestamp } = walkRecords(batch, recordBytes(batch), true);
      if (batch.isLogAppendTime || batch.count === 0 || maxTimestamp === batch.maxTimestamp) return;
      this.damage(
        position,
        `the batch with offsets ${batch.baseOffset}-${batch.lastOffset} has the timestamp ${batch.maxTimestamp}, the highest of its records is ${maxTimestamp}`,
      );
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
      const isUnknownHere = error.errorName === 'UNSUPPORTED_COMPRESSION_TYPE' && batch.codecId <= LAST_KNOWN_CODEC;
      if (!isUnknownHere) this.damage(position, `offsets ${batch.baseOffset}-${batch.lastOffset}: ${messageOf(error)}`);
      else if (!this.codecNoted) this.options.findings.note(this.options.path, position, `not checked deeply: ${messageOf(error)}`);
      this.codecNoted ||= isUnknownHere;
    }
  }

  private passed(batch: CheckedBatch): void {
    this.options.offsetIndex?.batch(batch);
    this.options.timeIndex?.batch(batch);
  }
  private damage(position: number, what: string): void {
    this.options.findings.damage(this.options.path, position, what);
  }
}
