import { resolve } from 'node:path';
import type { BrokerConfig } from '../config.ts';
import { readBootId } from '../core/boot-id.ts';
import { asError } from '../core/errors.ts';
import type { Files } from '../core/files.ts';
import type { Logger } from '../core/logger.ts';
import type { MetadataImage } from '../metadata/image.ts';
import { type DataDirectory, openDataDirectory } from '../storage/data-directory.ts';
import { mayBeLeftOut } from '../storage/disk-failure.ts';
import { DiskIdentity } from '../storage/disk-identity.ts';
import type { LogDirs, OfflineDirectory } from '../storage/log-dirs.ts';
import { folderName, parseFolderName, type TopicPartition } from '../storage/partition-folder.ts';

/** What log.dirs names, locked as far as it can be used. */
export interface LogDirectories {
  /** The first has the metadata. */
  readonly usable: readonly [DataDirectory, ...DataDirectory[]];
  readonly unusable: readonly OfflineDirectory[];
  release(): void;
}

/**
 * Locks the directories. The first must be usable; another that its disk does not let us use is left out, with what it holds.
 * @throws LockedError, Node's errors of the first directory, Error with one line that says what is wrong with one
 */
export function openLogDirectories(
  files: Files,
  { dataDir, config, holder, logger }: { dataDir: string; config: BrokerConfig; holder: string; logger: Logger },
): LogDirectories {
  const open = (path: string) => openDataDirectory(files, path, holder);
  const usable: [DataDirectory, ...DataDirectory[]] = [open(resolve(dataDir))];
  const unusable: OfflineDirectory[] = [];
  const release = () => {
    for (const directory of [...usable].reverse()) releaseQuietly(directory, logger);
  };
  try {
    for (const path of config.dataDirectories.slice(1).map((directory) => resolve(directory))) {
      try {
        usable.push(open(path));
      } catch (error) {
        if (!mayBeLeftOut(error)) throw error;
        unusable.push({ path, error: asError(error) });
      }
    }
  } catch (error) {
    release();
    throw error;
  }
  return { usable, unusable, release };
}

/** To be asked before the directories are claimed for this run. */
export function emptyDirectories({ usable }: LogDirectories): ReadonlySet<string> {
  const isEmpty = ({ files, path, meta }: DataDirectory) =>
    meta === null && files.list(path).every((name) => parseFolderName(name) === null);
  return new Set(usable.filter(isEmpty).map(({ path }) => path));
}

/** What the cluster may believe of the disks of this broker; it is told when one of them fails. */
export function diskIdentity(
  logs: LogDirs,
  { usable, unusable }: LogDirectories,
  empty: ReadonlySet<string>,
  files: Files,
  bootId: string | null | undefined,
): DiskIdentity {
  const [first, ...others] = logs.stores.map((store) => {
    const directory = usable.find(({ path }) => path === store.path)!;
    return { ...directory, directoryId: store.meta.directoryId, isNew: empty.has(store.path) };
  });
  const disk = new DiskIdentity({
    directory: first!,
    directoryId: first!.directoryId,
    bootId: bootId === undefined ? readBootId(files) : bootId,
    others,
    unusable: [...unusable, ...logs.unusable].map(({ path }) => path),
    onFailure: (path, error) => logs.failDirectory(path, error),
  });
  logs.onFailure(({ directory, isDirectory }) => {
    if (isDirectory) disk.noteFailed(directory);
  });
  return disk;
}

/**
 * Replicas that may have been in a directory in whose place there is another now: those without a folder. None must come back empty as one that has
 * everything. To be asked before the first log is used, and before the broker registers.
 */
export function lostReplicas(
  logs: LogDirs,
  disk: DiskIdentity,
  image: MetadataImage,
  nodeId: number,
): (TopicPartition & { topicId: string })[] {
  if (!disk.isReplaced) return [];
  const folders = new Set(logs.strays(() => false));
  return [...replicasOf(image, nodeId)].filter((replica) => !folders.has(folderName(replica)));
}

/** The replicas that this broker has by the metadata. */
export function* replicasOf(image: MetadataImage, nodeId: number): Generator<TopicPartition & { topicId: string }> {
  for (const { name: topic, topicId, partitions } of image.topics())
    for (const { partition, replicas } of partitions) if (replicas.includes(nodeId)) yield { topic, partition, topicId };
}

/** replica.alter.log.dirs.io.max.bytes.per.second, which no file has; null: as fast as it goes. */
export function moveRate(config: BrokerConfig): number | null {
  const text = config.text('replica.alter.log.dirs.io.max.bytes.per.second');
  return text === null ? null : Number(text);
}

export function closeLogs(logs: LogDirs): Promise<void> {
  return new Promise((resolve, reject) => {
    logs.close((error) => (error ? reject(error) : resolve()));
  });
}

function releaseQuietly(directory: DataDirectory, logger: Logger): void {
  try {
    directory.release();
  } catch (error) {
    // The kernel drops the lock with the process.
    logger.warn({ directory: directory.path, err: error }, 'the lock of a log directory could not be released');
  }
}
