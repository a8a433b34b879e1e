import { resolve, sep } from 'node:path';
import type { Clock } from './clock.ts';
import { LockedError } from './errors.ts';
import type { FileHandle, Files, Lock } from './files.ts';
import { MemoryFile } from './memory-file.ts';

export type FaultyOperation = 'open' | 'read' | 'write' | 'truncate' | 'sync' | 'replace' | 'rename' | 'makeDirectory';

export interface Fault {
  /** Only for paths that contain this; default all. */
  readonly path?: string;
  /** For `write`: how much of it reaches the file before it fails. Default 0. */
  readonly prefixBytes?: number;
}

/** A disk in memory that knows what was synced, and can fail. Nothing of it outlives the process. */
export interface MemoryFiles extends Files {
  /** Bytes in all files now. */
  usedBytes(): number;
  /** The next operation of this kind (and path) fails with `error`, once. Several faults queue. */
  failNext(operation: FaultyOperation, error: NodeJS.ErrnoException | string, fault?: Fault): void;
  /** The process is killed: locks are free, handles and operations in flight are dead, and everything written is there. */
  kill(): void;
  /**
   * The machine loses power: contents and sizes that no `sync` covered and folder entries that no `syncDirectory` covered are gone, locks
   * are free, handles that were open answer EBADF, operations in flight never report back. With `random` (values in [0, 1)), a random
   * prefix of what was not synced survives in each file, as it may on a real disk.
   * @throws when the files were made with `crashable: false`
   */
  crash(random?: () => number): void;
}

export interface MemoryFilesOptions {
  /** Beyond this, writes fail with ENOSPC. Default 1 GiB. */
  readonly maxBytes?: number;
  /** Whose `soon` completes asynchronous operations; default setImmediate. */
  readonly clock?: Pick<Clock, 'soon'>;
  /** False saves the bookkeeping of what was synced, which costs memory for what is overwritten or removed unsynced. Default true. */
  readonly crashable?: boolean;
}

class Directory {
  entries = new Map<string, Directory | MemoryFile>();
  /** What `crash` returns to. */
  durable = new Map<string, Directory | MemoryFile>();
}

export function memoryFiles(options: MemoryFilesOptions = {}): MemoryFiles {
  return new MemoryDisk(options);
}

const DEFAULT_MAX_BYTES = 2 ** 30;

class MemoryDisk implements MemoryFiles {
  private readonly root = new Directory();
  private readonly locks = new Map<string, string>();
  private readonly faults: (Fault & { operation: FaultyOperation; error: NodeJS.ErrnoException })[] = [];
  private readonly crashable: boolean;
  private readonly space: { left: number };
  private readonly maxBytes: number;
  readonly soon: (fire: () => void) => void;
  /** Counts kills and crashes: a handle opened before the last one is dead. */
  power = 0;

  constructor({ maxBytes = DEFAULT_MAX_BYTES, clock, crashable = true }: MemoryFilesOptions) {
    this.maxBytes = maxBytes;
    this.space = { left: maxBytes };
    this.crashable = crashable;
    this.soon = clock ? (fire) => clock.soon(fire) : (fire) => void setImmediate(fire);
  }

  open(path: string, mode: 'r' | 'rw'): FileHandle {
    this.mayFail('open', path);
    const [parent, name] = this.parentOf(path);
    let node = parent.entries.get(name);
    if (node instanceof Directory) throw failure('EISDIR', 'open', path);
    if (!node) {
      if (mode === 'r') throw failure('ENOENT', 'open', path);
      node = new MemoryFile(this.space, this.crashable);
      parent.entries.set(name, node);
    }
    node.opened++;
    return new MemoryHandle(this, path, node);
  }

  makeDirectory(path: string): void {
    this.mayFail('makeDirectory', path);
    let directory = this.root;
    for (const name of namesOf(path)) {
      let next = directory.entries.get(name);
      if (next instanceof MemoryFile) throw failure('EEXIST', 'mkdir', path);
      if (!next) {
        next = new Directory();
        directory.entries.set(name, next);
      }
      directory = next;
    }
  }

