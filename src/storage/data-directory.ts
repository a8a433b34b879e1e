import { randomBytes } from 'node:crypto';
import { dirname, join } from 'node:path';
import type { RandomBytes } from '../core/bytes.ts';
import type { Files, Lock } from '../core/files.ts';

/** meta.properties, version 1: whose data this is. */
export interface MetaProperties {
  readonly clusterId: string;
  readonly nodeId: number;
  /** 22 characters of base64url. */
  readonly directoryId: string;
}

/** The disk under a directory was taken away. */
export class DirectoryGoneError extends Error {
  override name = 'DirectoryGoneError';
}

const META_FILE = 'meta.properties';
const CLEAN_SHUTDOWN_FILE = '.kafka_cleanshutdown';
const LOCK_FILE = '.lock';

/** A data directory (an entry of log.dirs), held by this broker alone. */
export interface DataDirectory {
  readonly path: string;
  readonly files: Files;
  /** Null in a directory that no broker used yet; see `claimDirectory`. */
  readonly meta: MetaProperties | null;
  /** Whether the last run ended cleanly (true as well when there was none). */
  readonly endedCleanly: boolean;
  release(): void;
}

/**
 * Creates the directory when it is missing, and locks it; everything else comes after.
 * @param holder what a second broker is told, such as `process 4711 since 12:30`
 * @throws LockedError when another broker has it · Node's EACCES, EROFS, ... · Error with one line that says what is wrong with its files
 */
export function openDataDirectory(files: Files, path: string, holder: string): DataDirectory {
  if (!files.isDirectory(path)) {
    files.makeDirectory(path);
    files.syncDirectory(dirname(path));
  }
  const lock: Lock = files.lock(join(path, LOCK_FILE), holder);
  try {
    const meta = readMeta(files, path);
    const endedCleanly = meta === null || isMarkedClean(files, path);
    return { path, files, meta, endedCleanly, release: () => lock.release() };
  } catch (error) {
    lock.release();
    throw error;
  }
}

/**
 * Makes sure that the directory belongs to this broker: writes meta.properties into a new one, compares it in a used one.
 * @throws Error with one line that says whose it is
 */
export function claimDirectory(
  { files, path, meta }: DataDirectory,
  clusterId: string,
  nodeId: number,
  random: RandomBytes = randomBytes,
): MetaProperties {
  if (!meta) {
    const fresh = { clusterId, nodeId, directoryId: Buffer.from(random(16)).toString('base64url') };
    files.replace(join(path, META_FILE), metaText(fresh));
    return fresh;
  }
  if (meta.clusterId !== clusterId)
    throw new Error(`${path} belongs to cluster ${meta.clusterId}, this is ${clusterId}: use another data directory`);
  if (meta.nodeId !== nodeId)
    throw new Error(`${path} belongs to broker ${meta.nodeId}: start with node.id=${meta.nodeId}, or use another data directory`);
  return meta;
}

/** From now on the directory counts as in use: without `markCleanEnd` the next start verifies the logs. */
export function markInUse({ files, path }: Pick<DataDirectory, 'files' | 'path'>): void {
  files.remove(join(path, CLEAN_SHUTDOWN_FILE));
  files.syncDirectory(path);
}

/**
 * A directory whose disk was taken away is an empty one, on another disk: no log may begin there.
 * @throws DirectoryGoneError
 */
export function requireSame({ files, path }: Pick<DataDirectory, 'files' | 'path'>): void {
  if (!files.exists(join(path, META_FILE)))
    throw new DirectoryGoneError(`${path} is not what it was at the start: its ${META_FILE} is gone`);
}

/** All logs are closed and durable. */
export function markCleanEnd({ files, path }: Pick<DataDirectory, 'files' | 'path'>): void {
  files.replace(join(path, CLEAN_SHUTDOWN_FILE), '{"version":0,"brokerEpoch":-1}');
}

/** Whether the broker that used this directory last ended cleanly: minikafka, or Apache Kafka. */
export function isMarkedClean(files: Files, path: string): boolean {
  return files.exists(join(path, CLEAN_SHUTDOWN_FILE));
}

function metaText({ clusterId, nodeId, directoryId }: MetaProperties): string {
  return `#\ncluster.id=${clusterId}\ndirectory.id=${directoryId}\nnode.id=${nodeId}\nversion=1\n`;
}

function readMeta(files: Files, path: string): MetaProperties | null {
  const content = files.read(join(path, META_FILE));
  if (!content) return null;
  const values = new Map<string, string>();
  for (const line of content.toString('utf8').split('\n')) {
    const match = /^([^#!=\s]+)\s*=\s*(.*?)\s*$/.exec(line);
    if (match) values.set(match[1]!, match[2]!);
  }
  const clusterId = values.get('cluster.id');
  const nodeId = Number(values.get('node.id') ?? Number.NaN);
  if (values.get('version') !== '1' || !clusterId || !Number.isSafeInteger(nodeId)) {
    throw new Error(`${join(path, META_FILE)} is damaged or of another version: restore it, or use another data directory`);
  }
  return { clusterId, nodeId, directoryId: values.get('directory.id') ?? '' };
}
