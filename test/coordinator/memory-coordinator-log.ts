import type { CoordinatorLog, LogReplay, TransactionalWrite } from '../../src/coordinator/coordinator-log.ts';
import type { KafkaError } from '../../src/core/errors.ts';
import type { CoordinatorRecord } from '../../src/protocol/messages/internal/coordinator-records.ts';
import type { TransactionMarker } from '../../src/storage/producer-state.ts';

type Stored = CoordinatorRecord & { readonly producerId?: number };

/** The key of what ends a transaction. */
const MARKER = Buffer.from('marker');

/** A partition of a coordinator's topic in memory, which commits at once, or when the test says so. */
export class MemoryCoordinatorLog implements CoordinatorLog {
  leaderEpoch = 0;
  readonly records: Stored[] = [];
  /** While true, appends wait for `commit` or `fail`. */
  isHeld = false;
  /** The next append is refused with it. */
  refusal: KafkaError | null = null;
  /** Number of times that the log was read from its start. */
  replays = 0;
  /** While set, replays wait for it. */
  replayGate: Promise<void> | null = null;
  /** While set, what was replayed is committed when it resolves. */
  commitGate: Promise<void> | null = null;
  isOver = false;
  private waiting: { records: readonly Stored[]; done: (error: KafkaError | null) => void }[] = [];

  append(records: readonly CoordinatorRecord[], done: (error: KafkaError | null) => void, transaction?: TransactionalWrite): number {
    return this.put(
      records.map((record) => ({ ...record, producerId: transaction?.producerId ?? -1 })),
      done,
    );
  }

  appendMarker({ commits, producerId }: TransactionMarker, done: (error: KafkaError | null) => void): number {
    return this.put([{ key: MARKER, value: Buffer.from([commits ? 1 : 0]), producerId }], done);
  }

  private put(records: readonly Stored[], done: (error: KafkaError | null) => void): number {
    if (this.refusal) {
      const error = this.refusal;
      this.refusal = null;
      throw error;
    }
    const offset = this.waiting.reduce((end, each) => end + each.records.length, this.records.length); // what was lost leaves no gap
    if (this.isHeld) {
      this.waiting.push({ records, done });
      return offset;
    }
    this.records.push(...records);
    done(null);
    return offset;
  }

  async replay(replay: LogReplay): Promise<void> {
    this.replays++;
    await this.replayGate;
    for (const [offset, { key, value, producerId = -1 }] of this.records.entries()) {
      if (key === MARKER) replay.marker(producerId, value![0] === 1);
      else replay.record({ key, value, offset, producerId });
    }
  }

  async committed(): Promise<void> {
    await this.commitGate;
  }

  /** All that was appended and not lost, committed or not. */
  appended(): Stored[] {
    return [...this.records, ...this.waiting.flatMap(({ records }) => records)];
  }

  pending(): number {
    return this.waiting.length;
  }

  commit(): void {
    this.isHeld = false;
    const committed = this.waiting.splice(0);
    for (const { records } of committed) this.records.push(...records);
    for (const { done } of committed) done(null);
  }

  fail(error: KafkaError): void {
    this.isHeld = false;
    for (const { done } of this.waiting.splice(0)) done(error);
  }
}
