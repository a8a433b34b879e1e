import { resolve, sep } from 'node:path';
import type { Clock } from './clock.ts';
import { asError, LockedError } from './errors.ts';
import type { FileHandle, Files, Lock } from './files.ts';
import { Directory } from './memory-directory.ts';
import { type Fault, type FaultyOperation, failure, MemoryFaults } from './memory-faults.ts';
import { type Crash, MemoryFile } from './memory-file.ts';
import { MemoryHandle } from './memory-handle.ts';

export { type Fault, type FaultyOperation, SHORT_READ } from './memory-faults.ts';

/** A disk in memory that knows what was synced, and can fail. Nothing of it outlives the process. */
export interface MemoryFiles extends Files {
  /** Bytes in all files now. */
  usedBytes(): number;
  /** Gives the disk another size; smaller than what is used: nothing more fits. */
  resize(maxBytes: number): void;
  /**
   * The next operation of this kind (and path) fails with `error`; a read that fails with SHORT_READ ends early instead. Several faults queue.
   * What a failed `sync` should have made durable never is: a power failure shows it, whatever later syncs say.
   */
  failNext(operation: FaultyOperation, error: NodeJS.ErrnoException | string, fault?: Fault): void;
  /** Whatever touches a path that contains this fails from now on, also after a crash, until the function that is returned is called. */
  failAll(path: string, error: NodeJS.ErrnoException | string): () => void;
  /** Turns over one bit of a file, be it durable or not. */
  flipBit(path: string, position: number, bit: number): void;
  /** Faults of `failNext` that no operation has met yet. */
  waitingFaults(): number;
  /** Takes them back. */
  forgetFaults(): void;
  /** The process is killed: locks are free, handles and operations in flight are dead, and everything written is there. */
  kill(): void;
  /**
   * The machine loses power: contents and sizes that no `sync` covered and folder entries that no `syncDirectory` covered are gone, locks
   * are free, handles that were open answer EBADF, operations in flight never report back. With `random` (values in [0, 1)) some of it
   * survives, as it may on a real disk: of each file a prefix of what was done to it, of each folder any of its changes. `torn`: of each file
   * any sectors, since disks write them in any order.
   * @throws when the files were made with `crashable: false`
   */
  crash(random?: () => number, options?: Pick<Crash, 'torn'>): void;
}

export interface MemoryFilesOptions {
  /** Beyond this, writes fail with ENOSPC. Default 1 GiB. */
  readonly maxBytes?: number;
  /** Whose `soon` completes asynchronous operations; default setImmediate. */
  readonly clock?: Pick<Clock, 'soon'>;
  /** False saves the bookkeeping of what was synced, which costs memory for what is overwritten or removed unsynced. Default true. */
  readonly crashable?: boolean;
}

export function memoryFiles(options: MemoryFilesOptions = {}): MemoryFiles {
  return new MemoryDisk(options);
}

const DEFAULT_MAX_BYTES = 2 ** 30;

class MemoryDisk implements MemoryFiles {
  readonly faults = new MemoryFaults();
  private readonly root: Directory;
  private readonly locks = new Map<string, string>();
  private readonly crashable: boolean;
  private readonly space: { left: number };
  private maxBytes: number;
  readonly soon: (fire: () => void) => void;
  /** Counts kills and crashes: a handle opened before the last one is dead. */
  power = 0;

  constructor({ maxBytes = DEFAULT_MAX_BYTES, clock, crashable = true }: MemoryFilesOptions) {
    this.maxBytes = maxBytes;
    this.space = { left: maxBytes };
    this.crashable = crashable;
    this.root = new Directory(crashable);
    this.soon = clock ? (fire) => clock.soon(fire) : (fire) => void setImmediate(fire);
  }

  open(path: string, mode: 'r' | 'rw'): FileHandle {
    this.faults.mayFail('open', path);
    const [parent, name] = this.parentOf(path);
    let node = parent.entries.get(name);
    if (node instanceof Directory) throw failure('EISDIR', 'open', path);
    if (!node) {
      if (mode === 'r') throw failure('ENOENT', 'open', path);
      node = new MemoryFile(this.space, this.crashable);
      parent.set(name, node);
    }
    node.opened++;
    return new MemoryHandle(this, path, node);
  }

