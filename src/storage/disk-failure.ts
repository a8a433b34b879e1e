import { LockedError, nodeCodeOf } from '../core/errors.ts';
import { sqliteErrorCode } from '../core/sqlite.ts';
import { DirectoryGoneError } from './data-directory.ts';
import { SyncError } from './flusher.ts';
import type { TopicPartition } from './partition-folder.ts';

/** A disk that is full, or a process that has too much open: there may be room again. */
const MAY_PASS = new Set(['ENOSPC', 'EDQUOT', 'EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN', 'EINTR', 'EBUSY']);

/** Of the device or the file system, not of one file. */
const OF_THE_DISK = new Set(['EIO', 'EROFS', 'ENXIO', 'ENODEV', 'ESTALE', 'EHOSTDOWN', 'ETIMEDOUT', 'ENOTCONN']);

/**
 * Whether an error says that the disk under a directory has failed: a device or file system that gives errors, or a sync that failed, after
 * which nobody knows what of all that was written is there. Not when it is full, nor what concerns one file.
 */
export function isDiskFailure(error: unknown): boolean {
  if (error instanceof DirectoryGoneError) return true;
  if (error instanceof SyncError) return !MAY_PASS.has(nodeCodeOf(error.cause));
  const code = nodeCodeOf(error);
  // libuv has no name for what file systems say of their own damage (EUCLEAN, EREMOTEIO).
  return OF_THE_DISK.has(code) || code.startsWith('Unknown system error');
}

/** Whether a log that met this error cannot go on: nobody knows what of it is durable after a failed sync, whatever the disk may do later. */
export const isFinal = (error: unknown): boolean => error instanceof SyncError || isDiskFailure(error);

/** SQLITE_READONLY, SQLITE_IOERR, SQLITE_CANTOPEN: what locking says in a directory that cannot be used. */
const SQLITE_UNUSABLE = new Set([8, 10, 14]);
/** Of this process, not of the directory. */
const OF_THE_PROCESS = new Set(['EMFILE', 'ENFILE', 'ENOMEM']);

/** Whether a directory that met this error at the start is left out, with all that it holds; else the broker does not start. */
export function mayBeLeftOut(error: unknown): boolean {
  if (error instanceof LockedError) return false;
  const code = nodeCodeOf(error);
  if (SQLITE_UNUSABLE.has(sqliteErrorCode(error) & 0xff)) return true;
  return /^E[A-Z0-9]+$/.test(code) ? !OF_THE_PROCESS.has(code) : isDiskFailure(error);
}

/** Logs that cannot be used any more before the broker is started again. */
export interface LogFailure {
  /** Of log.dirs. */
  readonly directory: string;
  /** The whole directory failed, so that nothing of it is touched any more; else these logs alone. */
  readonly isDirectory: boolean;
  /** The replicas that are offline now and were not before, whether their logs were used since the start or not. */
  readonly partitions: readonly TopicPartition[];
  readonly error: Error;
}

/** Called at the end of the turn in which it happened. */
export type FailureListener = (failure: LogFailure) => void;
