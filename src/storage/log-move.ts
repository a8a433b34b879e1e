import { join } from 'node:path';
import type { Clock } from '../core/clock.ts';
import type { FileHandle, Files } from '../core/files.ts';
import { BATCH_HEADER_BYTES, BatchView } from '../protocol/records/batch.ts';
import { SyncError } from './flusher.ts';
import { LEADER_EPOCH_FILE, writeSmallFile } from './partition-folder.ts';
import type { PartitionLog } from './partition-log.ts';
import { snapshotOffsetOf } from './producer-snapshot.ts';
import { type Segment, segmentFile } from './segment.ts';

const BLOCK_BYTES = 256 * 1024;
/** With no more than this left to copy the log is held: milliseconds, for whoever produces. */
const LITTLE_BYTES = 1024 * 1024;
/** A log that grows faster than it is copied is held once all but this is there, or never. */
const MUCH_BYTES = 64 * 1024 * 1024;
const ROUNDS = 50;
/** Until a log that changed while it was held is held again. */
const AGAIN_MS = 20;
/** Of small files, before everything else gets its turn. */
const FILES_IN_A_TURN = 50;

export interface LogMoveOptions {
  readonly log: PartitionLog;
  readonly files: Files;
  readonly clock: Clock;
  /** Of the copy, in the directory that it is for; it says whose it is. */
  readonly folder: string;
  /** replica.alter.log.dirs.io.max.bytes.per.second; null: as fast as it goes. */
  readonly bytesPerSecond: () => number | null;
  /** The copy is whole and durable, and the log is held: puts it in the place of the log's folder. */
  readonly swap: () => void;
}

/** What was read of the log could not be: it is the source's disk, or its files. */
export class SourceError extends Error {
  override name = 'SourceError';
}

/** What is copied of one segment. */
interface Copy {
  readonly segment: Segment;
  /** Of `segment.cuts` when it began. */
  readonly cuts: number;
  readonly file: FileHandle;
  bytes: number;
  /** Where the next batch begins, and its least offset. */
  nextBatch: number;
  nextOffset: number;
  /** Of its indexes, when they were copied. */
  indexBytes: number;
  /** The segment gets no more batches; it is copied whole, with its indexes, and durable. */
  isFinal: boolean;
}

/**
 * Copies a log to another directory while it goes on, file by file, and holds it for the moment that the last bit of it takes. Segments that leave
 * the log meanwhile, by retention, compaction or truncation, leave the copy; what takes their place is copied anew.
 */
export class LogMove {
  private readonly options: LogMoveOptions;
  /** By base offset: one segment may take the place of another. */
  private readonly copies = new Map<number, Copy>();
  private readonly snapshots = new Set<string>();
  private readonly buffer = Buffer.allocUnsafe(BLOCK_BYTES);
  private changes = -1;
  private stopped = false;
  private held = false;
  /** How long appends waited for the last bit, the last time. */
  heldMs = 0;
  private wakeUp = () => {};

  constructor(options: LogMoveOptions) {
    this.options = options;
  }

  /** It ends as soon as it can; what is copied stays where it is. */
  stop(): void {
    this.stopped = true;
    this.wakeUp();
  }

  /** Bytes of batches that are copied, and the offset behind the last of them. */
  get progress(): { readonly sizeBytes: number; readonly endOffset: number } {
    let sizeBytes = 0;
    let endOffset = 0;
    for (const { bytes, nextOffset } of this.copies.values()) {
      sizeBytes += bytes;
      endOffset = Math.max(endOffset, nextOffset);
    }
    return { sizeBytes, endOffset };
  }

  /** Resolves true when the log is in its new place, false when it was stopped. Rejects with SourceError, or what the new place said. */
  async run(): Promise<boolean> {
    try {
      for (let round = 1; !this.isOver; round++) {
        await this.copySegments();
        await this.copySnapshots();
        const left = this.bytesLeft();
        if (left > (round < ROUNDS ? LITTLE_BYTES : MUCH_BYTES)) continue;
        for (const copy of this.copies.values()) if (!copy.isFinal) await this.sync(copy); // so that there is little to sync while it is held
        if (await this.finish()) return true;
        await this.wait(AGAIN_MS);
      }
      return false;
    } finally {
      this.closeCopies();
    }
  }

  private closeCopies(): void {
    for (const { file } of this.copies.values()) {
      try {
        file.close();
      } catch {
        // Of a disk that has failed.
      }
    }
  }

  private get isOver(): boolean {
    return this.stopped || this.options.log.isOffline;
  }

  private source() {
    return fromSource(() => this.options.log.copySource());
  }

  private bytesLeft(): number {
    let left = 0;
    for (const segment of this.source().segments) left += segment.size - (this.copyOf(segment)?.bytes ?? 0);
    return left;
  }

