import { join } from 'node:path';
import type { Files } from '../core/files.ts';

/**
 * Kafka's checkpoint files of a data directory, one line per partition: version 0, a count, then `topic partition offset`.
 */
export type CheckpointName =
  | 'recovery-point-offset-checkpoint'
  | 'replication-offset-checkpoint'
  | 'log-start-offset-checkpoint'
  | 'cleaner-offset-checkpoint';

/** Offsets by `topic-partition`, the name of the partition's folder. */
export type Checkpoint = Map<string, number>;

const VERSION = '0';

/** The offsets of a checkpoint file; empty when the file is missing or damaged: a checkpoint only saves work, or says what is durable already. */
export function readCheckpoint(files: Files, directory: string, name: CheckpointName): Checkpoint {
  const lines = checkpointLines(files.read(join(directory, name)));
  const offsets: Checkpoint = new Map();
  for (const line of lines ?? []) {
    const [topic, partition, offset, more] = line.split(' ');
    if (more !== undefined || !isCount(partition) || !isCount(offset)) return new Map();
    offsets.set(`${topic}-${partition}`, Number(offset));
  }
  return offsets;
}

export function writeCheckpoint(files: Files, directory: string, name: CheckpointName, offsets: Checkpoint): void {
  files.replace(join(directory, name), offsetsText(offsets));
}

export function offsetsText(offsets: Checkpoint): string {
  const lines = [...offsets].map(([folder, offset]) => {
    const dash = folder.lastIndexOf('-');
    return `${folder.slice(0, dash)} ${folder.slice(dash + 1)} ${offset}`;
  });
  return checkpointText(lines);
}

/** A checkpoint file's text: version, count, entries. */
export function checkpointText(lines: readonly string[]): string {
  return [VERSION, lines.length, ...lines, ''].join('\n');
}

/** The entries of a checkpoint file; null when it is missing, of another version, or not whole. */
export function checkpointLines(content: Buffer | null): string[] | null {
  const [version, count, ...lines] = (content?.toString('utf8') ?? '').split('\n');
  if (lines.at(-1) !== '') return null; // a power failure has left a part of it: "0" and a line end, or half a number
  while (lines.at(-1) === '') lines.pop();
  return version === VERSION && isCount(count) && Number(count) === lines.length ? lines : null;
}

export function isCount(text: string | undefined): text is string {
  return text !== undefined && /^\d{1,16}$/.test(text);
}
