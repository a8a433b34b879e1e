import type { FileHandle, Files } from '../../src/core/files.ts';

/** Files of a process that may have only so many open at a time, as `ulimit -n` has it: then EMFILE. */
export interface FewHandles extends Files {
  limit: number;
}

function tooMany(what: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`EMFILE: too many open files, ${what}`), { code: 'EMFILE', syscall: what });
}

export function fewHandles(inner: Files, limit: number): FewHandles {
  let used = 0;
  /** Needs one for as long as it runs. */
  const briefly = <T>(what: string, act: () => T): T => {
    if (used >= files.limit) throw tooMany(what);
    return act();
  };
  const counted = (handle: FileHandle): FileHandle => {
    used++;
    let open = true;
    return new Proxy(handle, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name);
        if (typeof value !== 'function') return value;
        return (...args: unknown[]) => {
          if (name === 'close' && open) {
            open = false;
            used--;
          }
          return Reflect.apply(value, target, args);
        };
      },
    });
  };
  const files: FewHandles = {
    limit,
    open: (path, mode) => briefly('open', () => counted(inner.open(path, mode))),
    list: (path) => briefly('scandir', () => inner.list(path)),
    read: (path) => briefly('open', () => inner.read(path)),
    replace: (path, content) => briefly('open', () => inner.replace(path, content)),
    copy: (from, to) => briefly('copyfile', () => inner.copy(from, to)),
    syncDirectory: (path) => briefly('open', () => inner.syncDirectory(path)),
    makeDirectory: (path) => inner.makeDirectory(path),
    exists: (path) => inner.exists(path),
    isDirectory: (path) => inner.isDirectory(path),
    size: (path) => inner.size(path),
    rename: (from, to) => inner.rename(from, to),
    remove: (path) => inner.remove(path),
    syncDirectoryLater: (path, done) => inner.syncDirectoryLater(path, done),
    removeLater: (path, done) => inner.removeLater(path, done),
    volume: (path) => inner.volume(path),
    lock: (path, holder) => inner.lock(path, holder),
  };
  return files;
}
