import { asError } from '../core/errors.ts';
import type { FileHandle, Files } from '../core/files.ts';
import { isOutOfHandles } from './shortage.ts';

/** Handles that are closed at most for one that is needed: those with I/O in flight close later. */
const MOST_DROPPED = 8;

/**
 * Bounds the files that a broker keeps open, over all its logs: the least recently used is closed when a new one would be too many, and
 * opens again on its next use; the same when the system gives no more of them. A handle with reads or writes in flight closes behind them (FileHandle.close), so nothing needs pinning.
 */
export class HandleCache {
  /** Where these are opened; what needs a handle there for a moment gets one of ours when there is no other. */
  readonly files: Files;
  private readonly maxOpen: number;
  /** In order of use: a Map keeps insertion order. */
  private readonly open = new Map<CachedFile, FileHandle>();

  constructor(files: Files, maxOpen: number) {
    this.files = this.withRoom(files);
    this.maxOpen = maxOpen;
  }

  /** A file that is opened (and created) when first used. */
  file(path: string): CachedFile {
    return new CachedFile(this, path);
  }

  /** @internal */
  use(file: CachedFile): FileHandle {
    let handle = this.open.get(file);
    if (handle) {
      this.open.delete(file);
    } else {
      handle = this.files.open(file.path, 'rw');
      if (this.open.size >= this.maxOpen) this.drop(this.open.keys().next().value!);
    }
    this.open.set(file, handle);
    return handle;
  }

  /** @internal */
  drop(file: CachedFile): void {
    this.open.get(file)?.close();
    this.open.delete(file);
  }

  openCount(): number {
    return this.open.size;
  }

  private withRoom(files: Files): Files {
    const making = <A extends unknown[], T>(act: (...args: A) => T) => {
      return (...args: A): T => {
        for (let dropped = 0; ; dropped++) {
          try {
            return act(...args);
          } catch (error) {
            // The newest stays: whoever has just taken it may need another beside it.
            const oldest = this.open.size > 1 ? this.open.keys().next().value : undefined;
            if (!oldest || dropped >= MOST_DROPPED || !isOutOfHandles(error)) throw error;
            this.drop(oldest);
          }
        }
      };
    };
    const syncDirectory = making((path: string) => files.syncDirectory(path));
    return {
      open: making((path, mode) => files.open(path, mode)),
      list: making((path) => files.list(path)),
      read: making((path) => files.read(path)),
      replace: making((path, content) => files.replace(path, content)),
      copy: making((from, to) => files.copy(from, to)),
      remove: making((path) => files.remove(path)),
      removeLater: (path, done) => files.removeLater(path, done),
      syncDirectory,
      syncDirectoryLater: (path, done) =>
        files.syncDirectoryLater(path, (error) => {
          if (!error || !isOutOfHandles(error)) return done(error);
          try {
            syncDirectory(path);
          } catch (failed) {
            return done(asError(failed));
          }
          done(null);
        }),
      makeDirectory: (path) => files.makeDirectory(path),
      exists: (path) => files.exists(path),
      isDirectory: (path) => files.isDirectory(path),
      size: (path) => files.size(path),
      rename: (from, to) => files.rename(from, to),
      volume: (path) => files.volume(path),
      lock: (path, holder) => files.lock(path, holder),
    };
  }
}

export class CachedFile {
  private currentPath: string;
  private readonly cache: HandleCache;

  constructor(cache: HandleCache, path: string) {
    this.cache = cache;
    this.currentPath = path;
  }

  get path(): string {
    return this.currentPath;
  }

  /** For the next call only: whatever is opened afterwards may close it. */
  handle(): FileHandle {
    return this.cache.use(this);
  }
  sync(done: (error: Error | null) => void): void {
    this.handle().sync(done);
  }
  exists(): boolean {
    return this.cache.files.exists(this.path);
  }
  /** Bytes in the file, which must exist; opens nothing. */
  storedBytes(): number {
    return this.cache.files.size(this.path);
  }
  close(): void {
    this.cache.drop(this);
  }
  /** Goes on under another name, if the file is there. */
  rename(path: string): void {
    this.cache.drop(this);
    if (this.exists()) this.cache.files.rename(this.currentPath, path);
    this.currentPath = path;
  }
  /** Goes on with another file, which has the same content. */
  movedTo(path: string): void {
    this.cache.drop(this);
    this.currentPath = path;
  }
  remove(): void {
    this.cache.drop(this);
    this.cache.files.remove(this.path);
  }
}
