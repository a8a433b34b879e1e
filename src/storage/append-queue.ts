import type { Clock } from '../core/clock.ts';
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

/**
 * The order in which batches reach the disk, and how: what arrives in one turn of the loop leaves in one write. Small, idle and fast: at
 * the end of the turn, synchronously (30 us less for each produce). Large, backlogged or slow: through the thread pool, one write in
 * flight, the rest gathering behind it.
 */
export class AppendQueue {
  private readonly clock: Clock;
  private readonly written: (writes: readonly PendingWrite[]) => void;
  private readonly failed: (error: Error, lost: readonly PendingWrite[]) => void;
  private waiting: PendingWrite[] = [];
  private inFlight: PendingWrite[] = [];
  private bytes = 0;
  private scheduled = false;
  private slow = false;
  private idlers: (() => void)[] = [];

  /**
   * @param written the writes are on the disk (not synced), in order; calls their `done`
   * @param failed a write failed: none of `lost` happened, though any part of them may be in the file; calls their `done`
   */
  constructor(
    clock: Clock,
    written: (writes: readonly PendingWrite[]) => void,
    failed: (error: Error, lost: readonly PendingWrite[]) => void,
  ) {
    this.clock = clock;
    this.written = written;
    this.failed = failed;
  }

  get queuedBytes(): number {
    return this.bytes;
  }
  get queuedWrites(): number {
    return this.waiting.length + this.inFlight.length;
  }
  /** The last write that was started and has not finished. */
  get lastInFlight(): PendingWrite | undefined {
    return this.inFlight.at(-1);
  }
  get congested(): boolean {
    return this.bytes >= CONGESTED_BYTES || this.queuedWrites >= CONGESTED_WRITES;
  }
  /** The write of the batch at `baseOffset`, if it has not finished. */
  find(baseOffset: number): PendingWrite | undefined {
    return findByOffset(this.inFlight, baseOffset) ?? findByOffset(this.waiting, baseOffset);
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

  /** Calls back once nothing waits and nothing is in flight; at once, if so now. */
  whenIdle(idle: () => void): void {
    if (this.queuedWrites === 0) idle();
    else this.idlers.push(idle);
  }

  /** Takes what has not been started out of the queue: the caller tells them. */
  takeWaiting(): readonly PendingWrite[] {
    const taken = this.waiting;
    this.waiting = [];
    this.recount();
    return taken;
  }

  private writeSome(): void {
    if (this.inFlight.length > 0) return;
    if (this.waiting.length === 0) {
      this.tellIdle();
      return;
    }
    const backlogged = this.takeRun();
    const run = this.inFlight;
    const { segment, position } = run[0]!;
    const chunks = run.map((write) => write.bytes);
    let total = 0;
    for (const write of run) total += write.batchBytes;
    const startMs = this.clock.monotonicMs();
    const finish = (error: Error | null) => {
      this.slow = this.clock.monotonicMs() - startMs > SLOW_WRITE_MS;
      this.finished(error);
    };
    try {
      const file = segment.log.handle();
      if (total > SYNC_WRITE_BYTES || backlogged || this.slow) {
        file.write(chunks, position, finish);
        return;
      }
      file.writeSync(chunks, position);
    } catch (error) {
      finish(error instanceof Error ? error : new Error(String(error)));
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

  private finished(error: Error | null): void {
    const run = this.inFlight;
    this.inFlight = [];
    if (error) {
      const lost = [...run, ...this.waiting];
      this.waiting = [];
      this.recount();
      this.failed(error, lost);
    } else {
      this.recount();
      this.written(run);
    }
    if (this.scheduled) return;
    if (this.waiting.length > 0) this.writeSome();
    else this.tellIdle();
  }

  private recount(): void {
    this.bytes = 0;
    for (const write of this.waiting) this.bytes += write.batchBytes;
    for (const write of this.inFlight) this.bytes += write.batchBytes;
  }

  private tellIdle(): void {
    const idlers = this.idlers;
    this.idlers = [];
    for (const idle of idlers) idle();
  }
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
