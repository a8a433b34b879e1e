import {
  close,
  closeSync,
  copyFileSync,
  existsSync,
  constants as FS,
  fdatasync,
  fdatasyncSync,
  fstatSync,
  fsync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  open,
  openSync,
  read,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  unlink,
  writev,
  writevSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { LockedError, nodeCodeOf } from './errors.ts';
import type { FileHandle, Files, Lock } from './files.ts';
import { isSqliteBusy, openSqlite, type SqliteDatabase } from './sqlite.ts';

/** Not `recursive: true`: where the system answers ENOENT for a folder that cannot be made (below /proc), Node 20 tries for ever. */
function makeDirectory(path: string): void {
  try {
    mkdirSync(path);
  } catch (error) {
    const code = nodeCodeOf(error);
    if (code === 'EEXIST' && statSync(path).isDirectory()) return;
    if (code !== 'ENOENT' || dirname(path) === path) throw error;
    makeDirectory(dirname(path));
    mkdirSync(path);
  }
}

/** The file system of this machine. */
export const realFiles: Files = {
  open: (path, mode) => new RealHandle(path, openSync(path, mode === 'r' ? FS.O_RDONLY : FS.O_RDWR | FS.O_CREAT, 0o644)),
  makeDirectory,
  list: (path) => unlessMissing(() => readdirSync(path).sort(), []),
  exists: (path) => existsSync(path),
  isDirectory: (path) => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false,
  size: (path) => statSync(path).size,
  read: (path) => unlessMissing(() => readFileSync(path), null),
  replace(path, content) {
    const temporary = `${path}.tmp`;
    const handle = openSync(temporary, 'w', 0o644);
    try {
      writeAllSync(handle, [typeof content === 'string' ? Buffer.from(content) : content], 0);
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
    renameSync(temporary, path);
    syncDirectory(dirname(path));
  },
  rename: (from, to) => renameSync(from, to),
  copy: (from, to) => copyFileSync(from, to, FS.COPYFILE_FICLONE | FS.COPYFILE_EXCL),
  remove: (path) => rmSync(path, { recursive: true, force: true }),
  removeLater: (path, done) => unlink(path, (error) => done(error?.code === 'ENOENT' ? null : error)),
  syncDirectory,
  syncDirectoryLater,
  volume(path) {
    const { bsize, blocks, bavail } = statfsSync(path);
    return { totalBytes: blocks * bsize, usableBytes: bavail * bsize };
  },
  lock: takeLock,
};

/**
 * SQLite's exclusive lock on a file of its own: dropped by the kernel with the process, and seen by a second taker in this process too
 * (SQLite counts the locks of its own connections). What the holder says of itself lies beside it, since the file is locked. Nothing else
 * may open the lock file: on POSIX, closing any descriptor of it would drop the lock.
 */
function takeLock(path: string, holder: string): Lock {
  const holderPath = `${path}.holder`;
  let database: SqliteDatabase | undefined;
  try {
    database = openSqlite(path, { busyTimeoutMs: 0 });
    database.exec('PRAGMA locking_mode = EXCLUSIVE');
    database.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    database?.close();
    if (!isSqliteBusy(error)) throw error;
    throw new LockedError(
      path,
      unlessMissing(() => readFileSync(holderPath, 'utf8'), ''),
    );
  }
  const connection = database;
  realFiles.replace(holderPath, holder);
  let held = true;
  return {
    release() {
      if (!held) return;
      held = false;
      rmSync(holderPath, { force: true });
      connection.close();
    },
  };
}

class RealHandle implements FileHandle {
  readonly path: string;
  private fd: number;
  private inFlight = 0;
  private closing = false;

  constructor(path: string, fd: number) {
    this.path = path;
    this.fd = fd;
  }

  size(): number {
    return fstatSync(this.fd).size;
  }

  readSync(into: Uint8Array, position: number): number {
    let filled = 0;
    while (filled < into.byteLength) {
      const bytes = readSync(this.fd, into, filled, into.byteLength - filled, position + filled);
      if (bytes === 0) break;
      filled += bytes;
    }
    return filled;
  }

  read(into: Uint8Array, position: number, done: (error: Error | null, bytesRead: number) => void): void {
    let filled = 0;
    const finish = this.started((error) => done(error, filled));
    const more = () => {
      read(this.fd, into, filled, into.byteLength - filled, position + filled, (error, bytes) => {
        filled += error ? 0 : bytes;
        if (error || bytes === 0 || filled === into.byteLength) finish(error);
        else more();
      });
    };
    more();
  }

  writeSync(chunks: readonly Uint8Array[], position: number): void {
    writeAllSync(this.fd, chunks, position);
  }

  write(chunks: readonly Uint8Array[], position: number, done: (error: Error | null) => void): void {
    const finish = this.started(done);
    const more = (rest: readonly Uint8Array[], at: number) => {
      if (rest.length === 0) return finish(null);
      writev(this.fd, rest, at, (error, written) => {
        if (error) finish(error);
        else more(after(rest, written), at + written);
      });
    };
    const rest = chunks.filter((chunk) => chunk.byteLength > 0);
    if (rest.length === 0) setImmediate(finish, null);
    else more(rest, position);
  }

  truncate(size: number): void {
    ftruncateSync(this.fd, size);
  }
  syncSync(): void {
    fdatasyncSync(this.fd);
  }
  sync(done: (error: Error | null) => void): void {
    fdatasync(this.fd, this.started(done));
  }

  /** With reads or writes in flight the descriptor is closed behind the last: its number could be given to another file meanwhile. */
  close(): void {
    if (this.closing) return;
    this.closing = true;
    if (this.inFlight === 0) closeSync(this.fd);
  }

  private started(done: (error: Error | null) => void): (error: Error | null) => void {
    this.inFlight++;
    return (error) => {
      this.inFlight--;
      if (this.closing && this.inFlight === 0) closeSync(this.fd);
      done(error);
    };
  }
}

/** The kernel may take less than it was given: what is left goes in another call. */
function writeAllSync(fd: number, chunks: readonly Uint8Array[], position: number): void {
  let rest: readonly Uint8Array[] = chunks.filter((chunk) => chunk.byteLength > 0);
  let at = position;
  while (rest.length > 0) {
    const written = writevSync(fd, rest, at);
    rest = after(rest, written);
    at += written;
  }
}

/** What of the chunks lies behind the first `written` bytes. */
function after(chunks: readonly Uint8Array[], written: number): readonly Uint8Array[] {
  let left = written;
  let i = 0;
  while (i < chunks.length && left >= chunks[i]!.byteLength) left -= chunks[i++]!.byteLength;
  if (i === chunks.length) return [];
  return left === 0 ? chunks.slice(i) : [chunks[i]!.subarray(left), ...chunks.slice(i + 1)];
}

function syncDirectory(path: string): void {
  if (process.platform === 'win32') return; // there a folder cannot be opened, and renames are durable by themselves
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function syncDirectoryLater(path: string, done: (error: Error | null) => void): void {
  if (process.platform === 'win32') {
    setImmediate(done, null);
    return;
  }
  open(path, 'r', (failed, fd) => {
    if (failed) done(failed);
    else fsync(fd, (error) => close(fd, () => done(error)));
  });
}

function unlessMissing<T>(act: () => T, otherwise: T): T {
  try {
    return act();
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(nodeCodeOf(error))) return otherwise;
    throw error;
  }
}
