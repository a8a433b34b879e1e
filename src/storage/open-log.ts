import { join } from 'node:path';
import type { Files } from '../core/files.ts';
import type { Logger } from '../core/logger.ts';
import { scanHeaders } from './batch-scanner.ts';
import type { HandleCache } from './handle-cache.ts';
import { type EpochStart, LeaderEpochs, leaderEpochText, parseLeaderEpochs } from './leader-epochs.ts';
import { DamageError } from './log-errors.ts';
import { LogProducers } from './log-producers.ts';
import { LEADER_EPOCH_FILE } from './partition-folder.ts';
import { ProducerSnapshots } from './producer-snapshot.ts';
import type { ProducerState } from './producer-state.ts';
import { type Recovered, recoverSegment } from './recovery.ts';
import { baseOffsetOf, MAX_RELATIVE_OFFSET, Segment, segmentFile } from './segment.ts';
import { SegmentList } from './segment-list.ts';
import { settleFiles } from './swap-files.ts';

const INDEX_FILE = /^\d{20}\.(index|timeindex|txnindex)$/;

/** What is on disk of one log, opened. */
export interface OpenedLog {
  readonly segments: SegmentList;
  readonly epochs: LeaderEpochs;
  readonly producers: LogProducers;
  readonly nextOffset: number;
  /** Where the first segment begins whose indexes were built anew and not synced; `nextOffset`: none was. */
  readonly verifiedFrom: number;
  /** Bytes that recovery cut off, and segments that it dropped. */
  readonly cutBytes: number;
  readonly droppedSegments: number;
}

export interface OpenOptions {
  readonly folder: string;
  /** Whether the folder is there at all. */
  readonly exists: boolean;
  readonly logStartOffset: number;
  readonly highWatermark: number;
  /** The last run did not end cleanly: everything behind the recovery point is verified. */
  readonly unclean: boolean;
  /** Everything before it was synced. */
  readonly recoveryPoint: number;
  readonly indexIntervalBytes: number;
  /** Before it compaction may have left gaps between segments; elsewhere one is a loss. */
  readonly gapsBefore: number;
  /** Empty; filled with what the log knows of producers. */
  readonly producers: ProducerState;
  readonly logger: Logger;
  readonly nowMs: number;
  /** Writes the leader epochs' file; may throw. */
  persistEpochs(text: string): void;
}

/**
 * Opens a log's files. After a clean end nothing is scanned but what lies behind the last index entry. After an unclean one, the segments
 * behind the recovery point are verified batch by batch; the log ends before the first bad batch, and segments behind it are removed.
 * Producers come from the latest snapshot, and from the headers of the batches behind it.
 */
export function openSegments(cache: HandleCache, options: OpenOptions): OpenedLog {
  const { folder, exists, logStartOffset, nowMs } = options;
  const { files } = cache;
  const names = exists ? settleFiles(cache, folder) : [];
  const bases = names.map(baseOffsetOf).filter((base) => base !== null);
  removeOrphans(cache.files, folder, names);
  const segments = bases.map((base) => new Segment(cache, folder, base, -1, nowMs));
  const known = parseLeaderEpochs(exists ? files.read(join(folder, LEADER_EPOCH_FILE)) : null);
  // Epochs that are learned from all batches are written when all were read: half of them would be believed by a start that comes after a kill.
  let isKnown = known !== null || segments.length === 0;
  const epochs = new LeaderEpochs(known ?? [], (text) => {
    if (isKnown) options.persistEpochs(text);
  });
  const producers = new LogProducers(options.producers, new ProducerSnapshots(files, folder, names), options.logger);
  if (segments.length === 0) {
    producers.reset();
    const fresh = new Segment(cache, folder, logStartOffset, null, nowMs);
    return {
      segments: new SegmentList([fresh]),
      epochs,
      producers,
      nextOffset: logStartOffset,
      verifiedFrom: logStartOffset,
      cutBytes: 0,
      droppedSegments: 0,
    };
  }

  const active = segments.at(-1)!;
  active.size = active.log.handle().size(); // a .log that cannot be opened is no damage: it must not look like some
  const opened = verify(segments, epochs, { ...options, allSegments: known === null, names: new Set(names) });
  epochs.truncateEnd(opened.nextOffset + 1);
  if (!isKnown) options.persistEpochs(leaderEpochText(epochs.list()));
  isKnown = true;
  if (options.unclean && !agree(epochs, opened.segments, options.recoveryPoint)) epochs.relearn(batchEpochs(opened.segments));
  const { recovered, ...log } = opened;
  // Else another power failure brings back a segment that begins before what is appended now ends.
  if (log.droppedSegments > 0) files.syncDirectory(folder);
  producers.reload(log.segments, segments[0]!.baseOffset, log.nextOffset, options.highWatermark, recovered);
  for (const segment of recovered) {
    segment.anyAborted?.spill();
    if (segment.baseOffset < log.verifiedFrom) segment.anyAborted?.syncSync();
  }
  return { ...log, epochs, producers };
}

