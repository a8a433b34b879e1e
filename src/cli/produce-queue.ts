import type { Clock, Timer } from '../core/clock.ts';

export interface QueuedRecord {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  /** Where it came from, from 1. */
  readonly line: number;
}

export interface ProduceQueueOptions {
  readonly clock: Clock;
  readonly partitions: readonly number[];
  /** Index in `partitions` of the one that the first records without a key go to. */
  readonly first: number;
  /** Writes one batch; resolves when it is acknowledged. */
  readonly send: (partition: number, records: readonly QueuedRecord[]) => Promise<void>;
  /** Whether a failure says that the batch has too many bytes, so that half of it may pass. */
  readonly isTooLarge: (error: unknown) => boolean;
}

/** What was not written, and why. */
export interface ProduceFailure {
  readonly error: unknown;
  /** The batch that failed first. */
  readonly records: readonly QueuedRecord[];
}

// kafkajs groups a send's records in time quadratic in their number: at 1,000 that is not yet felt.
const MAX_BATCH_RECORDS = 1_000;
/** Below max.message.bytes (1 MiB), which holds for a whole batch. */
const MAX_BATCH_BYTES = 512 * 1024;
const MAX_SENDS = 16;
/** Records and their bytes that may wait before `room()` has the reader wait. */
const MAX_QUEUED_BYTES = 8 * 1024 * 1024;
/** What a record costs besides its bytes. */
const RECORD_OVERHEAD_BYTES = 100;
/** Time in which more lines may join a batch: unnoticed at a terminal. */
const LINGER_MS = 5;

/** One partition: one batch is on its way at a time, so that records stay in order whatever is sent again. */
interface Lane {
  readonly partition: number;
  waiting: QueuedRecord[];
  waitingBytes: number;
  isSending: boolean;
  /** Less after the broker has found a batch too large. */
  maxRecords: number;
}

const bytesOf = ({ key, value }: QueuedRecord): number => RECORD_OVERHEAD_BYTES + (key?.byteLength ?? 0) + (value?.byteLength ?? 0);

/** Gathers records into batches for each partition. After the first failure nothing more is sent. */
export class ProduceQueue {
  /** Records that were acknowledged. */
  written = 0;
  failure: ProduceFailure | null = null;
  private readonly options: ProduceQueueOptions;
  private readonly lanes: readonly Lane[];
  /** Records without a key stay with one partition until a batch of them is sent, as with Kafka's own producer (KIP-480). */
  private sticky: number;
  private queuedBytes = 0;
  private sends = 0;
  private linger: Timer | null = null;
  private isDraining = false;
  private waiters: (() => void)[] = [];

  constructor(options: ProduceQueueOptions) {
    this.options = options;
    this.sticky = options.first;
    this.lanes = options.partitions.map((partition) => ({
      partition,
      waiting: [],
      waitingBytes: 0,
      isSending: false,
      maxRecords: MAX_BATCH_RECORDS,
    }));
  }

  /** @param index in `partitions`; null: any */
  add(record: QueuedRecord, index: number | null): void {
    const lane = this.lanes[index ?? this.sticky]!;
    const bytes = bytesOf(record);
    lane.waiting.push(record);
    lane.waitingBytes += bytes;
    this.queuedBytes += bytes;
    if (isFull(lane)) this.start(lane);
    else this.linger ??= this.options.clock.after(LINGER_MS, () => this.startAll());
  }

  /** Resolves when there is room for more, or when nothing more will be sent. */
  async room(): Promise<void> {
    while (this.queuedBytes > MAX_QUEUED_BYTES && !this.failure) await this.change();
  }

  /** Sends what waits. Resolves when all is written, or when what was on its way at a failure has come to its end. */
  async drain(): Promise<void> {
    this.isDraining = true;
    this.startAll();
    while (this.sends > 0) await this.change();
    this.linger?.cancel();
  }

  private change(): Promise<void> {
    return new Promise((resolve) => this.waiters.push(resolve));
  }

  private startAll(): void {
    this.linger?.cancel();
    this.linger = null;
    for (const lane of this.lanes) this.start(lane);
  }

  private start(lane: Lane): void {
    if (lane.isSending || lane.waiting.length === 0 || this.sends >= MAX_SENDS || this.failure) return;
    const batch = takeBatch(lane);
    if (lane === this.lanes[this.sticky]) this.sticky = (this.sticky + 1) % this.lanes.length;
    lane.isSending = true;
    this.sends++;
    this.options.send(lane.partition, batch).then(
      () => {
        this.written += batch.length;
        this.settled(lane, batch);
      },
      (error: unknown) => {
        if (this.options.isTooLarge(error) && batch.length > 1) {
          lane.maxRecords = Math.ceil(batch.length / 2);
          lane.waiting = [...batch, ...lane.waiting];
          for (const record of batch) lane.waitingBytes += bytesOf(record);
          this.settled(lane, []);
        } else {
          this.failure ??= { error, records: batch };
          this.settled(lane, batch);
        }
      },
    );
  }

  private settled(lane: Lane, done: readonly QueuedRecord[]): void {
    lane.isSending = false;
    this.sends--;
    for (const record of done) this.queuedBytes -= bytesOf(record);
    // What waits has lingered for the time that the send took; another lane may have waited for a free place.
    this.start(lane);
    for (const other of this.lanes) if (this.isDraining || isFull(other) || !this.linger) this.start(other);
    const waiters = this.waiters;
    this.waiters = [];
    for (const wake of waiters) wake();
  }
}

const isFull = (lane: Lane): boolean => lane.waiting.length >= lane.maxRecords || lane.waitingBytes >= MAX_BATCH_BYTES;

function takeBatch(lane: Lane): QueuedRecord[] {
  let count = 0;
  let bytes = 0;
  for (const record of lane.waiting) {
    const size = bytesOf(record);
    if (count >= lane.maxRecords || (count > 0 && bytes + size > MAX_BATCH_BYTES)) break;
    count++;
    bytes += size;
  }
  lane.waitingBytes -= bytes;
  return lane.waiting.splice(0, count);
}
