import type { Clock } from '../core/clock.ts';
import { asError } from '../core/errors.ts';
import type { Done } from './log-types.ts';
import type { ProducerBefore } from './producer-state.ts';
import type { Segment, WrittenBatch } from './segment.ts';

/** One batch on its way into a segment's .log. The bytes stay as they are until the write is finished. */
export interface PendingWrite extends WrittenBatch {
  readonly segment: Segment;
  readonly baseOffset: number;
  readonly bytes: Uint8Array;
  readonly done: Done;
  /** What its producer was before; null: it is of no idempotent producer. */
  readonly producerBefore: ProducerBefore | null;
  /** Whoever sent the same batch again while it was on its way. A connection has few requests in flight, which bounds them. */
  repeats?: Done[];
}

/** Tells all who wait for a write how it ended. */
export function tell(write: PendingWrite, error: Error | null): void {
  write.done(error);
  for (const done of write.repeats ?? []) done(error);
}

/** More than this in one go leaves through the thread pool: the loop would stand still for it. */
const SYNC_WRITE_BYTES = 128 * 1024;
/** A synchronous write that took longer says that the disk is busy. */
const SLOW_WRITE_MS = 5;
/** One writev takes no more (IOV_MAX). */
const MAX_CHUNKS = 1024;
const MAX_WRITE_BYTES = 16 * 1024 * 1024;

/** From here on producers should be paused. */
export const CONGESTED_BYTES = 16 * 1024 * 1024;
export const CONGESTED_WRITES = 1024;
/** Beyond this appends are refused: whoever goes on although the log is congested does not get all the memory. */
export const MAX_QUEUED_BYTES = 256 * 1024 * 1024;
export const MAX_QUEUED_WRITES = 64 * 1024;

/** The log whose writes these are. */
export interface QueueOwner {
  /** A segment is about to get its first bytes, and its file. May throw: then the write fails. */
  begins(segment: Segment): void;
  /** The writes are finished, in order; calls their `done`. */
  written(writes: readonly PendingWrite[]): void;
  /**
   * A write failed: none of `lost` happened, though any part of them may be in the file, unless it is `untouched`; calls their `done`.
   */
  failed(error: Error, lost: readonly PendingWrite[], untouched: boolean): void;
  /** Whether a write in the file must also be durable before it counts as finished. */
  mustSync(write: PendingWrite): boolean;
  /** Makes everything durable that is in the files now; `endOffset` is where that ends. On an error it takes the unsynced out. */
  sync(endOffset: number, done: Done): void;
}

/**
 * The order in which batches reach the disk, and how: what arrives in one turn of the loop leaves in one write. Small, idle and fast: at
 * the end of the turn, synchronously (30 us less for each produce). Large, backlogged or slow: through the thread pool, one write in
 * flight, the rest gathering behind it.
 *
 * Where the log asks for it the sync is a part of the write: what is in the file waits for it here. One sync is under way at a time; what
 * is written meanwhile is covered by the next one, all of it at once.
 */
export class AppendQueue {
  private readonly clock: Clock;
  private readonly owner: QueueOwner;
  private waiting: PendingWrite[] = [];
  private inFlight: PendingWrite[] = [];
  /** In the file, and not finished before they are durable. */
  private unsynced: PendingWrite[] = [];
  private syncing = false;
  private bytes = 0;
  private scheduled = false;
  private slow = false;
  private idlers: (() => void)[] = [];
  /** Nothing is written; called once, when nothing is on its way any more. */
  private held: (() => void) | null = null;

  constructor(clock: Clock, owner: QueueOwner) {
    this.clock = clock;
    this.owner = owner;
  }

  get queuedBytes(): number {
    return this.bytes;
  }
  get queuedWrites(): number {
    return this.waiting.length + this.inFlight.length + this.unsynced.length;
  }
  /** The last write that was started, did not fail, and has not finished. */
  get lastStarted(): PendingWrite | undefined {
    return this.inFlight.at(-1) ?? this.unsynced.at(-1);
  }
  get congested(): boolean {
    return this.bytes >= CONGESTED_BYTES || this.queuedWrites >= CONGESTED_WRITES;
  }
  /** The write of the batch at `baseOffset`, if it has not finished. */
  find(baseOffset: number): PendingWrite | undefined {
    const started = findByOffset(this.unsynced, baseOffset) ?? findByOffset(this.inFlight, baseOffset);
    return started ?? findByOffset(this.waiting, baseOffset);
  }
  hasRoomFor(bytes: number): boolean {
    return this.queuedWrites < MAX_QUEUED_WRITES && (this.queuedWrites === 0 || this.bytes + bytes <= MAX_QUEUED_BYTES);
  }

  push(write: PendingWrite): void {
    this.waiting.push(write);
    this.bytes += write.batchBytes;
    if (this.scheduled || this.inFlight.length > 0) return;
    this.scheduled = true;
    this.clock.soon(() => {
      this.scheduled = false;
      this.writeSome();
    });
  }

  /** Calls back once every write is finished; at once, if so now. */
  whenIdle(idle: () => void): void {
    if (this.queuedWrites === 0) idle();
    else this.idlers.push(idle);
  }

