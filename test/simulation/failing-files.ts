import type { FileHandle, Files } from '../../src/core/files.ts';

/** What fails, while it fails. */
export interface Failing {
  isFailed(path: string): boolean;
  readonly inner: Files;
  /** Ends what the thread pool does. */
  soon(fire: () => void): void;
}

function broken(what: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`EIO: i/o error, ${what}`), { code: 'EIO', syscall: what });
}

/** A disk that at some time answers everything with EIO, to who has it open too; what only asks whether something is there finds nothing, as Node does. */
export function failingFiles(disk: Failing): Files {
  const orFail = <T>(what: string, path: string, act: () => T): T => {
    if (disk.isFailed(path)) throw broken(what);
    return act();
  };
  return {
    open: (path, mode) => orFail('open', path, () => new FailingHandle(disk, disk.inner.open(path, mode))),
    makeDirectory: (path) => orFail('mkdir', path, () => disk.inner.makeDirectory(path)),
    list: (path) => orFail('scandir', path, () => disk.inner.list(path)),
    exists: (path) => !disk.isFailed(path) && disk.inner.exists(path),
    isDirectory: (path) => !disk.isFailed(path) && disk.inner.isDirectory(path),
    size: (path) => orFail('stat', path, () => disk.inner.size(path)),
    read: (path) => orFail('read', path, () => disk.inner.read(path)),
    replace: (path, content) => orFail('open', path, () => disk.inner.replace(path, content)),
    rename: (from, to) => orFail('rename', from, () => disk.inner.rename(from, to)),
    copy: (from, to) => orFail('copyfile', from, () => disk.inner.copy(from, to)),
    remove: (path) => orFail('rm', path, () => disk.inner.remove(path)),
    syncDirectoryLater: (path, done) =>
      disk.isFailed(path) ? disk.soon(() => done(broken('fsync'))) : disk.inner.syncDirectoryLater(path, done),
    removeLater: (path, done) => (disk.isFailed(path) ? disk.soon(() => done(broken('unlink'))) : disk.inner.removeLater(path, done)),
    syncDirectory: (path) => orFail('fsync', path, () => disk.inner.syncDirectory(path)),
    volume: (path) => orFail('statfs', path, () => disk.inner.volume(path)),
    lock: (path, holder) => orFail('open', path, () => disk.inner.lock(path, holder)),
  };
}

class FailingHandle implements FileHandle {
  readonly path: string;
  private readonly disk: Failing;
  private readonly inner: FileHandle;

  constructor(disk: Failing, inner: FileHandle) {
    this.path = inner.path;
    this.disk = disk;
    this.inner = inner;
  }

  size(): number {
    this.check('fstat');
    return this.inner.size();
  }
  readSync(into: Uint8Array, position: number): number {
    this.check('read');
    return this.inner.readSync(into, position);
  }
  read(into: Uint8Array, position: number, done: (error: Error | null, bytesRead: number) => void): void {
    if (this.disk.isFailed(this.path)) this.disk.soon(() => done(broken('read'), 0));
    else this.inner.read(into, position, done);
  }
  writeSync(chunks: readonly Uint8Array[], position: number): void {
    this.check('write');
    this.inner.writeSync(chunks, position);
  }
  write(chunks: readonly Uint8Array[], position: number, done: (error: Error | null) => void): void {
    if (this.disk.isFailed(this.path)) this.disk.soon(() => done(broken('write')));
    else this.inner.write(chunks, position, done);
  }
  truncate(size: number): void {
    this.check('ftruncate');
    this.inner.truncate(size);
  }
  syncSync(): void {
    this.check('fsync');
    this.inner.syncSync();
  }
  sync(done: (error: Error | null) => void): void {
    if (this.disk.isFailed(this.path)) this.disk.soon(() => done(broken('fsync')));
    else this.inner.sync(done);
  }
  close(): void {
    this.inner.close();
  }

  private check(what: string): void {
    if (this.disk.isFailed(this.path)) throw broken(what);
  }
}
