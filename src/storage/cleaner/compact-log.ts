import type { Files } from '../../core/files.ts';
import { BatchView } from '../../protocol/records/batch.ts';
import { RecordCursor } from '../../protocol/records/record-cursor.ts';
import { recordBytes } from '../../protocol/records/walk.ts';
import { HandleCache } from '../handle-cache.ts';
import { CLEANED, MAX_RELATIVE_OFFSET, Segment } from '../segment.ts';
import { type AbortedTransaction as AbortedEntry, TransactionIndex } from '../transaction-index.ts';
import { BatchBlocks } from './batch-blocks.ts';
import { type FilteredBatch, type FilterRules, filterBatch, type Retention } from './batch-filter.ts';
import { ByteSink } from './byte-sink.ts';
import type { CleanedGroup, CompactionJob, MappedKeys, SourceSegment } from './job.ts';
import { KeyMap } from './key-map.ts';
import { type AbortedTransaction, SeenTransactions, TransactionScan } from './transactions.ts';

/**
 * What a compaction does next. A number: so many bytes were read or written, and others may have their turn. A segment: make it durable. The
 * rest is told to whoever wants the compaction.
 */
export type CompactionStep = number | Segment | MappedKeys | CleanedGroup;

/** A group takes so many segments at most: putting one in their place renames the files of all in one turn of the loop. */
const MAX_GROUP = 64;
/** A position in an index has 31 bits. */
const MAX_SEGMENT_BYTES = 2 ** 31 - 1;
/** 142,000 years: what a batch says of time in relation to it is exact. */
const MAX_HORIZON_MS = 2 ** 52;
const INDEX_ENTRY_BYTES = 8;
const TIME_ENTRY_BYTES = 12;

/**
 * Kafka's compaction of a log (KIP-58), as a machine that does a block's work at each step, so that it can be run in a thread or between other
 * things. First the offsets of the dirty part's keys are noted; then the segments are written anew, as many neighbours into one as fit, without
 * what a later record of its key replaces, tombstones and transactions' markers whose delete horizon has passed (KIP-534), and aborted
 * transactions (KIP-98). Offsets stay as they are.
 *
 * It reads what the job names, and writes `.cleaned` files alone; what it has not handed over goes when it is ended early.
 * @throws Error from the disk, or for what is no sound batch
 */
export function* compactLog(files: Files, job: CompactionJob): Generator<CompactionStep, void, void> {
  const blocks = new BatchBlocks(files, job.settings.ioBufferBytes);
  const transactions = yield* scanTransactions(blocks, job);
  const { aborted, endOffset } = transactions;
  const map = new KeyMap(job.settings.dedupeBufferBytes, job.settings.loadFactor, Math.max(endOffset - job.firstDirtyOffset, 0));
  const segments = job.segments.filter(({ baseOffset }) => baseOffset < endOffset);
  yield* noteKeys(blocks, segments, { ...job, endOffset }, aborted, map);
  const mappedTo = map.latestOffset + 1;
  if (mappedTo === job.firstDirtyOffset && map.size > 0)
    throw new Error(`${job.folder}: a batch has more keys than ${map.memoryBytes} bytes hold`);
  yield { endOffset: mappedTo, keys: map.size };
  const covered = segments.filter(({ baseOffset }) => baseOffset < mappedTo);
  const pass = new CleaningPass(files, blocks, { ...job, segments: covered, endOffset }, map, new SeenTransactions(aborted));
  yield* pass.groups();
}

/** Which transactions were aborted, and where compaction must end for those that are in doubt. */
function* scanTransactions(
  blocks: BatchBlocks,
  { segments, behind, endOffset, highWatermark }: CompactionJob,
): Generator<number, { aborted: AbortedTransaction[]; endOffset: number }, void> {
  const scan = new TransactionScan();
  for (const segment of [...segments, ...behind]) {
    if (segment.baseOffset >= endOffset && !scan.hasOpen) break;
    for (const batch of blocks.of(segment)) {
      for (; batch.isWhole() && batch.lastOffset < highWatermark; batch.next()) scan.add(batch);
      yield batch.bytes.byteLength;
    }
  }
  const bases = segments.map(({ baseOffset }) => baseOffset);
  return { aborted: scan.aborted(), endOffset: scan.endBefore(endOffset, bases) };
}