  /**
   * Begins no writes until `resume`; what comes meanwhile waits. Calls back once nothing is on its way to the disk; at once, if so now.
   * Who empties the queue meanwhile, or gives the log up, need not care.
   */
  hold(still: () => void): void {
    this.held = still;
    this.tellHeld();
  }
  resume(): void {
    this.held = null;
    if (this.waiting.length > 0 && !this.scheduled && this.inFlight.length === 0) this.writeSome();
  }
  private tellHeld(): void {
    const { held } = this;
    if (held === null || this.inFlight.length > 0 || this.unsynced.length > 0 || this.syncing) return;
    this.held = NOBODY;
    held();
  }

  /** Takes what has not been started out of the queue: the caller tells them. */
  takeWaiting(): readonly PendingWrite[] {
    const taken = this.waiting;
    this.waiting = [];
    this.forget(taken);
    return taken;
  }

  /** Takes what is in the file and not durable out of the queue: the caller tells them. */
  takeUnsynced(): readonly PendingWrite[] {
    const taken = this.unsynced;
    this.unsynced = [];
    this.forget(taken);
    return taken;
  }

  private writeSome(): void {
    if (this.inFlight.length > 0) return;
    if (this.waiting.length === 0 || this.held !== null) {
      this.tellIdle();
      return;
    }
    const backlogged = this.takeRun();
    const run = this.inFlight;
    const { segment, position } = run[0]!;
    const chunks = chunksOf(run);
    let total = 0;
    for (const write of run) total += write.batchBytes;
    const startMs = this.clock.monotonicMs();
    let untouched = true;
    const finish = (error: Error | null) => {
      this.slow = this.clock.monotonicMs() - startMs > SLOW_WRITE_MS;
      this.finished(error, untouched);
    };
    try {
      if (position === 0) this.owner.begins(segment);
      const file = segment.log.handle();
      untouched = false;
      if (total > SYNC_WRITE_BYTES || backlogged || this.slow) {
        file.write(chunks, position, finish);
        return;
      }
      file.writeSync(chunks, position);
    } catch (error) {
      finish(asError(error));
      return;
    }
    finish(null);
  }

  /** Moves the longest run of one segment that one write may take in flight; true when more is waiting. */
  private takeRun(): boolean {
    const { waiting } = this;
    const { segment } = waiting[0]!;
    let count = 0;
    let total = 0;
    while (count < waiting.length && count < MAX_CHUNKS && waiting[count]!.segment === segment) {
      total += waiting[count]!.batchBytes;
      if (count > 0 && total > MAX_WRITE_BYTES) break;
      count++;
    }
    const backlogged = count < waiting.length;
    this.inFlight = backlogged ? waiting.splice(0, count) : waiting;
    if (!backlogged) this.waiting = [];
    return backlogged;
  }

  private finished(error: Error | null, untouched: boolean): void {
    const run = this.inFlight;
    this.inFlight = [];
    if (error) {
      const lost = [...run, ...this.waiting];
      this.waiting = [];
      this.forget(lost);
      this.owner.failed(error, lost, untouched);
    } else if (this.unsynced.length > 0 || this.owner.mustSync(run.at(-1)!)) {
      for (const write of run) this.unsynced.push(write);
      if (!this.syncing) this.syncSome();
    } else {
      this.forget(run);
      this.owner.written(run);
    }
    if (this.scheduled) return;
    if (this.waiting.length > 0) this.writeSome();
    else this.tellIdle();
  }

  private syncSome(): void {
    let count = 0;
    while (count < this.unsynced.length && !this.owner.mustSync(this.unsynced[count]!)) count++;
    this.release(count);
    const { length: covered } = this.unsynced;
    if (covered === 0) {
      this.tellIdle();
      return;
    }
    this.syncing = true;
    this.owner.sync(this.unsynced[covered - 1]!.lastOffset + 1, (error) => {
      this.syncing = false;
      if (!error) this.release(Math.min(covered, this.unsynced.length)); // none are left when the log was given up meanwhile
      this.syncSome();
    });
  }

  private release(count: number): void {
    if (count === 0) return;
    const synced = this.unsynced.splice(0, count);
    this.forget(synced);
    this.owner.written(synced);
  }

  private forget(writes: readonly PendingWrite[]): void {
    for (const write of writes) this.bytes -= write.batchBytes;
  }

  private tellIdle(): void {
    this.tellHeld();
    if (this.queuedWrites > 0) return;
    const idlers = this.idlers;
    this.idlers = [];
    for (const idle of idlers) idle();
  }
}

/** Who held the queue knows that it stands still. */
const NOBODY = () => {};

/** The bytes of a run. What a follower fetched lies in one piece, however many batches it is. */
function chunksOf(run: readonly PendingWrite[]): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let i = 0; i < run.length; ) {
    const { buffer, byteOffset } = run[i]!.bytes;
    let end = byteOffset;
    do end += run[i++]!.bytes.byteLength;
    while (i < run.length && run[i]!.bytes.buffer === buffer && run[i]!.bytes.byteOffset === end);
    chunks.push(
      end - byteOffset === run[i - 1]!.bytes.byteLength ? run[i - 1]!.bytes : new Uint8Array(buffer, byteOffset, end - byteOffset),
    );
  }
  return chunks;
}

function findByOffset(writes: readonly PendingWrite[], baseOffset: number): PendingWrite | undefined {
  let low = 0;
  let high = writes.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (writes[middle]!.baseOffset < baseOffset) low = middle + 1;
    else high = middle;
  }
  return writes[low]?.baseOffset === baseOffset ? writes[low] : undefined;
}
