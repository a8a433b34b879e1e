import type { Clock } from '../core/clock.ts';
import { asError, KafkaError } from '../core/errors.ts';
import { BatchView } from '../protocol/records/batch.ts';
import { isMessageSet } from '../protocol/records/legacy-check.ts';
import type { Recompressed } from '../protocol/records/recompress.ts';
import type { ValidBatch } from '../protocol/records/validate.ts';
import { MAX_QUEUED_BYTES, MAX_QUEUED_WRITES } from './append-queue.ts';
import { isPlain, prepareLater, prepareNow, type Requirements } from './batch-preparation.ts';
import { convertLater, convertNow, NOTHING_APPENDED } from './legacy-preparation.ts';
import type { AppendInfo, Done } from './log-types.ts';
import type { PreparationSlots } from './preparation-slots.ts';
import type { Verification } from './verifications.ts';

/** Called once: what was appended, when its write is finished; or what is wrong. */
export type Produced = (error: Error | null, appended: AppendInfo | null) => void;

export interface LineOptions {
  readonly clock: Clock;
  readonly slots: PreparationSlots;
  /** As the partition's log is configured now. */
  readonly requirements: () => Requirements;
  /** Appends at the end of the log. `valid`: the batch was validated. @throws KafkaError when the batch is refused */
  readonly append: (records: Uint8Array, valid: ValidBatch | undefined, done: Done, verification: Verification) => AppendInfo;
}

interface Taken {
  readonly records: Uint8Array;
  readonly produced: Produced;
  readonly verification: Verification;
}

/** Waiting batches that become free are appended for so long before others get their turn. */
const TURN_MS = 10;

/**
 * The batches that clients produce to one partition, in the order in which they came. Most are validated and appended at once. One that is
 * large when decompressed, or must be compressed anew, is prepared off the event loop; while it is, it holds its place and those behind it
 * wait, whoever sent them. Those to other partitions pass.
 *
 * What waits is bounded as the log's own queue is; before that, by what each connection may have under way.
 */
export class ProduceLine {
  private readonly options: LineOptions;
  private readonly waiting: Taken[] = [];
  /** Of the waiting ones, and of the one in work. */
  private bytes = 0;
  /** A batch is in work, or waiting ones are to go on soon. */
  private busy = false;
  private closed: KafkaError | null = null;

  constructor(options: LineOptions) {
    this.options = options;
  }

  get queuedBytes(): number {
    return this.bytes;
  }
  get queuedBatches(): number {
    return this.waiting.length + (this.busy ? 1 : 0);
  }

  /**
   * Takes one batch, or a message set, that `producedRecords` has passed. The bytes stay untouched until `produced` is called; it may be called before this
   * returns. What is refused is told to it, too; nothing is thrown. `verification`: see AppendOptions.
   */
  take(records: Uint8Array, produced: Produced, verification?: Verification): void {
    const taken = { records, produced, verification };
    if (this.closed) produced(this.closed, null);
    else if (this.busy || this.waiting.length > 0) this.wait(taken);
    else this.begin(taken);
  }

  /** Nothing more is appended: what waits, and what comes, fails with `error`; the batch in work does when its preparation is over. */
  close(error: KafkaError): void {
    this.closed ??= error;
    const waiting = this.waiting.splice(0);
    for (const { records, produced } of waiting) {
      this.bytes -= records.byteLength;
      produced(this.closed, null);
    }
  }

  private wait(batch: Taken): void {
    const { byteLength } = batch.records;
    if (this.bytes + byteLength > MAX_QUEUED_BYTES || this.waiting.length >= MAX_QUEUED_WRITES) {
      batch.produced(new KafkaError('KAFKA_STORAGE_ERROR', 'Too much waits for a large batch before it to be prepared'), null);
      return;
    }
    this.bytes += byteLength;
    this.waiting.push(batch);
  }

  /** Appends the batch, or starts to prepare it. */
  private begin(taken: Taken): void {
    const { records, produced } = taken;
    try {
      const wanted = this.options.requirements();
      if (isMessageSet(records)) {
        this.beginMessageSet(taken, wanted);
        return;
      }
      const batch = new BatchView(records);
      if (isPlain(batch, wanted)) {
        this.append(records, undefined, taken);
        return;
      }
      const prepared = prepareNow(batch, wanted, this.options.clock.now());
      if (prepared) this.append(prepared.records, prepared.valid, taken);
      else this.beginLater(taken, () => prepareLater(batch, wanted, this.options.clock));
    } catch (error) {
      produced(asError(error), null);
    }
  }

  /** The formats before record batches, which Produce has below version 3. */
  private beginMessageSet(taken: Taken, wanted: Requirements): void {
    const { records, produced } = taken;
    const { clock } = this.options;
    const converted = convertNow(records, wanted, clock.now());
    if (converted === 'nothing') produced(null, NOTHING_APPENDED);
    else if (converted) this.append(converted.records, converted.valid, taken);
    else this.beginLater(taken, () => convertLater(records, wanted, clock));
  }

  private beginLater(taken: Taken, prepare: () => Promise<Recompressed | 'nothing'>): void {
    const { byteLength } = taken.records;
    const { slots } = this.options;
    this.busy = true;
    this.bytes += byteLength;
    const over = (error: Error | null, prepared: Recompressed | 'nothing' | null) => {
      this.bytes -= byteLength;
      this.finish(error, prepared, taken);
      this.goOn();
    };
    slots.take((giveBack) => {
      const preparing = this.closed ? Promise.reject(this.closed) : prepare();
      preparing.then(
        (prepared) => {
          giveBack();
          over(null, prepared);
        },
        (error) => {
          giveBack();
          over(asError(error), null);
        },
      );
    });
  }

  private finish(error: Error | null, prepared: Recompressed | 'nothing' | null, taken: Taken): void {
    const { produced } = taken;
    const failure = this.closed ?? error;
    if (failure || !prepared) {
      produced(failure, null);
      return;
    }
    if (prepared === 'nothing') {
      produced(null, NOTHING_APPENDED);
      return;
    }
    try {
      this.append(prepared.records, prepared.valid, taken);
    } catch (refusal) {
      produced(asError(refusal), null);
    }
  }

  /** A batch has left its place: those behind it, up to the next that has to be prepared. */
  private goOn(): void {
    const { clock } = this.options;
    const sinceMs = clock.monotonicMs();
    this.busy = false;
    while (!this.busy) {
      const next = this.waiting.shift();
      if (!next) return;
      this.bytes -= next.records.byteLength;
      this.begin(next);
      if (!this.busy && this.waiting.length > 0 && clock.monotonicMs() - sinceMs >= TURN_MS) {
        this.busy = true;
        clock.soon(() => this.goOn());
      }
    }
  }

  private append(records: Uint8Array, valid: ValidBatch | undefined, { produced, verification }: Taken): void {
    const done: Done = (error) => produced(error, error ? null : appended);
    const appended: AppendInfo = this.options.append(records, valid, done, verification);
  }
}
