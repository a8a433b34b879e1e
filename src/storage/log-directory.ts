import { join } from 'node:path';
import type { RandomBytes } from '../core/bytes.ts';
import { asError, type KafkaError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { DataDirectory, MetaProperties } from './data-directory.ts';
import { readDiskState } from './disk-state.ts';
import { inTurn } from './in-turn.ts';
import type { Done } from './log-types.ts';
import { isDeletedName, parseFutureName } from './partition-folder.ts';

/** A directory of log.dirs, and the folders in it. Once its disk has failed nothing of it is touched. */
export abstract class LogDirectory {
  readonly meta: MetaProperties;
  protected readonly directory: DataDirectory;
  /** What the disk under this directory said when it failed; null: it works. */
  protected diskFailure: KafkaError | null = null;
  private readonly logger: Logger;
  private readonly randomBytes: RandomBytes;

  constructor(directory: DataDirectory, meta: MetaProperties, logger: Logger, randomBytes: RandomBytes) {
    this.directory = directory;
    this.meta = meta;
    this.logger = logger;
    this.randomBytes = randomBytes;
  }

  /** The disk has failed. */
  abstract fail(error: Error): void;
  /** What the disk said may be of the whole directory. */
  protected abstract noticed(error: unknown): void;

  /** Why nothing of this directory can be used any more; null: it works. */
  get failure(): KafkaError | null {
    return this.diskFailure;
  }
  get path(): string {
    return this.directory.path;
  }

  /** Bytes of the volume under this directory; null when the disk does not say. */
  volume(): { readonly totalBytes: number; readonly usableBytes: number } | null {
    try {
      return this.onDisk(() => this.directory.files.volume(this.path));
    } catch {
      return null;
    }
  }

  /** Whether this directory missed a registration that the other one has, or is known there as failed. */
  wasOfflineBeside(other: LogDirectory): boolean {
    const known = readDiskState(other.directory);
    return known.failed.includes(this.meta.directoryId) || readDiskState(this.directory).brokerEpoch < known.brokerEpoch;
  }

  /** Does something on the disk; on a failure of the disk the directory is offline. */
  onDisk<T>(act: () => T): T {
    if (this.diskFailure) throw this.diskFailure;
    try {
      return act();
    } catch (error) {
      this.noticed(error);
      throw error;
    }
  }

  /** Removes what was deleted before the last end. */
  removeDeleted(): void {
    for (const name of this.directory.files.list(this.path)) if (isDeletedName(name)) this.removeQuietly(name);
  }

  /** Names of folders that are no partition's: being deleted, or on their way here. */
  otherFolders(): string[] {
    return this.onDisk(() => this.directory.files.list(this.path)).filter((name) => isDeletedName(name) || parseFutureName(name) !== null);
  }

  /** Gives a folder another name, durably. */
  rename(from: string, to: string): void {
    const { files, path } = this.directory;
    this.onDisk(() => {
      files.rename(join(path, from), join(path, to));
      files.syncDirectory(path);
    });
  }

  /** @param name of a folder that nobody needs any more */
  removeQuietly(name: string): void {
    const path = join(this.directory.path, name);
    try {
      this.onDisk(() => this.directory.files.remove(path));
    } catch (error) {
      this.logger.warn({ path, error: asError(error).message }, 'a deleted partition could not be removed; the next start tries again');
    }
  }

  /** As `removeQuietly`, for a folder with large files, or many: away from the loop, one after the other. */
  removeInTurn(name: string): void {
    const { files } = this.directory;
    const folder = join(this.path, name);
    let paths: string[] = [];
    try {
      paths = this.onDisk(() => files.list(folder)).map((file) => join(folder, file));
    } catch {
      // the next start tries again
    }
    inTurn(
      paths.map((path) => (next: Done) => {
        if (this.diskFailure) next(null);
        else files.removeLater(path, () => next(null));
      }),
      () => this.removeQuietly(name),
    );
  }

  /** 32 hexadecimal digits, as Kafka puts into the names of folders that it sets aside. */
  protected unique(): string {
    return Buffer.from(this.randomBytes(16)).toString('hex');
  }
}