  list(path: string): string[] {
    const node = this.find(path);
    return node instanceof Directory ? [...node.entries.keys()].sort() : [];
  }
  exists(path: string): boolean {
    return this.find(path) !== undefined;
  }
  isDirectory(path: string): boolean {
    return this.find(path) instanceof Directory;
  }
  size(path: string): number {
    const node = this.find(path);
    if (!(node instanceof MemoryFile)) throw failure('ENOENT', 'stat', path);
    return node.size;
  }

  read(path: string): Buffer | null {
    const node = this.find(path);
    if (!node) return null;
    if (node instanceof Directory) throw failure('EISDIR', 'read', path);
    this.mayFail('read', path);
    const content = Buffer.alloc(node.size);
    node.read(content, 0);
    return content;
  }

  replace(path: string, content: string | Uint8Array): void {
    this.mayFail('replace', path);
    const [parent, name] = this.parentOf(path);
    const file = new MemoryFile(this.space, this.crashable);
    const bytes = typeof content === 'string' ? Buffer.from(content) : content;
    if (file.write([bytes], 0) < bytes.byteLength) {
      file.unlink();
      throw failure('ENOSPC', 'write', path);
    }
    file.sync();
    this.put(parent, name, file, path);
    this.syncDirectory(resolve(path, '..'));
  }

  rename(from: string, to: string): void {
    this.mayFail('rename', from);
    const [parent, name] = this.parentOf(from);
    const node = parent.entries.get(name);
    if (!node) throw failure('ENOENT', 'rename', from);
    const [target, newName] = this.parentOf(to);
    if (target.entries.get(newName) === node) return;
    this.put(target, newName, node, to);
    parent.entries.delete(name);
  }

  copy(from: string, to: string): void {
    const content = this.read(from);
    if (!content) throw failure('ENOENT', 'copyfile', from);
    if (this.exists(to)) throw failure('EEXIST', 'copyfile', to);
    const handle = this.open(to, 'rw');
    try {
      handle.writeSync([content], 0);
    } finally {
      handle.close();
    }
  }

  remove(path: string): void {
    const [parent, name] = this.parentOf(path, false) ?? [];
    const node = name === undefined ? undefined : parent?.entries.get(name);
    if (!node) return;
    parent!.entries.delete(name!);
    this.unlink(node);
  }

  syncDirectory(path: string): void {
    this.mayFail('sync', path);
    const node = this.find(path);
    if (!(node instanceof Directory)) throw failure('ENOENT', 'open', path);
    if (this.crashable) node.durable = new Map(node.entries);
  }

  lock(path: string, holder: string): Lock {
    const key = resolve(path);
    const other = this.locks.get(key);
    if (other !== undefined) throw new LockedError(path, other);
    this.parentOf(path);
    this.locks.set(key, holder);
    const power = this.power;
    return {
      release: () => {
        if (this.power === power) this.locks.delete(key);
      },
    };
  }

  usedBytes(): number {
    return this.maxBytes - this.space.left;
  }

  failNext(operation: FaultyOperation, error: NodeJS.ErrnoException | string, fault: Fault = {}): void {
    this.faults.push({ ...fault, operation, error: typeof error === 'string' ? failure(error, operation, fault.path ?? '') : error });
  }

  kill(): void {
    this.power++;
    this.locks.clear();
    this.faults.length = 0;
  }

  crash(random?: () => number): void {
    if (!this.crashable) throw new TypeError('these files were made with crashable: false');
    this.kill();
    const revert = (directory: Directory) => {
      directory.entries = new Map(directory.durable);
      for (const node of directory.entries.values()) {
        if (node instanceof Directory) revert(node);
        else node.crash(random);
      }
    };
    revert(this.root);
    this.space.left = this.maxBytes - sizeOf(this.root);
  }

  /** Throws the first fault that waits for this operation on this path; `prefix` gets to know how much of a write goes through before. */
  mayFail(operation: FaultyOperation, path: string, prefix?: (bytes: number) => void): void {
    const index = this.faults.findIndex((fault) => fault.operation === operation && path.includes(fault.path ?? ''));
    if (index === -1) return;
    const [fault] = this.faults.splice(index, 1);
    prefix?.(fault!.prefixBytes ?? 0);
    throw fault!.error;
  }

  private put(parent: Directory, name: string, node: Directory | MemoryFile, path: string): void {
    const old = parent.entries.get(name);
    if (old instanceof Directory && (!(node instanceof Directory) || old.entries.size > 0)) throw failure('ENOTEMPTY', 'rename', path);
    parent.entries.set(name, node);
    if (old && old !== node) this.unlink(old);
  }

