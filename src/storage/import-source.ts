import { join } from 'node:path';
import type { FileHandle, Files } from '../core/files.ts';
import { BATCH_HEADER_BYTES } from '../protocol/records/batch.ts';
import { scanHeaders } from './batch-scanner.ts';
import { type CheckpointName, checkpointLines, readCheckpoint } from './checkpoints.ts';
import { isMarkedClean } from './data-directory.ts';
import { parseLeaderEpochs } from './leader-epochs.ts';
import { LEADER_EPOCH_FILE, METADATA_FILE, parseFolderName, readTopicId } from './partition-folder.ts';
import { baseOffsetOf, segmentFile } from './segment.ts';

/** A partition's folder as another broker left it: Apache Kafka, or minikafka. */
export interface SourcePartition {
  /** Of the folder: `topic-partition`. */
  readonly name: string;
  readonly path: string;
  readonly partition: number;
  readonly topicId: string;
  /** The highest leader epoch in its log, -1: none. The next leader needs a higher one. */
  readonly latestEpoch: number;
  /** What makes up the log; other files are leftovers. */
  readonly files: readonly { readonly name: string; readonly bytes: number }[];
  readonly recoveryPoint: number;
  readonly logStartOffset: number;
}

/** A data directory (an entry of log.dirs), by the names in it alone. */
export interface SourceListing {
  readonly path: string;
  /** False: its broker was killed, or still runs. */
  readonly endedCleanly: boolean;
  /** Topic -> partitions, ascending. */
  readonly topics: ReadonlyMap<string, readonly number[]>;
  /** Folders that Kafka has set aside: `-delete`, `-future`, `-stray`. */
  readonly setAside: readonly string[];
  /** Folders that are no partition's. */
  readonly others: readonly string[];
  /** Topics that were compacted. */
  readonly compacted: ReadonlySet<string>;
}

const SET_ASIDE = /\.[0-9a-f]{32}-(delete|future|stray)$/;
const LOG_FILE = /^\d{20}\.(log|index|timeindex|txnindex|snapshot)$/;
const SMALL_FILES: readonly string[] = [LEADER_EPOCH_FILE, METADATA_FILE];
const LENGTH_AT = 8;
const MAGIC_AT = 16;
const INDEX_ENTRY_BYTES = 8;
/** Kafka's two reserved ids, of no topic and of the metadata. */
const RESERVED_IDS: readonly string[] = ['AAAAAAAAAAAAAAAAAAAAAA', 'AAAAAAAAAAAAAAAAAAAAAQ'];

export function listSource(files: Files, path: string): SourceListing {
  const topics = new Map<string, number[]>();
  const setAside: string[] = [];
  const others: string[] = [];
  for (const name of files.list(path)) {
    if (!files.isDirectory(join(path, name))) continue;
    const found = parseFolderName(name);
    if (SET_ASIDE.test(name)) setAside.push(name);
    else if (!found) others.push(name);
    else topics.set(found.topic, [...(topics.get(found.topic) ?? []), found.partition]);
  }
  for (const partitions of topics.values()) partitions.sort((a, b) => a - b);
  // The cleaner notes here how far it came, in the form of the other checkpoints.
  const cleaned = (checkpointLines(files.read(join(path, 'cleaner-offset-checkpoint'))) ?? []).map((line) => line.split(' ')[0]!);
  return { path, endedCleanly: isMarkedClean(files, path), topics, setAside, others, compacted: new Set(cleaned) };
}

/**
 * What has to be known of partitions before they are copied.
 * @throws Error with one line that says why a folder cannot be taken
 */
