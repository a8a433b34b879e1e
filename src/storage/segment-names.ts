/** What Kafka adds to the names of a segment's files before it removes them. */
export const DELETED = '.deleted';
/** Of a segment that compaction writes; and of one that is whole, and about to take the place of those that it was made from. */
export const CLEANED = '.cleaned';
export const SWAP = '.swap';

/** Kafka's file name of a segment's part. */
export function segmentFile(baseOffset: number, suffix: string): string {
  return `${String(baseOffset).padStart(20, '0')}.${suffix}`;
}

/** Base offset of a .log file's name, null for any other name. */
export function baseOffsetOf(name: string): number | null {
  return /^\d{20}\.log$/.test(name) ? Number(name.slice(0, 20)) : null;
}
