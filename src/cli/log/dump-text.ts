import type { FileHandle } from '../../core/files.ts';
import { checkpointLines, isCount } from '../../storage/checkpoints.ts';
import { parseLeaderEpochs } from '../../storage/leader-epochs.ts';
import { type LineWriter, pairs } from './line-writer.ts';

/** A line for each of a million partitions. */
const MAX_TEXT_BYTES = 64 * 1024 * 1024;

/** The whole of a small file; null: it is larger than such a file gets. */
export function readText(file: FileHandle): Buffer | null {
  const size = file.size();
  if (size > MAX_TEXT_BYTES) return null;
  const bytes = Buffer.alloc(size);
  return bytes.subarray(0, file.readSync(bytes, 0));
}

export function dumpLeaderEpochs(path: string, content: Buffer, writer: LineWriter): void {
  const entries = parseLeaderEpochs(content);
  if (entries === null) {
    dumpDamagedText(path, content, writer);
    return;
  }
  for (const { epoch, startOffset } of entries) {
    writer.row({ type: 'leaderEpoch', file: path, epoch, startOffset }, pairs({ epoch, startOffset }));
  }
  if (entries.length === 0) writer.row({ type: 'noEntries', file: path }, 'no entries');
}

export function dumpOffsetCheckpoint(path: string, content: Buffer, writer: LineWriter): void {
  const lines = content.byteLength === 0 ? [] : checkpointLines(content); // Kafka takes an empty file for one without entries
  const entries = lines?.map((line) => line.split(' '));
  if (!entries?.every(([, partition, offset, more]) => more === undefined && isCount(partition) && isCount(offset))) {
    dumpDamagedText(path, content, writer);
    return;
  }
  for (const [topic, partition, offset] of entries) {
    const row = { topic: topic!, partition: Number(partition), offset: Number(offset) };
    writer.row({ type: 'partitionOffset', file: path, ...row }, pairs(row));
  }
  if (entries.length === 0) writer.row({ type: 'noEntries', file: path }, 'no entries');
}

export function dumpProperties(path: string, content: Buffer, writer: LineWriter): void {
  for (const line of content.toString('utf8').split('\n')) {
    const match = /^([^#!=:\s]+)\s*[=:]\s*(.*?)\s*$/.exec(line);
    if (match) writer.row({ type: 'property', file: path, name: match[1]!, value: match[2]! }, `${match[1]}: ${match[2]}`);
    else if (line.trim() !== '' && !/^\s*[#!]/.test(line))
      writer.row({ type: 'unreadable', file: path, line }, `not understood: ${JSON.stringify(line)}`);
  }
}

export function dumpJson(path: string, content: Buffer, writer: LineWriter): void {
  try {
    const value: unknown = JSON.parse(content.toString('utf8'));
    writer.row({ type: 'content', file: path, value }, JSON.stringify(value));
  } catch {
    dumpDamagedText(path, content, writer);
  }
}

const SHOWN_CHARACTERS = 200;

function dumpDamagedText(path: string, content: Buffer, writer: LineWriter): void {
  const begins = JSON.stringify(content.toString('utf8', 0, SHOWN_CHARACTERS));
  const why = content.byteLength === 0 ? 'it is empty' : `it is damaged or of another version; it begins with ${begins}`;
  writer.row({ type: 'unreadable', file: path, why }, why);
}