export function readSourcePartitions(files: Files, listing: SourceListing, folders: readonly string[]): SourcePartition[] {
  const recoveryPoints = checkpointOf(files, listing, 'recovery-point-offset-checkpoint');
  const logStarts = checkpointOf(files, listing, 'log-start-offset-checkpoint');
  return folders.map((name) => {
    const path = join(listing.path, name);
    const all = files.list(path);
    const swap = all.find((file) => file.endsWith('.swap'));
    if (swap) throw new Error(`${path} has ${swap}: its broker was stopped while it compacted; start it again and stop it cleanly`);
    const topicId = readTopicId(files, path);
    if (!topicId || RESERVED_IDS.includes(topicId)) throw new Error(`${path} has no partition.metadata that tells its topic id`);
    const kept = all.filter((file) => LOG_FILE.test(file) || SMALL_FILES.includes(file));
    const sized = kept.map((file) => ({ name: file, bytes: withFile(files, join(path, file), (handle) => handle.size()) }));
    refuseOldFormats(files, path, sized);
    return {
      name,
      path,
      partition: parseFolderName(name)!.partition,
      topicId,
      latestEpoch: latestEpochOf(files, path, sized),
      files: sized,
      recoveryPoint: recoveryPoints.get(name) ?? 0,
      logStartOffset: logStarts.get(name) ?? 0,
    };
  });
}

/** A damaged one is no empty one: records that were deleted would be back. */
function checkpointOf(files: Files, { path }: SourceListing, name: CheckpointName): ReadonlyMap<string, number> {
  const content = files.read(join(path, name));
  if (content && !checkpointLines(content)) throw new Error(`${join(path, name)} is damaged`);
  return readCheckpoint(files, path, name);
}

/** Segments of magic 0 and 1 begin with a message whose magic stands where that of a batch does. */
function refuseOldFormats(files: Files, path: string, sized: SourcePartition['files']): void {
  for (const { name, bytes } of sized) {
    if (!name.endsWith('.log') || bytes <= MAGIC_AT) continue;
    const start = Buffer.alloc(MAGIC_AT + 1);
    withFile(files, join(path, name), (handle) => handle.readSync(start, 0));
    const magic = start[MAGIC_AT]!;
    // Without a length there is no message, as in a file that was made long ahead (log.preallocate).
    if (magic < 2 && start.readInt32BE(LENGTH_AT) > 0)
      throw new Error(`${join(path, name)} holds messages of format version ${magic}, which this broker does not read`);
  }
}

/** The file knows of epochs without a record; the last batch knows of one that the file may have missed in a crash. */
function latestEpochOf(files: Files, path: string, sized: SourcePartition['files']): number {
  let latest = parseLeaderEpochs(files.read(join(path, LEADER_EPOCH_FILE)))?.at(-1)?.epoch ?? -1;
  const last = sized.findLast(({ name, bytes }) => name.endsWith('.log') && bytes >= BATCH_HEADER_BYTES);
  if (!last) return latest;
  const index = files.read(join(path, segmentFile(baseOffsetOf(last.name)!, 'index')));
  withFile(files, join(path, last.name), (handle) => {
    const from = lastIndexedPosition(index);
    // A wrong or torn index, or a torn end of the log: what can be read from the beginning is read.
    if (from === 0 || !scanEpochs(handle, from, last.bytes)) scanEpochs(handle, 0, last.bytes);
  });
  return latest;

  function scanEpochs(handle: FileHandle, from: number, to: number): boolean {
    try {
      scanHeaders(handle, from, to, ({ partitionLeaderEpoch, magic }) => {
        if (magic !== 2) throw new Error('no batch');
        latest = Math.max(latest, partitionLeaderEpoch);
        return false;
      });
      return true;
    } catch {
      return false;
    }
  }
}

/** Zero when there is no entry, or room for more behind the last one, as a crash leaves it. */
function lastIndexedPosition(index: Buffer | null): number {
  if (!index || index.byteLength < INDEX_ENTRY_BYTES || index.byteLength % INDEX_ENTRY_BYTES !== 0) return 0;
  return index.readInt32BE(index.byteLength - 4);
}

function withFile<T>(files: Files, path: string, act: (handle: FileHandle) => T): T {
  const handle = files.open(path, 'r');
  try {
    return act(handle);
  } finally {
    handle.close();
  }
}
