/**
 * The port to the disk. Nothing else in the project touches the file system (one exemption: SQLite's own database file).
 * Real files are in real-files.ts; an in-memory disk with faults is in memory-files.ts.
 *
 * Errors are Node's own (`code` ENOENT, ENOSPC, EACCES, ...). Paths are absolute or relative to the working directory.
 */
export interface Files {
  /** Opens a file for positioned reads (`r`; it must exist) or reads and writes (`rw`; created when missing, never truncated). */
  open(path: string, mode: 'r' | 'rw'): FileHandle;
  /** Creates a folder and its parents; no error when it exists. */
  makeDirectory(path: string): void;
  /** Names in a folder, sorted; an empty list when the folder does not exist. */
  list(path: string): string[];
  exists(path: string): boolean;
  isDirectory(path: string): boolean;
  /** Bytes of a file, which must exist. Cheaper than opening it: a log may have thousands. */
  size(path: string): number;
  /** Whole content, or null when the file does not exist. */
  read(path: string): Buffer | null;
  /** Replaces a file so that a crash leaves the old content or the new, never a mixture: temporary file, fsync, rename, fsync of the folder. */
  replace(path: string, content: string | Uint8Array): void;
  rename(from: string, to: string): void;
  /** Copies a file to a name that is not taken; where the file system can, the two share their blocks. Durable only after a sync of the copy. */
  copy(from: string, to: string): void;
  /** Removes a file, or a folder with all it holds; no error when it does not exist. */
  remove(path: string): void;
  /** Removes a file without holding the caller up, which a large one would; no error when it does not exist. */
  removeLater(path: string, done: (error: Error | null) => void): void;
  /** Makes creations, renames and removals in a folder durable. */
  syncDirectory(path: string): void;
  /** As `syncDirectory`, without holding the caller up: a busy disk takes tens of ms for it. */
  syncDirectoryLater(path: string, done: (error: Error | null) => void): void;
  /** Bytes of the file system that holds a folder, and those of them that this process may still take. */
  volume(path: string): { readonly totalBytes: number; readonly usableBytes: number };
  /**
   * Takes a lock that the kernel drops with its process, kill -9 included. `holder` is what a refused second taker is told.
   * @throws LockedError when another process, or this one, holds it.
   */
  lock(path: string, holder: string): Lock;
}

export interface FileHandle {
  readonly path: string;
  /** Bytes in the file now. */
  size(): number;
  /** Fills `into` from `position`; returns the bytes read, fewer than asked only at the end of the file. */
  readSync(into: Uint8Array, position: number): number;
  read(into: Uint8Array, position: number, done: (error: Error | null, bytesRead: number) => void): void;
  /** Writes all chunks, one after the other, at `position`. On an error any prefix may have been written. */
  writeSync(chunks: readonly Uint8Array[], position: number): void;
  write(chunks: readonly Uint8Array[], position: number, done: (error: Error | null) => void): void;
  truncate(size: number): void;
  /** Makes the content and size durable (fdatasync). */
  syncSync(): void;
  sync(done: (error: Error | null) => void): void;
  /** Closing twice does nothing. */
  close(): void;
}

export interface Lock {
  release(): void;
}
