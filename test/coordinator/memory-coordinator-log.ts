import type { CoordinatorLog } from '../../src/coordinator/coordinator-log.ts';
import type { KafkaError } from '../../src/core/errors.ts';
import type { CoordinatorRecord } from '../../src/protocol/messages/internal/coordinator-records.ts';

/** A partition of a coordinator's topic in memory, which commits at once, or when the test says so. */
export class MemoryCoordinatorLog implements CoordinatorLog {
  leaderEpoch = 0;
  readonly records: CoordinatorRecord[] = [];
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
  private waiting: { records: readonly CoordinatorRecord[]; done: (error: KafkaError | null) => void }[] = [];

  append(records: readonly CoordinatorRecord[], done: (error: KafkaError | null) => void): void {
    if (this.refusal) {
      const error = this.refusal;
      this.refusal = null;
      throw error;
    }
    if (this.isHeld) {
      this.waiting.push({ records, done });
      return;
    }
    this.records.push(...records);
    done(null);
  }

  async replay(each: (key: Buffer | null, value: Buffer | null, offset: number, timestampMs: number) => void): Promise<void> {
    this.replays++;
    await this.replayGate;
    this.records.forEach(({ key, value }, offset) => {
      each(key, value, offset, 0);
    });
  }

  async committed(): Promise<void> {
    await this.commitGate;
  }

  /** All that was appended and not lost, committed or not. */
  appended(): CoordinatorRecord[] {
    return [...this.records, ...this.waiting.flatMap(({ records }) => records)];
  }

  pending(): number {
    return this.waiting.length;
  }

  commit(): void {
    this.isHeld = false;
    for (const { records, done } of this.waiting.splice(0)) {
      this.records.push(...records);
      done(null);
    }
  }

  fail(error: KafkaError): void {
    this.isHeld = false;
    for (const { done } of this.waiting.splice(0)) done(error);
  }
}