/** A power failure may leave the indexes of a segment that it took: they would count as those of the next one that begins there. */
function removeOrphans(files: Files, folder: string, names: readonly string[]): void {
  const all = new Set(names);
  const orphans = names.filter((name) => INDEX_FILE.test(name) && !all.has(segmentFile(Number(name.slice(0, 20)), 'log')));
  for (const name of orphans) files.remove(join(folder, name));
  if (orphans.length > 0) files.syncDirectory(folder);
}

/**
 * Whether the leader epochs are those of the batches behind the recovery point, and of the last. After a power failure the file may be
 * an older one, which knows of epochs that were cut off since, and not of those that came in their place. Those before the recovery point were
 * made durable with it.
 */
function agree(epochs: LeaderEpochs, segments: SegmentList, recoveryPoint: number): boolean {
  const { active } = segments;
  let sound = true;
  const check = ({ baseOffset, partitionLeaderEpoch }: { baseOffset: number; partitionLeaderEpoch: number }) => {
    sound &&= epochs.epochOf(baseOffset) === partitionLeaderEpoch;
  };
  // Every batch: an epoch that is missing in the middle shows nowhere else. They have just been verified, which takes longer.
  for (const { log, size } of segments.from(recoveryPoint)) {
    scanHeaders(log.handle(), 0, size, (header) => {
      check(header);
      return !sound;
    });
  }
  let last = { baseOffset: -1, partitionLeaderEpoch: -1 };
  scanHeaders(active.log.handle(), active.lastStart, active.size, ({ baseOffset, partitionLeaderEpoch }) => {
    last = { baseOffset, partitionLeaderEpoch };
    return false;
  });
  check(last);
  return sound;
}

/** Where each leader epoch begins, by the headers of all batches. */
function batchEpochs({ all }: SegmentList): EpochStart[] {
  const starts: EpochStart[] = [];
  for (const { log, size } of all) {
    scanHeaders(log.handle(), 0, size, ({ baseOffset, partitionLeaderEpoch: epoch }) => {
      if (epoch > (starts.at(-1)?.epoch ?? -1)) starts.push({ epoch, startOffset: baseOffset });
      return false;
    });
  }
  return starts;
}

