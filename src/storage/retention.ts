import type { LogConfig } from './log-config.ts';
import type { Segment } from './segment.ts';

/** What decides over a log's oldest segments. Offsets are exclusive ends. */
export interface RetentionState {
  readonly nowMs: number;
  readonly startOffset: number;
  /** High watermark: nothing behind it is deleted. */
  readonly committedTo: number;
  /** Behind all that is queued. */
  readonly nextOffset: number;
}

/**
 * How many of a log's oldest segments may be deleted, the active one included: as Kafka, those wholly before the log start; then those
 * without which the log is still retention.bytes long; then those whose highest timestamp is more than retention.ms ago. The first that
 * must stay keeps all that follow. It stops counting at `atMost`.
 */
export function countDeletable(segments: readonly Segment[], config: LogConfig, state: RetentionState, atMost: number): number {
  const { retentionMs, retentionBytes, deletes } = config;
  const endOf = (i: number) => segments[i + 1]?.baseOffset ?? state.nextOffset;
  const mayGo = (i: number) => i < atMost && endOf(i) <= state.committedTo && (i < segments.length - 1 || segments[i]!.size > 0);
  let count = 0;
  while (count < segments.length - 1 && mayGo(count) && endOf(count) <= state.startOffset) count++;
  if (!deletes) return count;
  if (retentionBytes >= 0) {
    let excess = -retentionBytes;
    for (let i = count; i < segments.length; i++) excess += segments[i]!.size;
    for (; count < segments.length && mayGo(count) && excess >= segments[count]!.size; count++) excess -= segments[count]!.size;
  }
  if (retentionMs >= 0) while (count < segments.length && mayGo(count) && ageMs(segments[count]!, state.nowMs) > retentionMs) count++;
  return count;
}

/** By its newest record. Without timestamps it counts from when this run first saw it: what Kafka goes by, the time of the file, is not asked. */
function ageMs({ maxTimestamp, createdMs }: Segment, nowMs: number): number {
  return nowMs - (maxTimestamp >= 0 ? maxTimestamp : createdMs);
}

/**
 * The oldest segment that is left when its newest record is said to come from the future: until then nothing behind it expires either, as in
 * Kafka. null: there is none, or nothing expires here.
 */
export function heldByFuture(segments: readonly Segment[], { deletes, retentionMs }: LogConfig, nowMs: number): Segment | null {
  const [oldest] = segments;
  const isHeld = deletes && retentionMs >= 0 && segments.length > 1 && oldest!.maxTimestamp > nowMs;
  return isHeld ? oldest! : null;
}