  private unlink(node: Directory | MemoryFile): void {
    if (node instanceof MemoryFile) node.unlink();
    else for (const inner of node.entries.values()) this.unlink(inner);
  }

  private find(path: string): Directory | MemoryFile | undefined {
    let node: Directory | MemoryFile | undefined = this.root;
    for (const name of namesOf(path)) {
      if (!(node instanceof Directory)) return undefined;
      node = node.entries.get(name);
    }
    return node;
  }

  private parentOf(path: string): [Directory, string];
  private parentOf(path: string, required: false): [Directory, string] | undefined;
  private parentOf(path: string, required = true): [Directory, string] | undefined {
    const names = namesOf(path);
    const name = names.pop();
    const parent = this.find(sep + names.join(sep));
    if (parent instanceof Directory && name !== undefined) return [parent, name];
    if (required) throw failure('ENOENT', 'open', path);
    return undefined;
  }
}

class MemoryHandle implements FileHandle {
  readonly path: string;
  private readonly disk: MemoryDisk;
  private readonly file: MemoryFile;
  private readonly power: number;
  private inFlight = 0;
  private closed = false;

  constructor(disk: MemoryDisk, path: string, file: MemoryFile) {
    this.disk = disk;
    this.path = path;
    this.file = file;
    this.power = disk.power;
  }

  size(): number {
    return this.usable().size;
  }

  readSync(into: Uint8Array, position: number): number {
    const file = this.usable();
    this.disk.mayFail('read', this.path);
    return file.read(into, position);
  }

  read(into: Uint8Array, position: number, done: (error: Error | null, bytesRead: number) => void): void {
    let bytesRead = 0;
    this.later(
      () => {
        this.disk.mayFail('read', this.path);
        bytesRead = this.file.read(into, position);
      },
      (error) => done(error, bytesRead),
    );
  }

  writeSync(chunks: readonly Uint8Array[], position: number): void {
    this.usable();
    this.put(chunks, position);
  }

  write(chunks: readonly Uint8Array[], position: number, done: (error: Error | null) => void): void {
    this.later(() => this.put(chunks, position), done);
  }

  truncate(size: number): void {
    const file = this.usable();
    this.disk.mayFail('truncate', this.path);
    if (!file.truncate(size)) throw failure('ENOSPC', 'ftruncate', this.path);
  }

  syncSync(): void {
    const file = this.usable();
    this.disk.mayFail('sync', this.path);
    file.sync();
  }

  sync(done: (error: Error | null) => void): void {
    this.later(() => {
      this.disk.mayFail('sync', this.path);
      this.file.sync();
    }, done);
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    if (this.inFlight === 0) this.file.close();
  }

  private put(chunks: readonly Uint8Array[], position: number): void {
    this.disk.mayFail('write', this.path, (bytes) => void this.file.write([Buffer.concat(chunks).subarray(0, bytes)], position));
    let wanted = 0;
    for (const chunk of chunks) wanted += chunk.byteLength;
    if (this.file.write(chunks, position) < wanted) throw failure('ENOSPC', 'write', this.path);
  }

  private usable(): MemoryFile {
    if (this.closed || this.power !== this.disk.power) throw failure('EBADF', 'read', this.path);
    return this.file;
  }

  /** What a disk does while the loop turns: at the end of this turn, unless the power fails before. */
  private later(act: () => void, done: (error: Error | null) => void): void {
    this.usable();
    this.inFlight++;
    this.disk.soon(() => {
      if (this.power !== this.disk.power) return;
      let failed: Error | null = null;
      try {
        act();
      } catch (error) {
        failed = error instanceof Error ? error : new Error(String(error));
      }
      this.inFlight--;
      if (this.closed && this.inFlight === 0) this.file.close();
      done(failed);
    });
  }
}

function sizeOf(directory: Directory): number {
  let bytes = 0;
  for (const node of directory.entries.values()) bytes += node instanceof Directory ? sizeOf(node) : node.size;
  return bytes;
}

function namesOf(path: string): string[] {
  return resolve(path)
    .split(sep)
    .filter((name) => name !== '');
}

function failure(code: string, syscall: string, path: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: ${syscall} '${path}'`), { code, syscall, path });
}
