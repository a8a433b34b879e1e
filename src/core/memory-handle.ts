import { asError } from './errors.ts';
import type { FileHandle } from './files.ts';
import { failure, type MemoryFaults } from './memory-faults.ts';
import type { MemoryFile } from './memory-file.ts';

/** What a handle needs to know of its disk. */
export interface HandleOwner {
  readonly faults: MemoryFaults;
  /** Counts kills and crashes: a handle opened before the last one is dead. */
  readonly power: number;
  soon(fire: () => void): void;
}

/** An open file of memory-files.ts. */
export class MemoryHandle implements FileHandle {
  readonly path: string;
  private readonly disk: HandleOwner;
  private readonly file: MemoryFile;
  private readonly power: number;
  private inFlight = 0;
  private closed = false;

  constructor(disk: HandleOwner, path: string, file: MemoryFile) {
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
    return this.get(file, into, position);
  }

  read(into: Uint8Array, position: number, done: (error: Error | null, bytesRead: number) => void): void {
    let bytesRead = 0;
    this.later(
      () => {
        bytesRead = this.get(this.file, into, position);
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
    this.disk.faults.mayFail('truncate', this.path);
    if (!file.truncate(size)) throw failure('ENOSPC', 'ftruncate', this.path);
  }

  syncSync(): void {
    this.usable();
    this.makeDurable();
  }

  sync(done: (error: Error | null) => void): void {
    this.later(() => this.makeDurable(), done);
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    if (this.inFlight === 0) this.file.close();
  }

  private get(file: MemoryFile, into: Uint8Array, position: number): number {
    const shortened = this.disk.faults.shorten(this.path);
    return file.read(shortened === null ? into : into.subarray(0, shortened), position);
  }

  private makeDurable(): void {
    this.disk.faults.mayFail('sync', this.path, ({ losesNothing }) => {
      if (!losesNothing) this.file.syncFailed();
    });
    this.file.sync();
  }

  private put(chunks: readonly Uint8Array[], position: number): void {
    this.disk.faults.mayFail('write', this.path, ({ prefixBytes = 0 }) => {
      this.file.write([Buffer.concat(chunks).subarray(0, prefixBytes)], position);
    });
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
        failed = asError(error);
      }
      this.inFlight--;
      if (this.closed && this.inFlight === 0) this.file.close();
      done(failed);
    });
  }
}
