import { forEachRecord } from '../protocol/records/walk.ts';
import { scanHeaders } from './batch-scanner.ts';
import type { Segment } from './segment.ts';

/** One record found by its time. */
export interface TimestampOffset {
  readonly offset: number;
  readonly timestamp: number;
  readonly leaderEpoch: number;
}

/**
 * The first record at or behind `fromOffset`, and before `endOffset`, whose timestamp is `timestamp` or later: by record, inside compressed
 * batches too.
 */
export function findByTimestamp(
  segments: readonly Segment[],
  timestamp: number,
  fromOffset: number,
  endOffset: number,
): TimestampOffset | null {
  for (const segment of segments) {
    if (segment.size === 0 || segment.maxTimestamp < timestamp) continue;
    // What has a higher timestamp than an entry lies behind the entry's batch, or in it.
    const behind = segment.timeBefore(timestamp)?.offset ?? segment.baseOffset;
    const found = firstRecord(segment, timestamp, Math.max(behind, fromOffset, segment.baseOffset), fromOffset, endOffset);
    if (found) return found;
  }
  return null;
}

/** The first record with the highest timestamp of the log, which is -1 where none has a timestamp; null when there is no record. */
export function findMaxTimestamp(segments: readonly Segment[], fromOffset: number, endOffset: number): TimestampOffset | null {
  let highest: Segment | undefined;
  for (const segment of segments) {
    if (segment.size > 0 && (!highest || segment.maxTimestamp > highest.maxTimestamp)) highest = segment;
  }
  if (!highest) return null;
  return firstRecord(highest, highest.maxTimestamp, Math.max(highest.offsetOfMaxTimestamp, highest.baseOffset), fromOffset, endOffset);
}

function firstRecord(segment: Segment, timestamp: number, scanFrom: number, fromOffset: number, endOffset: number): TimestampOffset | null {
  let position = segment.positionOf(scanFrom);
  while (position < segment.size) {
    position = scanHeaders(segment.log.handle(), position, segment.size, (header) => header.maxTimestamp >= timestamp);
    if (position >= segment.size) return null;
    const batch = segment.batchAt(position);
    if (batch.baseOffset >= endOffset) return null;
    const leaderEpoch = batch.partitionLeaderEpoch;
    let found: TimestampOffset | null = null;
    forEachRecord(batch, (record) => {
      if (record.timestamp < timestamp || record.offset < fromOffset) return true;
      found = { offset: record.offset, timestamp: record.timestamp, leaderEpoch };
      return false;
    });
    if (found) return found;
    position += batch.sizeInBytes;
  }
  return null;
}
