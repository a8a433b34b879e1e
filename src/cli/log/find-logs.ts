import { basename, dirname, join, resolve } from 'node:path';
import type { Files } from '../../core/files.ts';
import { type Checkpoint, type CheckpointName, checkpointLines, readCheckpoint } from '../../storage/checkpoints.ts';
import { parseFolderName } from '../../storage/partition-folder.ts';
import { baseOffsetOf } from '../../storage/segment.ts';
import { CliError, codeOf, messageOf, usageError } from '../errors.ts';
import type { Findings } from './findings.ts';

/** Topics that Kafka always compacts. */
const COMPACTED = new Set(['__consumer_offsets', '__transaction_state', '__share_group_state']);
const META_FILE = 'meta.properties';
const CLEAN_SHUTDOWN_FILE = '.kafka_cleanshutdown';
const HOLDER_FILE = '.lock.holder';
const CHECKPOINTS: readonly CheckpointName[] = [
  'recovery-point-offset-checkpoint',
  'replication-offset-checkpoint',
  'log-start-offset-checkpoint',
];

/** A partition's folder with its files' names, as they are now. */
export interface FoundLog {
  /** As the path of its data directory was given. */
  readonly folder: string;
  /** Name of the folder that its data directory knows it by. */
  readonly name: string;
  readonly names: readonly string[];
  /** Of the segments, ascending. */
  readonly baseOffsets: readonly number[];
}

/** What a data directory says of its logs. */
export interface DataDirectoryFacts {
  /** As it is shown. */
  readonly path: string;
  /** The mark of a clean end is missing: a broker uses it, or did when it crashed. */
  readonly mayBeInUse: boolean;
  /** What its broker says of itself; empty: nothing. */
  readonly holder: string;
  readonly checkpoints: ReadonlyMap<CheckpointName, Checkpoint>;
  isCompacted(name: string): boolean;
}

export interface FoundLogs {
  readonly logs: readonly FoundLog[];
  /** Folders of partitions that cannot be read, and why. */
  readonly unreadable: readonly { readonly folder: string; readonly what: string }[];
  /** null: the logs lie in no data directory. */
  readonly directory: DataDirectoryFacts | null;
}

/**
 * The logs of a data directory, or the one whose folder this is.
 * @throws CliError
 */
export function findLogs(files: Files, path: string): FoundLogs {
  const names = listDirectory(files, path);
  if (names.some((name) => baseOffsetOf(name) !== null)) {
    const folder = resolve(path);
    const parent = dirname(folder);
    const isInData = files.exists(join(parent, META_FILE));
    return {
      logs: [foundLog(path, basename(folder), names)],
      unreadable: [],
      directory: isInData ? factsOf(files, dirname(path) === '.' ? parent : dirname(path), parent) : null,
    };
  }
  const logs: FoundLog[] = [];
  const unreadable: { folder: string; what: string }[] = [];
  for (const name of names) {
    const folder = join(path, name);
    if (!parseFolderName(name) || !files.isDirectory(folder)) continue;
    const inFolder = listOrSay(files, folder);
    if (typeof inFolder === 'string') {
      unreadable.push({ folder, what: inFolder });
      continue;
    }
    const log = foundLog(folder, name, inFolder);
    // Folders of anything may have such names.
    if (log.baseOffsets.length > 0 || log.names.includes('partition.metadata')) logs.push(log);
  }
  // Of several log directories one may have no partition yet.
  if (logs.length + unreadable.length === 0 && !names.includes(META_FILE))
    throw usageError(`${path} is no data directory and no folder of a partition: there is no log in it`);
  return { logs, unreadable, directory: factsOf(files, path, path) };
}

/** @throws CliError */
function listDirectory(files: Files, path: string): string[] {
  if (!files.exists(path)) throw usageError(`${path}: there is no such directory`);
  if (!files.isDirectory(path)) throw usageError(`${path} is a file: name its directory, or print it with "minikafka log dump"`);
  const names = listOrSay(files, path);
  if (typeof names === 'string') throw new CliError(`${path}: ${names}`);
  return names;
}

/** The names in a folder, or why they cannot be read. */
function listOrSay(files: Files, path: string): string[] | string {
  try {
    return files.list(path);
  } catch (error) {
    return codeOf(error) === 'EACCES' ? 'no permission to read it' : `cannot be read: ${messageOf(error)}`;
  }
}

function foundLog(folder: string, name: string, names: readonly string[]): FoundLog {
  return { folder, name, names, baseOffsets: names.map(baseOffsetOf).filter((base) => base !== null) };
}

function factsOf(files: Files, shown: string, path: string): DataDirectoryFacts {
  const mayBeInUse = files.exists(join(path, META_FILE)) && !files.exists(join(path, CLEAN_SHUTDOWN_FILE));
  const cleaned = new Set(
    (checkpointLines(files.read(join(path, 'cleaner-offset-checkpoint'))) ?? []).map((line) => line.split(' ').slice(0, 2).join('-')),
  );
  return {
    path: shown,
    mayBeInUse,
    holder: (mayBeInUse && files.read(join(path, HOLDER_FILE))?.toString('utf8')) || '',
    checkpoints: new Map(CHECKPOINTS.map((name) => [name, readCheckpoint(files, path, name)])),
    isCompacted: (name) => cleaned.has(name) || COMPACTED.has(parseFolderName(name)?.topic ?? ''),
  };
}

/** Checkpoint files that are there and cannot be read. */
export function checkCheckpoints(files: Files, { path, checkpoints }: DataDirectoryFacts, findings: Findings): void {
  for (const [name, offsets] of checkpoints) {
    const content = files.read(join(path, name));
    if (!content || content.byteLength === 0) continue; // Kafka takes an empty one for one without entries
    if (checkpointLines(content)?.length !== offsets.size) findings.damage(join(path, name), null, 'damaged, or of another version');
  }
}
