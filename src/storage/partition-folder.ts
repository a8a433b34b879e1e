import { join } from 'node:path';
import type { Files } from '../core/files.ts';
import { inTurn } from './in-turn.ts';

/** Names and small files of a partition's folder, as Apache Kafka has them. */

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

export const METADATA_FILE = 'partition.metadata';
export const LEADER_EPOCH_FILE = 'leader-epoch-checkpoint';

export function folderName({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`;
}

/** `orders-3` is partition 3 of orders; null for names of anything else. */
export function parseFolderName(name: string): TopicPartition | null {
  const match = /^([a-zA-Z0-9._-]{1,249})-(0|[1-9]\d{0,9})$/.exec(name);
  return match ? { topic: match[1]!, partition: Number(match[2]) } : null;
}

/** A folder that is to be removed; what a crash left of it is removed at the next start. `unique` tells two of the same name apart. */
export function deletedName(name: string, unique: string): string {
  return suffixed(name, unique, 'delete');
}
export function isDeletedName(name: string): boolean {
  return /\.[0-9a-f]{32}-delete$/.test(name);
}

/** A folder of a topic that nobody knows (any more), out of the way of one that has its name. */
export function strayName(name: string, unique: string): string {
  return suffixed(name, unique, 'stray');
}
export function isStrayName(name: string): boolean {
  return /\.[0-9a-f]{32}-stray$/.test(name);
}

/** A replica on its way into this directory. Its `unique` is that of the folder which it replaces when that is renamed to be removed. */
export function futureName(name: string, unique: string): string {
  return `${name}.${unique}-future`;
}
export function parseFutureName(name: string): { readonly name: string; readonly unique: string } | null {
  const match = /^(.+)\.([0-9a-f]{32})-future$/.exec(name);
  return match && parseFolderName(match[1]!) ? { name: match[1]!, unique: match[2]! } : null;
}

/** Kafka keeps these within 255 characters, the longest name most file systems take. */
function suffixed(name: string, unique: string, suffix: string): string {
  const tail = `.${unique}-${suffix}`;
  return name.slice(0, 255 - tail.length) + tail;
}

/** The topic id that a folder says it belongs to; null when it does not say. */
export function readTopicId(files: Files, folder: string): string | null {
  const text = files.read(join(folder, METADATA_FILE))?.toString('utf8') ?? '';
  return /^version: 0\ntopic_id: ([A-Za-z0-9_-]{22})\s*$/.exec(text)?.[1] ?? null;
}

/** Whether a folder was only just made: there is nothing in it yet but what should have told whose it is. */
export function isNameless(files: Files, folder: string): boolean {
  return files.list(folder).every((name) => name === `${METADATA_FILE}.tmp`);
}

export function writeTopicId(files: Files, folder: string, topicId: string): void {
  writeSmallFile(files, join(folder, METADATA_FILE), `version: 0\ntopic_id: ${topicId}\n`);
}

/**
 * Replaces a small file so that no reader of this run, nor after a crash of the process, sees half of it; durable only after `syncFolder`.
 * (Files.replace syncs at once, which a first append to each of 1,000 partitions would feel.)
 */
export function writeSmallFile(files: Files, path: string, content: string | Uint8Array): void {
  const temporary = `${path}.tmp`;
  files.remove(temporary);
  try {
    const handle = files.open(temporary, 'rw');
    try {
      handle.writeSync([typeof content === 'string' ? Buffer.from(content) : content], 0);
    } finally {
      handle.close();
    }
    files.rename(temporary, path);
  } catch (error) {
    removeQuietly(files, temporary);
    throw error;
  }
}

/** Half a file on a full disk, say: what went wrong is told already. */
function removeQuietly(files: Files, path: string): void {
  try {
    files.remove(path);
  } catch {
    // It is written anew before it is ever read.
  }
}

/** Makes the folder's small files, its entries, and its own entry durable. */
export function syncFolder(files: Files, folder: string): void {
  for (const path of smallFiles(folder)) {
    if (!files.exists(path)) continue;
    const handle = files.open(path, 'rw');
    try {
      handle.syncSync();
    } finally {
      handle.close();
    }
  }
  for (const path of foldersOf(folder)) files.syncDirectory(path);
}

/** As `syncFolder`, without holding the caller up. */
export function syncFolderLater(files: Files, folder: string, done: (error: Error | null) => void): void {
  const small = smallFiles(folder).map((path) => (next: (error: Error | null) => void) => {
    if (!files.exists(path)) return next(null); // by now the folder may be gone, or another's
    const handle = files.open(path, 'rw');
    handle.sync((error) => {
      handle.close();
      next(error);
    });
  });
  const folders = foldersOf(folder).map((path) => (next: (error: Error | null) => void) => files.syncDirectoryLater(path, next));
  inTurn([...small, ...folders], done);
}

const smallFiles = (folder: string): string[] => [METADATA_FILE, LEADER_EPOCH_FILE].map((name) => join(folder, name));
const foldersOf = (folder: string): string[] => [folder, join(folder, '..')];