  /** The copy of a segment that is in the log and was not cut since. */
  private copyOf(segment: Segment): Copy | undefined {
    const copy = this.copies.get(segment.baseOffset);
    return copy?.segment === segment && !segment.isDoomed && copy.cuts === segment.cuts ? copy : undefined;
  }

  /** What is not in the log any more goes from the copy. */
  private forgetChanged(): void {
    const { segments, changes } = this.source();
    const { files, folder } = this.options;
    const all = new Set(segments);
    for (const [baseOffset, { segment, file }] of this.copies) {
      if (all.has(segment) && this.copyOf(segment)) continue;
      file.close();
      this.copies.delete(baseOffset);
      for (const part of PARTS) files.remove(join(folder, segmentFile(baseOffset, part)));
    }
    if (changes === this.changes) return;
    this.changes = changes;
    for (const name of this.snapshots) files.remove(join(folder, name));
    this.snapshots.clear();
  }

  private async copySegments(): Promise<void> {
    this.forgetChanged();
    const segments = [...this.source().segments];
    for (const [i, segment] of segments.entries()) {
      if (this.isOver) return;
      await this.copySegment(segment);
      const next = segments[i + 1];
      // Writes are in order: once something is in the next one, all is in this one.
      if (next && next.size > 0 && !segment.isDoomed) await this.finishSegment(segment);
    }
  }

  private async copySegment(segment: Segment): Promise<void> {
    if (segment.isDoomed || this.copyOf(segment)?.isFinal) return;
    if (segment.size === 0 && !segment.log.exists()) return; // nothing was written to it yet
    const copy = this.copyOf(segment) ?? this.begin(segment);
    const { buffer } = this;
    while (!this.isOver && this.copyOf(segment) === copy && copy.bytes < segment.size) {
      const wanted = Math.min(BLOCK_BYTES, segment.size - copy.bytes);
      const length = await fromSource(() => read(segment.log.handle(), buffer.subarray(0, wanted), copy.bytes));
      if (this.copyOf(segment) !== copy) return;
      if (length < wanted) throw new SourceError(`${segment.log.path} ends before ${copy.bytes + wanted}`);
      const usable = walk(copy, buffer.subarray(0, wanted), segment.log.path);
      await write(copy.file, buffer.subarray(0, usable), copy.bytes);
      copy.bytes += usable;
      await this.pace(usable);
    }
  }

  private begin(segment: Segment): Copy {
    const { files, folder } = this.options;
    const { baseOffset, cuts } = segment;
    this.copies.get(baseOffset)?.file.close();
    for (const part of PARTS) files.remove(join(folder, segmentFile(baseOffset, part)));
    const file = files.open(join(folder, segmentFile(baseOffset, 'log')), 'rw');
    const copy = { segment, cuts, file, bytes: 0, nextBatch: 0, nextOffset: baseOffset, indexBytes: -1, isFinal: false };
    this.copies.set(baseOffset, copy);
    return copy;
  }

  /** The segment gets no more batches. */
  private async finishSegment(segment: Segment): Promise<void> {
    const copy = this.copyOf(segment);
    if (!copy || copy.isFinal || copy.bytes < segment.size) return;
    await fromSource(async () => segment.seal());
    await this.copyIndexes(copy);
    await this.sync(copy);
    if (this.copyOf(segment) !== copy) return;
    copy.isFinal = true;
    copy.file.close();
  }

  /** Of a segment that gets no entries meanwhile. */
  private async copyIndexes(copy: Copy): Promise<void> {
    const { files, folder } = this.options;
    const { segment } = copy;
    copy.indexBytes = indexBytesOf(segment);
    for (const [part, index] of [
      ['index', segment.offsets.file],
      ['timeindex', segment.times.file],
    ] as const) {
      if (segment.isDoomed) return;
      const content = fromSource(() => files.read(index.path));
      const file = files.open(join(folder, segmentFile(segment.baseOffset, part)), 'rw');
      try {
        file.truncate(0);
        if (content && content.byteLength > 0) await write(file, content, 0);
        await sync(file);
      } finally {
        file.close();
      }
    }
  }

  private async sync(copy: Copy): Promise<void> {
    if (!this.isOver && this.copyOf(copy.segment) === copy) await sync(copy.file);
  }

  private async copySnapshots(): Promise<void> {
    const { clock } = this.options;
    let count = 0;
    for (const name of this.snapshotNames()) {
      if (this.isOver) return;
      if (this.snapshots.has(name)) continue;
      this.copySnapshot(name);
      if (++count % FILES_IN_A_TURN === 0) await new Promise<void>((resolve) => clock.soon(resolve));
    }
  }

  private snapshotNames(): string[] {
    const { folder } = this.source();
    return fromSource(() => this.options.files.list(folder).filter((name) => snapshotOffsetOf(name) !== null));
  }