/** Notes the last offset of every key of the dirty part, until there is no room for another. */
function* noteKeys(
  blocks: BatchBlocks,
  segments: readonly SourceSegment[],
  { firstDirtyOffset, endOffset }: CompactionJob,
  aborted: readonly AbortedTransaction[],
  map: KeyMap,
): Generator<number, void, void> {
  map.latestOffset = firstDirtyOffset - 1;
  const transactions = new SeenTransactions(aborted.filter(({ lastOffset }) => lastOffset >= firstDirtyOffset));
  for (const [i, segment] of segments.entries()) {
    const next = segments[i + 1]?.baseOffset ?? endOffset;
    if (next <= firstDirtyOffset) continue;
    for (const batch of blocks.of(segment)) {
      for (; batch.isWhole(); batch.next()) {
        if (batch.lastOffset < firstDirtyOffset) continue;
        if (!transactions.isObsolete(batch) && !batch.isControl && !noteBatch(batch, firstDirtyOffset, map)) return;
        map.latestOffset = batch.lastOffset;
      }
      yield batch.bytes.byteLength;
    }
    map.latestOffset = next - 1; // also where earlier compactions left nothing at the end of a segment
  }
}

/** False: there is no room for one of its keys. */
function noteBatch(batch: BatchView, firstDirtyOffset: number, map: KeyMap): boolean {
  if (batch.count === 0) return true;
  const record = new RecordCursor(batch, recordBytes(batch));
  while (record.next()) {
    if (record.keyBytes < 0 || record.offset < firstDirtyOffset) continue;
    if (!map.put(record.bytes, record.keyAt, record.keyBytes, record.offset)) return false;
  }
  return true;
}

/** The second pass. */
class CleaningPass {
  private readonly cache: HandleCache;
  private readonly blocks: BatchBlocks;
  private readonly job: CompactionJob;
  private readonly map: KeyMap;
  private readonly transactions: SeenTransactions;
  private readonly sink: ByteSink;
  /** Of each active producer. */
  private readonly lastOffsets = new Map<number, { readonly lastOffset: number; readonly epoch: number }>();
  private readonly horizonMs: number;

  constructor(files: Files, blocks: BatchBlocks, job: CompactionJob, map: KeyMap, transactions: SeenTransactions) {
    const { ids, lastOffsets, epochs } = job.producers;
    this.cache = new HandleCache(files, 8);
    this.blocks = blocks;
    this.job = job;
    this.map = map;
    this.transactions = transactions;
    this.sink = new ByteSink(job.settings.ioBufferBytes);
    for (const [i, id] of ids.entries()) this.lastOffsets.set(id, { lastOffset: lastOffsets[i]!, epoch: epochs[i]! });
    this.horizonMs = Math.min(job.nowMs + job.deleteRetentionMs, MAX_HORIZON_MS);
  }

  *groups(): Generator<CompactionStep, void, void> {
    for (let i = 0; i < this.job.segments.length; ) {
      const group = yield* this.group(i);
      i += group.from;
      yield group;
    }
  }

  private *group(first: number): Generator<CompactionStep, CleanedGroup, void> {
    const { segments, folder, nowMs } = this.job;
    const { baseOffset } = segments[first]!;
    const output = new Segment(this.cache, folder, baseOffset, null, nowMs, CLEANED);
    let handedOver = false;
    try {
      output.clear(); // what a failed attempt left
      output.log.handle().truncate(0);
      const counts = { rewritten: 0, before: 0, after: 0 };
      let next = first;
      do {
        yield* this.cleanInto(output, segments[next]!, counts);
        next++;
      } while (next < segments.length && next - first < MAX_GROUP && this.fits(output, next));
      const from = next - first;
      const changed = from > 1 || counts.rewritten > 0 || output.size !== segments[first]!.size;
      if (changed) {
        output.seal();
        yield output;
      }
      handedOver = changed;
      return { from, baseOffset, size: output.size, changed, messagesBefore: counts.before, messagesAfter: counts.after };
    } finally {
      if (handedOver) output.close();
      else discard(output);
    }
  }

  /** Whether another segment surely fits behind what is there, even if all of it stays. */
  private fits(output: Segment, next: number): boolean {
    const { segments, endOffset, segmentBytes, segmentIndexBytes, indexIntervalBytes } = this.job;
    const { size } = segments[next]!;
    const lastOffset = (segments[next + 1]?.baseOffset ?? endOffset) - 1;
    const entries = Math.ceil(size / Math.max(indexIntervalBytes, 1)) + 1;
    return (
      output.size + size <= segmentBytes &&
      output.offsets.file.sizeBytes + entries * INDEX_ENTRY_BYTES <= segmentIndexBytes &&
      output.times.file.sizeBytes + (entries + 1) * TIME_ENTRY_BYTES <= segmentIndexBytes &&
      lastOffset - output.baseOffset <= MAX_RELATIVE_OFFSET
    );
  }