function verify(
  segments: readonly Segment[],
  epochs: LeaderEpochs,
  options: OpenOptions & { allSegments: boolean; names: ReadonlySet<string> },
): Pick<OpenedLog, 'segments' | 'nextOffset' | 'verifiedFrom' | 'cutBytes' | 'droppedSegments'> & { recovered: Segment[] } {
  const { indexIntervalBytes, recoveryPoint, unclean, allSegments, names } = options;
  const kept: Segment[] = [];
  const recoveredOnes: Segment[] = [];
  let nextOffset = segments[0]!.baseOffset;
  let verifiedFrom = Number.POSITIVE_INFINITY;
  let cutBytes = 0;
  for (const [i, segment] of segments.entries()) {
    const isLast = i === segments.length - 1;
    const end = isLast ? trustedEnd(segment) : segments[i + 1]!.baseOffset;
    // A full segment gets its last time entry after its records were flushed: the recovery point vouches for it once it is behind. The last
    // one ends where the recovery point is, or it holds something that was not flushed, whose header may say anything.
    const isEnd = end === recoveryPoint || (!unclean && recoveryPoint === 0);
    const flushed = end !== null && (isLast ? isEnd : !unclean || end < recoveryPoint);
    // Of a log of thousands of segments no file is opened but those of the last: a lookup tells an index that is not its .log's.
    const isWhole = isLast ? hasIndexes(segment) && !(unclean && hasTimesBehind(segment, end ?? 0)) : namesIndexes(names, segment);
    const hasAborted = names.has(segmentFile(segment.baseOffset, 'txnindex'));
    if (!hasAborted) segment.lacksAborted();
    const trusted = flushed && !allSegments && isWhole && (!hasAborted || segment.aborted.isSane(end));
    kept.push(segment);
    if (trusted) {
      nextOffset = end;
      continue;
    }
    const promisedTo = !unclean && recoveryPoint > 0 ? Number.POSITIVE_INFINITY : recoveryPoint;
    const recovered = recoverSegment(segment, epochs, { nextOffset, promisedTo, indexIntervalBytes });
    recoveredOnes.push(segment);
    if (!unclean && isLast) checkEnd(segment, recovered, recoveryPoint);
    if (recovered.nextOffset <= recoveryPoint)
      segment.flushSync(); // the recovery point vouches for the new indexes already
    else verifiedFrom = Math.min(verifiedFrom, segment.baseOffset);
    nextOffset = recovered.nextOffset;
    cutBytes += recovered.cutBytes;
    const hole = !isLast && isLoss(nextOffset, segments[i + 1]!.baseOffset, options);
    if (recovered.cutBytes === 0 && !hole) continue;
    // A log is a prefix of what was written: what follows a loss goes too.
    segment.flushSync();
    for (const dropped of segments.slice(i + 1).reverse()) {
      cutBytes += dropped.size;
      dropped.remove();
    }
    verifiedFrom = Math.min(verifiedFrom, nextOffset); // the recovery point may lie behind what is left
    const droppedSegments = segments.length - kept.length;
    return { segments: new SegmentList(kept), nextOffset, verifiedFrom, cutBytes, droppedSegments, recovered: recoveredOnes };
  }
  verifiedFrom = Math.min(verifiedFrom, nextOffset);
  return { segments: new SegmentList(kept), nextOffset, verifiedFrom, cutBytes, droppedSegments: 0, recovered: recoveredOnes };
}

/**
 * After a clean end the recovery point is the log's end. A log that ends before it has lost something, or its last batch has another base offset than it
 * had, as has one behind a gap that ends beyond it.
 */
function checkEnd({ log }: Segment, { nextOffset, lastGap }: Recovered, recoveryPoint: number): void {
  const beyond = nextOffset - recoveryPoint;
  if (recoveryPoint > 0 && (beyond < 0 || (beyond > 0 && lastGap >= beyond)))
    throw new DamageError(
      `${log.path} is damaged: its last record batch ends at offset ${nextOffset}, it was written to end at ${recoveryPoint}`,
    );
}

/**
 * Whether records are lost between two segments. After a power failure a later one may be there and the end of an earlier one not, which must
 * not be taken for what compaction left.
 */
function isLoss(nextOffset: number, baseOffset: number, { gapsBefore }: OpenOptions): boolean {
  // A gap that no segment could have filled is one of the leader's log.
  return nextOffset < baseOffset && baseOffset > gapsBefore && baseOffset - nextOffset <= MAX_RELATIVE_OFFSET;
}

/** Offset behind the last segment's last batch by its headers alone; null when something there is no batch, so that it must be verified. */
function trustedEnd(segment: Segment): number | null {
  try {
    return hasIndexes(segment) ? segment.readNextOffset() : null;
  } catch {
    return null;
  }
}

/** After a power failure the time index may know batches that the .log lost. */
function hasTimesBehind({ times }: Segment, end: number): boolean {
  return (times.last()?.offset ?? -1) >= end;
}

function namesIndexes(names: ReadonlySet<string>, { baseOffset }: Segment): boolean {
  return names.has(segmentFile(baseOffset, 'index')) && names.has(segmentFile(baseOffset, 'timeindex'));
}

/** Whether the indexes are there and can be those of this .log. */
function hasIndexes({ size, offsets, times }: Segment): boolean {
  if (!offsets.file.exists() || !times.file.exists() || !offsets.file.isSane() || !times.file.isSane()) return false;
  return offsets.file.count === 0 ? size > 0 || times.file.count === 0 : offsets.lastPosition() < size;
}
