import type { FileHandle } from '../../core/files.ts';
import { forEachRecord } from '../../protocol/records/walk.ts';
import { messageOf } from '../errors.ts';
import { batchRow, batchText, endText, oldMessageRow, oldMessageText } from './batch-rows.ts';
import type { LineWriter } from './line-writer.ts';
import { scanLog } from './log-scan.ts';
import { recordRow } from './record-rows.ts';

export interface DumpLogOptions {
  /** The records of each batch, too. */
  readonly records: boolean;
  /** As records of __consumer_offsets. */
  readonly decodeOffsets: boolean;
}

/** The batches of a .log, with what is wrong with them; never throws for what the file holds. */
export async function dumpLog(path: string, file: FileHandle, writer: LineWriter, options: DumpLogOptions): Promise<void> {
  const end = await scanLog(file, {
    batch(batch, position) {
      const row = batchRow(path, batch, position);
      writer.row(row, batchText(row));
      if (!options.records) return;
      try {
        forEachRecord(batch, (record) => {
          const { row, text } = recordRow(record, batch, options.decodeOffsets);
          writer.row(row, text);
        });
      } catch (error) {
        const message = messageOf(error);
        writer.row({ type: 'unreadableRecords', position, message }, `  | its records cannot be read: ${message}`);
      }
    },
    old(message, position) {
      writer.row(oldMessageRow(path, message, position), oldMessageText(message, position));
    },
  });
  if (end.why !== null) {
    const { position, leftBytes, why } = end;
    writer.row({ type: 'rest', file: path, position, leftBytes, why }, endText(end));
  }
}