  private *cleanInto(
    output: Segment,
    source: SourceSegment,
    counts: { rewritten: number; before: number; after: number },
  ): Generator<number, void, void> {
    const { sink } = this;
    const aborted = this.abortedIn(source);
    for (const batch of this.blocks.of(source)) {
      sink.clear();
      const from = output.size;
      for (; batch.isWhole(); batch.next()) {
        const at = sink.length;
        const { rewritten, records } = this.filter(batch);
        counts.before += batch.count;
        counts.after += records;
        if (rewritten) counts.rewritten++;
        if (sink.length > at) this.note(output, from + at, sink, at);
        // A reader passes over a producer's records until it meets the marker, so the entry goes where that goes.
        const ended = records > 0 && batch.isControl ? aborted(batch.lastOffset) : null;
        if (ended) output.aborted.append(ended);
      }
      if (sink.length > 0) output.log.handle().writeSync([sink.bytes.subarray(0, sink.length)], from);
      yield batch.bytes.byteLength + sink.length;
    }
  }

  /** What the segment's transaction index says of a marker; asked in the order of markers. */
  private abortedIn({ path, baseOffset }: SourceSegment): (marker: number) => AbortedEntry | null {
    const index = new TransactionIndex(this.cache.file(path.replace(/\.log$/, '.txnindex')), baseOffset, false);
    const entries = index.entries();
    let next = entries.next();
    return (marker) => {
      while (!next.done && next.value.lastOffset < marker) next = entries.next();
      return !next.done && next.value.lastOffset === marker ? next.value : null;
    };
  }

  private note(output: Segment, position: number, { bytes, length }: ByteSink, at: number): void {
    const { lastOffset, maxTimestamp: highest, count } = view.reset(bytes, at);
    const maxTimestamp = count > 0 ? highest : -1; // no record of it can be found by its time
    if (position + length - at > MAX_SEGMENT_BYTES) throw new Error(`${output.log.path} would be longer than an index can tell`);
    output.written({ position, batchBytes: length - at, lastOffset, maxTimestamp }, this.job.indexIntervalBytes);
  }

  private filter(batch: BatchView): FilteredBatch {
    const { nowMs, compression } = this.job;
    const isObsolete = this.transactions.isObsolete(batch);
    const horizon = batch.hasDeleteHorizon ? batch.baseTimestamp : Number.POSITIVE_INFINITY;
    // A marker waits for readers that have come past its data and not past it, as a tombstone does.
    const discardsRecords = isObsolete && (!batch.isControl || horizon <= nowMs);
    const rules: FilterRules = {
      retention: this.retentionOf(batch, discardsRecords),
      discardsRecords,
      isSpentMarker: isObsolete && batch.isControl,
      horizonMs: this.horizonMs,
      compression,
      keeps: (record) => this.keeps(record, nowMs < horizon),
    };
    return filterBatch(batch, rules, this.sink);
  }

  private retentionOf(batch: BatchView, discardsRecords: boolean): Retention {
    const { producerId } = batch;
    const last = producerId >= 0 ? this.lastOffsets.get(producerId) : undefined;
    const isLastOfProducer =
      last && (last.lastOffset >= 0 ? batch.lastOffset === last.lastOffset : batch.isControl && batch.producerEpoch === last.epoch);
    // What is committed must still end where it ends, for whoever learns that from the batches.
    if (isLastOfProducer || batch.nextOffset === this.job.highWatermark) return 'retain empty';
    return discardsRecords ? 'delete' : 'delete empty';
  }

  private keeps(record: RecordCursor, keepsTombstones: boolean): boolean {
    const { map } = this;
    if (record.offset > map.latestOffset) return true;
    if (record.keyBytes < 0) return false;
    if (record.valueBytes < 0 && !keepsTombstones) return false;
    return record.offset >= map.get(record.bytes, record.keyAt, record.keyBytes);
  }
}

/** A cursor of its own on what was written. */
const view = new BatchView(Buffer.alloc(0));

function discard(output: Segment): void {
  try {
    output.remove();
  } catch {
    // It goes when the log is next opened, or its next compaction begins.
  }
}