  /** Not synced, as the log's own: a power failure leaves one whole, or told by its CRC. */
  private copySnapshot(name: string): void {
    const { files, folder } = this.options;
    const content = fromSource(() => files.read(join(this.source().folder, name)));
    if (content === null) return; // it went meanwhile
    writeSmallFile(files, join(folder, name), content);
    this.snapshots.add(name);
  }

  /** Holds the log, copies what is left, and swaps; false: the log has changed meanwhile, so that it must be tried again. */
  private async finish(): Promise<boolean> {
    const { log, clock } = this.options;
    const startMs = clock.monotonicMs();
    this.held = true;
    await new Promise<void>((resolve) => log.hold(resolve));
    try {
      if (this.isOver) return false;
      const { changes } = this.source();
      this.forgetChanged();
      for (const segment of [...this.source().segments]) {
        await this.copySegment(segment);
        const copy = this.copyOf(segment);
        if (!copy || copy.isFinal) continue;
        await fromSource(async () => segment.spill());
        await this.copyIndexes(copy);
        await this.sync(copy);
      }
      if (this.isOver || this.source().changes !== changes || this.bytesLeft() > 0 || !this.hasIndexes()) return false;
      this.putSmallFiles();
      this.closeCopies();
      for (const segment of this.source().segments) segment.close(); // a folder with open files cannot be renamed everywhere
      this.options.swap();
      return true;
    } finally {
      this.held = false;
      this.heldMs = clock.monotonicMs() - startMs;
      log.resume();
    }
  }

  /** A flush that was under way when the log was held may have completed an index behind its copy. */
  private hasIndexes(): boolean {
    for (const { segment, indexBytes, isFinal } of this.copies.values()) if (!isFinal && indexBytesOf(segment) !== indexBytes) return false;
    return true;
  }

  private putSmallFiles(): void {
    const { files, folder } = this.options;
    const names = this.snapshotNames();
    for (const name of names) if (!this.snapshots.has(name)) this.copySnapshot(name);
    for (const name of this.snapshots) if (!names.includes(name)) files.remove(join(folder, name));
    writeSmallFile(files, join(folder, LEADER_EPOCH_FILE), this.source().epochsText());
  }

  private async pace(bytes: number): Promise<void> {
    const rate = this.options.bytesPerSecond();
    if (rate !== null && !this.held) await this.wait((bytes / Math.max(rate, 1)) * 1000);
  }

  private async wait(ms: number): Promise<void> {
    if (this.isOver) return;
    await new Promise<void>((resolve) => {
      const timer = this.options.clock.after(ms, resolve);
      this.wakeUp = () => {
        timer.cancel();
        resolve();
      };
    });
    this.wakeUp = () => {};
  }
}

const PARTS = ['log', 'index', 'timeindex'];

/**
 * Steps over the batches of a block that is copied, and says how much of it to take: a header that the block cuts through is left to the next one.
 * So it is known at any time which records are copied, and a log whose batches cannot be told apart is not spread.
 */
function walk(copy: Copy, block: Buffer, path: string): number {
  const end = copy.bytes + block.byteLength;
  while (copy.nextBatch + BATCH_HEADER_BYTES <= end) {
    const { sizeInBytes, lastOffset } = VIEW.reset(block, copy.nextBatch - copy.bytes);
    if (sizeInBytes < BATCH_HEADER_BYTES) throw new SourceError(`${path}: no whole record batch at position ${copy.nextBatch}`);
    copy.nextBatch += sizeInBytes;
    copy.nextOffset = lastOffset + 1;
  }
  if (copy.nextBatch >= end) return block.byteLength;
  if (copy.nextBatch === copy.bytes) throw new SourceError(`${path}: no whole record batch at position ${copy.nextBatch}`);
  return copy.nextBatch - copy.bytes;
}

const indexBytesOf = ({ offsets, times }: Segment): number => offsets.file.sizeBytes + times.file.sizeBytes;

const VIEW = new BatchView(Buffer.alloc(0));

function fromSource<T>(act: () => T): T {
  const failed = (error: unknown) =>
    error instanceof SourceError ? error : new SourceError(error instanceof Error ? error.message : String(error), { cause: error });
  try {
    const result = act();
    if (!(result instanceof Promise)) return result;
    return result.catch((error: unknown) => {
      throw failed(error);
    }) as T;
  } catch (error) {
    throw failed(error);
  }
}

function read(file: FileHandle, into: Uint8Array, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    file.read(into, position, (error, bytes) => (error ? reject(error) : resolve(bytes)));
  });
}
function write(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  return new Promise((resolve, reject) => {
    file.write([bytes], position, (error) => (error ? reject(error) : resolve()));
  });
}
function sync(file: FileHandle): Promise<void> {
  return new Promise((resolve, reject) => {
    file.sync((error) => (error ? reject(new SyncError(error.message, { cause: error })) : resolve()));
  });
}
