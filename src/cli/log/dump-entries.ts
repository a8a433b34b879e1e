import type { FileHandle } from '../../core/files.ts';
import { crc32c } from '../../protocol/records/crc.ts';
import { type Entry, type EntryLayout, EntryReader, entryLayouts } from './entry-files.ts';
import { type LineWriter, pairs, timeText } from './line-writer.ts';

/** Entries between turns of the event loop. */
const SLICE_ENTRIES = 4096;

/** The entries of a .index; offsets are absolute. */
export async function dumpOffsetIndex(path: string, file: FileHandle, baseOffset: number, writer: LineWriter): Promise<void> {
  const { offsetIndex } = await entryLayouts();
  await dumpEntries(path, file, offsetIndex, writer, ({ relativeOffset, position }) => {
    const offset = baseOffset + relativeOffset;
    writer.row({ type: 'offsetIndexEntry', file: path, offset, position }, pairs({ offset, position }));
  });
}

export async function dumpTimeIndex(path: string, file: FileHandle, baseOffset: number, writer: LineWriter): Promise<void> {
  const { timeIndex } = await entryLayouts();
  await dumpEntries(path, file, timeIndex, writer, ({ relativeOffset, timestamp }) => {
    const offset = baseOffset + relativeOffset;
    writer.row({ type: 'timeIndexEntry', file: path, timestamp, offset }, pairs({ timestamp: timeText(timestamp), offset }));
  });
}

/** The aborted transactions of a segment. */
export async function dumpTransactionIndex(path: string, file: FileHandle, writer: LineWriter): Promise<void> {
  const { transactionIndex } = await entryLayouts();
  await dumpEntries(path, file, transactionIndex, writer, (entry) => {
    writer.row({ type: 'abortedTransaction', file: path, ...entry }, pairs(entry));
  });
}

async function dumpEntries<Field extends string>(
  path: string,
  file: FileHandle,
  layout: EntryLayout<Field>,
  writer: LineWriter,
  write: (entry: Entry<Field>) => void,
): Promise<void> {
  const reader = new EntryReader(file, layout);
  for (let entry = reader.peek(); entry; entry = reader.peek()) {
    write(entry);
    reader.skip();
    if (reader.index % SLICE_ENTRIES === 0) await turn(file);
  }
  const { count, restBytes, zeroBytes } = reader;
  if (count === 0) writer.row({ type: 'noEntries', file: path }, 'no entries');
  if (zeroBytes > 0)
    writer.row({ type: 'zeros', file: path, bytes: zeroBytes }, `${zeroBytes} bytes of zeros follow, kept free for more entries`);
  if (restBytes > 0) {
    const why = `${restBytes} bytes at the end are no whole entry`;
    writer.row({ type: 'rest', file: path, position: file.size() - restBytes, leftBytes: restBytes, why }, why);
  }
}

/** Lets the event loop notice what happens outside, such as a reader who has seen enough. */
function turn(file: FileHandle): Promise<void> {
  return new Promise((resolve, reject) => file.read(Buffer.alloc(1), 0, (error) => (error ? reject(error) : resolve())));
}

/** Version i16, CRC-32C u32 of what follows, count i32. */
const SNAPSHOT_HEADER_BYTES = 10;
const SNAPSHOT_VERSION = 1;
/** Some 5 million producers; more than any log of a broker that runs has. */
export const MAX_SNAPSHOT_BYTES = 256 * 1024 * 1024;

/** The producers of a .snapshot. */
export async function dumpSnapshot(path: string, file: FileHandle, writer: LineWriter): Promise<void> {
  const refuse = (why: string) => writer.row({ type: 'unreadable', file: path, why }, why);
  const size = file.size();
  if (size < SNAPSHOT_HEADER_BYTES) return refuse(`${size} bytes, too few for a snapshot`);
  if (size > MAX_SNAPSHOT_BYTES) return refuse(`${size} bytes, too many for a snapshot`);
  const bytes = Buffer.alloc(size);
  file.readSync(bytes, 0);
  const version = bytes.readInt16BE(0);
  if (version !== SNAPSHOT_VERSION) return refuse(`version ${version}, which is not known`);
  const { producer } = await entryLayouts();
  const crc = bytes.readUInt32BE(2);
  const crcValid = crc32c(bytes.subarray(6)) === crc;
  const count = bytes.readInt32BE(6);
  const row = { type: 'snapshot', file: path, version, crc, crcValid, count };
  writer.row(row, pairs({ version, crc: crcValid ? 'ok' : 'WRONG', producers: count }));
  const there = Math.floor((size - SNAPSHOT_HEADER_BYTES) / producer.bytes);
  const end = SNAPSHOT_HEADER_BYTES + Math.max(0, Math.min(count, there)) * producer.bytes;
  const slice = SLICE_ENTRIES * producer.bytes;
  for (let at = SNAPSHOT_HEADER_BYTES; at < end; at += slice) {
    for (const entry of producer.decode(bytes.subarray(at, Math.min(at + slice, end)))) {
      const { currentTxnFirstOffset, timestamp, lastSequence, lastOffset, offsetDelta, ...rest } = entry;
      const text = pairs({
        ...rest,
        lastSequence,
        ...(lastOffset < 0 ? {} : { firstOffset: lastOffset - offsetDelta, lastOffset }),
        timestamp: timeText(timestamp),
        currentTxnFirstOffset: currentTxnFirstOffset < 0 ? undefined : currentTxnFirstOffset,
      });
      writer.row({ type: 'producer', file: path, ...entry }, text);
    }
    await turn(file);
  }
  if (size !== end || there !== count) {
    const why = `${size - end} bytes follow, and its header counts ${count} producers`;
    writer.row({ type: 'rest', file: path, position: end, leftBytes: size - end, why }, why);
  }
}
