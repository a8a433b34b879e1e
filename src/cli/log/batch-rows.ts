import type { BatchView } from '../../protocol/records/batch.ts';
import { codecOf } from '../../protocol/records/compression.ts';
import { sequenceAfter } from '../../storage/producer-state.ts';
import { pairs, timeText } from './line-writer.ts';
import type { OldMessage, ScanEnd } from './log-scan.ts';

/** All that the header of a batch says. */
export interface BatchRow {
  readonly type: 'batch';
  readonly file: string;
  readonly position: number;
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly count: number;
  readonly sizeInBytes: number;
  readonly magic: number;
  readonly partitionLeaderEpoch: number;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly lastSequence: number;
  readonly transactional: boolean;
  readonly control: boolean;
  readonly compression: string;
  readonly timestampType: 'CreateTime' | 'LogAppendTime';
  readonly baseTimestamp: number;
  readonly maxTimestamp: number;
  readonly deleteHorizonMs: number | null;
  readonly crc: number;
  readonly crcValid: boolean;
}

export function batchRow(file: string, batch: BatchView, position: number): BatchRow {
  const { baseSequence, baseTimestamp, lastOffsetDelta, hasDeleteHorizon } = batch;
  return {
    type: 'batch',
    file,
    position,
    baseOffset: batch.baseOffset,
    lastOffset: batch.lastOffset,
    count: batch.count,
    sizeInBytes: batch.sizeInBytes,
    magic: batch.magic,
    partitionLeaderEpoch: batch.partitionLeaderEpoch,
    producerId: batch.producerId,
    producerEpoch: batch.producerEpoch,
    baseSequence,
    lastSequence: baseSequence < 0 ? -1 : sequenceAfter(baseSequence, lastOffsetDelta),
    transactional: batch.isTransactional,
    control: batch.isControl,
    compression: compressionName(batch.codecId),
    timestampType: batch.isLogAppendTime ? 'LogAppendTime' : 'CreateTime',
    baseTimestamp,
    maxTimestamp: batch.maxTimestamp,
    deleteHorizonMs: hasDeleteHorizon ? baseTimestamp : null,
    crc: batch.crc,
    crcValid: batch.crcMatches(),
  };
}

function compressionName(codecId: number): string {
  try {
    return codecOf(codecId).name;
  } catch {
    return `unknown (${codecId})`;
  }
}

/** One line; what most batches have not (producer, flags) is left out. */
export function batchText(row: BatchRow): string {
  const sequences = row.lastSequence === row.baseSequence ? `${row.baseSequence}` : `${row.baseSequence}-${row.lastSequence}`;
  const flags = [row.transactional && 'transactional', row.control && 'control'].filter(Boolean).join(' ');
  const text = pairs({
    position: row.position,
    offsets: row.lastOffset === row.baseOffset ? row.baseOffset : `${row.baseOffset}-${row.lastOffset}`,
    count: row.count,
    size: row.sizeInBytes,
    leaderEpoch: row.partitionLeaderEpoch,
    compression: row.compression,
    [row.timestampType]: timeText(row.maxTimestamp),
    producerId: row.producerId < 0 ? undefined : row.producerId,
    producerEpoch: row.producerId < 0 ? undefined : row.producerEpoch,
    sequence: row.baseSequence < 0 ? undefined : sequences,
    deleteHorizon: row.deleteHorizonMs === null ? undefined : timeText(row.deleteHorizonMs),
    crc: row.crcValid ? 'ok' : 'WRONG',
  });
  return flags ? `${text}  ${flags}` : text;
}

export function oldMessageRow(file: string, message: OldMessage, position: number): object {
  return { type: 'oldMessage', file, position, ...message, decoded: false };
}

export function oldMessageText({ offset, sizeInBytes, magic, crcValid }: OldMessage, position: number): string {
  const text = pairs({ position, offset, size: sizeInBytes, magic, crc: crcValid ? 'ok' : 'WRONG' });
  return `${text}  (format of Kafka before 0.11, not decoded)`;
}

export function endText({ position, leftBytes, why }: ScanEnd): string {
  return `position: ${position}  ${why}; ${leftBytes} bytes left, which were not read`;
}
