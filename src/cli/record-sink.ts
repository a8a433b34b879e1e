import type { Clock, Timer } from '../core/clock.ts';
import { CliError, codeOf, messageOf } from './errors.ts';
import type { ConsumedRecord, RecordFormat } from './record-format.ts';

/** Why the reading is over. */
export type Ending = 'max-messages' | 'timeout' | 'signal' | 'reader-gone';

/** The part of a stream that is needed. */
export interface ByteSink {
  write(bytes: Uint8Array, done: (error?: Error | null) => void): unknown;
}

export interface RecordSinkOptions {
  readonly out: ByteSink;
  readonly clock: Clock;
  readonly format: RecordFormat;
  /** undefined: no limit */
  readonly maxMessages: number | undefined;
  /** How long no record may come; undefined: for ever. */
  readonly timeoutMs: number | undefined;
}

/** A closed pipe at the first write after it, and at any later one. */
const GONE = ['EPIPE', 'ERR_STREAM_DESTROYED'];
const BLOCK_BYTES = 64 * 1024;

/** Prints records, counts them, and knows when it is over. */
export class RecordSink {
  /** Records that were taken to be printed. */
  count = 0;
  /** Resolves when it is over. */
  readonly over: Promise<Ending>;
  private ending: Ending | null = null;
  private resolveOver!: (ending: Ending) => void;
  private readonly options: RecordSinkOptions;
  private block = Buffer.allocUnsafe(BLOCK_BYTES);
  private used = 0;
  /** Whole blocks before `block`, and records too large for one. */
  private full: Uint8Array[] = [];
  private idle: Timer | null = null;
  private writing: Promise<void> = Promise.resolve();

  constructor(options: RecordSinkOptions) {
    this.options = options;
    this.over = new Promise((resolve) => {
      this.resolveOver = resolve;
    });
  }

  get isOver(): boolean {
    return this.ending !== null;
  }

  /** Output waits that is worth a write. */
  get wantsFlush(): boolean {
    return this.full.length > 0;
  }

  /** The first ending holds. */
  end(ending: Ending): void {
    this.ending ??= ending;
    this.idle?.cancel();
    this.resolveOver(this.ending);
  }

  /** From now on a record may come: the time without one is counted. */
  startWaiting(): void {
    const { clock, timeoutMs } = this.options;
    this.idle?.cancel();
    if (timeoutMs !== undefined && !this.isOver) this.idle = clock.after(timeoutMs, () => this.end('timeout'));
  }

  /** Takes a record to be printed by the next `flush`. @returns false, and takes nothing, when it is over */
  add(record: ConsumedRecord): boolean {
    if (this.isOver) return false;
    this.options.format(record, (part) => this.put(part));
    this.count++;
    if (this.count === this.options.maxMessages) this.end('max-messages');
    return true;
  }

  /**
   * Resolves when all that was taken is printed, which is the back-pressure. A reader that has gone is the end, not an error.
   * @returns whether it was printed
   */
  async flush(): Promise<boolean> {
    const parts = this.full;
    if (this.used > 0) parts.push(this.block.subarray(0, this.used));
    this.full = [];
    this.block = Buffer.allocUnsafe(BLOCK_BYTES);
    this.used = 0;
    this.writing = this.writing.then(() => this.write(parts));
    await this.writing;
    return this.ending !== 'reader-gone';
  }

  private async write(parts: readonly Uint8Array[]): Promise<void> {
    if (parts.length === 0) return;
    this.idle?.cancel(); // however long the reader takes, it is not the topic that is silent
    for (const part of parts) {
      if (this.ending === 'reader-gone') return;
      const error = await new Promise<Error | null | undefined>((resolve) => this.options.out.write(part, resolve));
      if (!error) continue;
      if (!GONE.includes(codeOf(error) ?? '')) throw new CliError(`standard output cannot be written: ${messageOf(error)}`);
      this.ending = null;
      this.end('reader-gone');
    }
    this.startWaiting();
  }

  private put(part: Uint8Array | string): void {
    const bytes = typeof part === 'string' ? Buffer.byteLength(part) : part.byteLength;
    if (bytes > BLOCK_BYTES - this.used && this.used > 0) {
      this.full.push(this.block.subarray(0, this.used));
      this.block = Buffer.allocUnsafe(BLOCK_BYTES);
      this.used = 0;
    }
    if (bytes > BLOCK_BYTES) {
      this.full.push(typeof part === 'string' ? Buffer.from(part) : part);
    } else {
      if (typeof part === 'string') this.block.write(part, this.used);
      else this.block.set(part, this.used);
      this.used += bytes;
    }
  }
}
