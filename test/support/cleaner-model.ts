import { eachBatch } from '../../src/protocol/records/batch.ts';
import { readRecords } from '../../src/protocol/records/walk.ts';

/** A batch as a plain object. */
export interface ModelBatch {
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly leaderEpoch: number;
  readonly codec: number;
  readonly producer: string;
  readonly producerId: number;
  readonly isTransactional: boolean;
  readonly marker: 'commit' | 'abort' | 'spent' | null;
  /** From when its tombstones, or its marker, may go. */
  readonly horizonMs: number | null;
  readonly maxTimestamp: number;
  readonly records: readonly ModelRecord[];
}

export interface ModelRecord {
  readonly offset: number;
  readonly timestamp: number;
  readonly key: string | null;
  readonly value: string | null;
  readonly headers: string;
}

export interface ModelRound {
  /** Keys count from here on. */
  readonly firstDirtyOffset: number;
  /** Nothing from here on is touched. */
  readonly endOffset: number;
  readonly highWatermark: number;
  readonly nowMs: number;
  readonly deleteRetentionMs: number;
}

const text = (bytes: Uint8Array | null) => bytes && Buffer.from(bytes).toString('latin1');

export function modelBatches(log: Uint8Array): ModelBatch[] {
  return Array.from(eachBatch(log), (batch) => {
    if (!batch.crcMatches()) throw new Error(`the CRC of batch ${batch.baseOffset} is wrong`);
    const records = readRecords(batch).map(({ offset, timestamp, key, value, headers }) => ({
      ...{ offset, timestamp, key: text(key), value: text(value) },
      headers: JSON.stringify(headers.map((header) => [header.key, text(header.value)])),
    }));
    const type = records[0]?.key?.charCodeAt(3);
    return {
      ...{ baseOffset: batch.baseOffset, lastOffset: batch.lastOffset, leaderEpoch: batch.partitionLeaderEpoch, codec: batch.codecId },
      producer: `${batch.producerId}/${batch.producerEpoch}/${batch.baseSequence}`,
      producerId: batch.producerId,
      isTransactional: batch.isTransactional,
      marker: !batch.isControl ? null : type === 0 ? 'abort' : type === 1 ? 'commit' : 'spent',
      horizonMs: batch.hasDeleteHorizon ? batch.baseTimestamp : null,
      maxTimestamp: batch.maxTimestamp,
      records,
    };
  });
}

/**
 * What compaction leaves of a log, by its rules and nothing else:
 * - the last record of each key stays, records without key go;
 * - data of aborted transactions goes;
 * - a tombstone, or the marker of a transaction of which nothing is left, gets a horizon when compaction first meets it, and goes with the
 *   compaction that comes after it;
 * - a batch of which nothing is left goes, except the last of a producer, and the one at the high watermark.
 */
export function compacted(log: readonly ModelBatch[], round: ModelRound): ModelBatch[] {
  const outcomes = outcomesOf(log);
  const range = log.filter(({ baseOffset }) => baseOffset < round.endOffset);
  const lastOffsets = new Map<string, number>();
  for (const batch of range) {
    if (batch.marker || outcomes.get(batch) === 'aborted') continue;
    for (const { key, offset } of batch.records) if (key !== null && offset >= round.firstDirtyOffset) lastOffsets.set(key, offset);
  }
  const lastOfProducers = new Map<number, ModelBatch>();
  for (const batch of log) if (batch.producerId >= 0 && !batch.marker) lastOfProducers.set(batch.producerId, batch);
  const left: ModelBatch[] = [];
  for (const batch of range) {
    const isPast = batch.horizonMs !== null && batch.horizonMs <= round.nowMs;
    const isSpent = batch.marker !== null && !hasData(range, batch);
    const records = batch.records.filter(({ key, value, offset }) => {
      if (batch.marker) return !(isSpent && isPast);
      if (outcomes.get(batch) === 'aborted' || key === null || (value === null && isPast)) return false;
      return offset >= (lastOffsets.get(key) ?? 0);
    });
    const isKept = lastOfProducers.get(batch.producerId) === batch || batch.lastOffset + 1 === round.highWatermark;
    if (records.length === 0 && !isKept) continue;
    if (records.length === 0) left.push({ ...batch, records, horizonMs: null, codec: 0, marker: batch.marker && 'spent' });
    else left.push(withHorizon(batch, records, isSpent, round));
  }
  return [...left, ...log.filter(({ baseOffset }) => baseOffset >= round.endOffset)];
}

function withHorizon(batch: ModelBatch, records: readonly ModelRecord[], isSpent: boolean, round: ModelRound): ModelBatch {
  const waits = isSpent || (!batch.marker && records.some(({ value }) => value === null));
  const horizonMs = batch.horizonMs ?? (waits ? round.nowMs + round.deleteRetentionMs : null);
  const isSame = records.length === batch.records.length && horizonMs === batch.horizonMs;
  return {
    ...batch,
    records,
    horizonMs,
    maxTimestamp: isSame ? batch.maxTimestamp : Math.max(...records.map(({ timestamp }) => timestamp)),
  };
}

/** What became of the transaction that each batch is of. */
function outcomesOf(log: readonly ModelBatch[]): Map<ModelBatch, 'aborted' | 'committed'> {
  const outcomes = new Map<ModelBatch, 'aborted' | 'committed'>();
  for (const [i, batch] of log.entries()) {
    if (batch.marker || !batch.isTransactional) continue;
    const end = log
      .slice(i + 1)
      .find(({ producerId, marker }) => producerId === batch.producerId && (marker === 'abort' || marker === 'commit'));
    if (end) outcomes.set(batch, end.marker === 'abort' ? 'aborted' : 'committed');
  }
  return outcomes;
}

/** Whether a batch is left, be it empty, of the transaction that a marker ends. */
function hasData(range: readonly ModelBatch[], marker: ModelBatch): boolean {
  if (marker.marker === 'spent') return false;
  const before = range.slice(0, range.indexOf(marker)).filter(({ producerId }) => producerId === marker.producerId);
  const last = before.findLast((batch) => batch.isTransactional);
  return last !== undefined && !last.marker;
}