  makeDirectory(path: string): void {
    this.faults.mayFail('makeDirectory', path);
    let directory = this.root;
    for (const name of namesOf(path)) {
      let next = directory.entries.get(name);
      if (next instanceof MemoryFile) throw failure('EEXIST', 'mkdir', path);
      if (!next) {
        next = new Directory(this.crashable);
        directory.set(name, next);
      }
      directory = next;
    }
  }

  list(path: string): string[] {
    this.faults.mayFail('list', path);
    const node = this.find(path);
    return node instanceof Directory ? [...node.entries.keys()].sort() : [];
  }
  exists(path: string): boolean {
    return !this.faults.isBroken(path) && this.find(path) !== undefined;
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
    this.faults.mayFail('read', path);
    const content = Buffer.alloc(node.size);
    node.read(content, 0);
    return content;
  }

  replace(path: string, content: string | Uint8Array): void {
    this.faults.mayFail('replace', path);
    const [parent, name] = this.parentOf(path);
    const file = new MemoryFile(this.space, this.crashable);
    const bytes = typeof content === 'string' ? Buffer.from(content) : content;
    if (file.write([bytes], 0) < bytes.byteLength) {
      file.unlink();
      throw failure('ENOSPC', 'write', path);
    }
    file.sync();
    this.clear(parent, name, file, path);
    parent.set(name, file);
    this.syncDirectory(resolve(path, '..'));
  }

  rename(from: string, to: string): void {
    this.faults.mayFail('rename', from);
    const [parent, name] = this.parentOf(from);
    const node = parent.entries.get(name);
    if (!node) throw failure('ENOENT', 'rename', from);
    const [target, newName] = this.parentOf(to);
    if (target.entries.get(newName) === node) return;
    this.clear(target, newName, node, to);
    if (target === parent) parent.rename(name, newName, node);
    else {
      target.set(newName, node);
      parent.delete(name);
    }
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
    this.faults.mayFail('remove', path);
    if (!node) return;
    parent!.delete(name!);
    this.unlink(node);
  }

  removeLater(path: string, done: (error: Error | null) => void): void {
    this.later(() => this.remove(path), done);
  }

  syncDirectoryLater(path: string, done: (error: Error | null) => void): void {
    this.later(() => this.syncDirectory(path), done);
  }

  private later(act: () => void, done: (error: Error | null) => void): void {
    const { power } = this;
    this.soon(() => {
      if (power !== this.power) return;
      let failed: Error | null = null;
      try {
        act();
      } catch (error) {
        failed = asError(error);
      }
      done(failed);
    });
  }

  syncDirectory(path: string): void {
    this.faults.mayFail('sync', path);
    const node = this.find(path);
    if (!(node instanceof Directory)) throw failure('ENOENT', 'open', path);
    node.sync();
  }

  volume(): { totalBytes: number; usableBytes: number } {
    return { totalBytes: this.maxBytes, usableBytes: this.space.left };
  }

  lock(path: string, holder: string): Lock {
    const key = resolve(path);
    this.faults.mayFail('open', path);
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

  resize(maxBytes: number): void {
    this.space.left += maxBytes - this.maxBytes;
    this.maxBytes = maxBytes;
  }

  failNext(operation: FaultyOperation, error: NodeJS.ErrnoException | string, fault: Fault = {}): void {
    this.faults.failNext(operation, error, fault);
  }
  failAll(path: string, error: NodeJS.ErrnoException | string): () => void {
    return this.faults.failAll(path, error);
  }
  waitingFaults(): number {
    return this.faults.waiting;
  }
  forgetFaults(): void {
    this.faults.forget();
  }

  flipBit(path: string, position: number, bit: number): void {
    const node = this.find(path);
    if (!(node instanceof MemoryFile)) throw failure('ENOENT', 'open', path);
    node.flipBit(position, bit);
  }

  kill(): void {
    this.power++;
    this.locks.clear();
    this.faults.forget();
  }

  crash(random?: () => number, { torn = false }: Pick<Crash, 'torn'> = {}): void {
    if (!this.crashable) throw new TypeError('these files were made with crashable: false');
    this.kill();
    this.root.crash({ random, torn });
    this.space.left = this.maxBytes - sizeOf(this.root);
  }

  /** Whatever has this name now makes room for `node`. */
  private clear(parent: Directory, name: string, node: Directory | MemoryFile, path: string): void {
    const old = parent.entries.get(name);
    if (old instanceof Directory && (!(node instanceof Directory) || old.entries.size > 0)) throw failure('ENOTEMPTY', 'rename', path);
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
