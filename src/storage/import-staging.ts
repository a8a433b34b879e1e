import { extname, join } from 'node:path';
import type { FileHandle, Files } from '../core/files.ts';
import { type CheckpointName, readCheckpoint, writeCheckpoint } from './checkpoints.ts';
import { type DataDirectory, isMarkedClean, markCleanEnd, markInUse } from './data-directory.ts';
import type { SourcePartition } from './import-source.ts';
import { readTopicId } from './partition-folder.ts';

/** A topic whose folders are about to be put into a data directory. */
export interface PlacedTopic {
  readonly name: string;
  readonly topicId: string;
  /** Names of its partitions' folders. */
  readonly folders: readonly string[];
}

/** The metadata store, as far as an import needs it. */
export interface ImportLedger {
  isCommitted(topic: PlacedTopic): Promise<boolean>;
  /** Takes a topic out again. */
  forget(topic: PlacedTopic): Promise<void>;
}

/** What is needed to take back folders that are in their place already. */
interface Journal {
  readonly topics: readonly PlacedTopic[];
  /** The data directory had ended cleanly before. */
  readonly endedCleanly: boolean;
}

const STAGING = '.import';
const JOURNAL = 'journal.json';
const ENTRY_BYTES: Readonly<Record<string, number>> = { '.index': 8, '.timeindex': 12 };
const BLOCK_BYTES = 64 * 1024;

/**
 * Puts partition folders into a data directory so that the commit of the first of their topics in the metadata store decides: folders are
 * copied into `.import`, noted in a journal, moved to their places, and then committed by the caller, the first topic last. What a crash leaves
 * is taken back by `settleImport` at the next start, unless the first topic is committed.
 */
export class ImportStaging {
  private readonly files: Files;
  private readonly path: string;
  private readonly staging: string;

  constructor({ files, path }: DataDirectory) {
    this.files = files;
    this.path = path;
    this.staging = join(path, STAGING);
    files.makeDirectory(this.staging);
    files.syncDirectory(path);
  }

  /** Copies a folder, durably. `copied` is told after each file how many bytes that was. */
  copy(partition: SourcePartition, copied: (bytes: number) => void): void {
    const { files } = this;
    const folder = join(this.staging, partition.name);
    files.makeDirectory(folder);
    for (const { name, bytes } of partition.files) {
      const target = join(folder, name);
      files.copy(join(partition.path, name), target);
      const handle = files.open(target, 'rw');
      try {
        const entryBytes = ENTRY_BYTES[extname(name)];
        if (entryBytes) cutUnused(handle, entryBytes);
        handle.syncSync();
      } finally {
        handle.close();
      }
      copied(bytes);
    }
    files.syncDirectory(folder);
    files.syncDirectory(this.staging);
  }

  /** Moves all copied folders to their places. @param endedCleanly whether their own broker did: if not, they must be verified */
  place(topics: readonly PlacedTopic[], partitions: readonly SourcePartition[], endedCleanly: boolean): void {
    const { files, path, staging } = this;
    const journal: Journal = { topics, endedCleanly: isMarkedClean(files, path) };
    files.replace(join(staging, JOURNAL), JSON.stringify(journal));
    if (!endedCleanly) markInUse({ files, path });
    changeCheckpoint(files, path, 'recovery-point-offset-checkpoint', (offsets) => {
      for (const { name, recoveryPoint } of partitions) if (recoveryPoint > 0) offsets.set(name, recoveryPoint);
    });
    changeCheckpoint(files, path, 'log-start-offset-checkpoint', (offsets) => {
      for (const { name, logStartOffset } of partitions) if (logStartOffset > 0) offsets.set(name, logStartOffset);
    });
    for (const { name } of partitions) files.rename(join(staging, name), join(path, name));
    files.syncDirectory(path);
  }
}

/**
 * Ends an import: keeps it when its first topic is committed, else takes all of it back. Nothing happens where none was begun. For a directory
 * that no log is open in.
 */
export async function settleImport({ files, path }: Pick<DataDirectory, 'files' | 'path'>, ledger: ImportLedger): Promise<void> {
  const staging = join(path, STAGING);
  if (!files.exists(staging)) return;
  const content = files.read(join(staging, JOURNAL));
  if (content) {
    const { topics, endedCleanly } = JSON.parse(content.toString('utf8')) as Journal; // written whole, or not at all
    if (!(await ledger.isCommitted(topics[0]!))) {
      for (const topic of topics) if (await ledger.isCommitted(topic)) await ledger.forget(topic);
      takeBack(files, path, topics, endedCleanly);
    }
  }
  files.remove(staging);
  files.syncDirectory(path);
}

function takeBack(files: Files, path: string, topics: readonly PlacedTopic[], endedCleanly: boolean): void {
  const all = topics.flatMap(({ folders, topicId }) => folders.map((name) => ({ name, topicId })));
  for (const { name, topicId } of all) {
    const staged = join(path, STAGING, name);
    const placed = join(path, name);
    if (readTopicId(files, placed) !== topicId) continue;
    files.remove(staged); // after a power failure a folder may stand in both places
    files.rename(placed, staged);
  }
  files.syncDirectory(path);
  for (const checkpoint of ['recovery-point-offset-checkpoint', 'log-start-offset-checkpoint'] as const) {
    changeCheckpoint(files, path, checkpoint, (offsets) => {
      for (const { name } of all) offsets.delete(name);
    });
  }
  if (endedCleanly) markCleanEnd({ files, path });
}

function changeCheckpoint(files: Files, path: string, name: CheckpointName, change: (offsets: Map<string, number>) => void): void {
  const before = readCheckpoint(files, path, name);
  const after = new Map(before);
  change(after);
  if (after.size !== before.size || [...after].some(([folder, offset]) => before.get(folder) !== offset)) {
    writeCheckpoint(files, path, name, after);
  }
}

/** Kafka makes the indexes of an active segment 10 MiB long, and cuts them at a clean end only. */
function cutUnused(index: FileHandle, entryBytes: number): void {
  const size = index.size();
  const block = Buffer.alloc(BLOCK_BYTES);
  let used = 0;
  for (let end = size; end > 0 && used === 0; end -= BLOCK_BYTES) {
    const from = Math.max(0, end - BLOCK_BYTES);
    const bytes = block.subarray(0, end - from);
    index.readSync(bytes, from);
    const last = bytes.findLastIndex((byte) => byte !== 0);
    if (last >= 0) used = Math.ceil((from + last + 1) / entryBytes) * entryBytes;
  }
  if (used < size) index.truncate(used);
}
