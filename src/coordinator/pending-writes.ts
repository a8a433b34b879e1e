import type { Clock, Timer } from '../core/clock.ts';
import { KafkaError } from '../core/errors.ts';
import { type CoordinatorLog, coordinatorError } from './coordinator-log.ts';

/** How a write ended: committed (null), or not, with what clients are told. */
export type WriteDone = (error: KafkaError | null) => void;

interface Pending {
  readonly deadlineMs: number;
  readonly done: WriteDone;
  readonly readers: WriteDone[];
  /** The waiting request was answered (in time or not); the log may still speak. */
  answered: boolean;
}

/** Of one partition: a log that commits nothing must not collect writes for ever. Requests in flight are bounded by the connections. */
const MAX_PENDING_WRITES = 10_000;

/** The writes of one partition that are in its log and not yet committed, oldest first. */
export class PendingWrites {
  private readonly log: CoordinatorLog;
  private readonly clock: Clock;
  private readonly timeoutMs: () => number;
  private readonly onLost: WriteDone;
  private readonly queue = new Set<Pending>();
  private last: Pending | null = null;
  private timer: Timer | null = null;

  /** @param onLost called before `done` when the log had accepted records and will not commit them: the state is ahead of the log */
  constructor(log: CoordinatorLog, clock: Clock, timeoutMs: () => number, onLost: WriteDone) {
    this.log = log;
    this.onLost = onLost;
    this.clock = clock;
    this.timeoutMs = timeoutMs;
  }

  /**
   * Has `append` called, which gives something to the log and returns its offset. Calls `accepted` with that when the log has taken it, before
   * anything else happens, and `done` exactly once.
   */
  append(append: (log: CoordinatorLog, done: WriteDone) => number, accepted: (offset: number) => void, done: WriteDone): void {
    if (this.queue.size >= MAX_PENDING_WRITES) {
      done(new KafkaError('COORDINATOR_NOT_AVAILABLE'));
      return;
    }
    const pending: Pending = { deadlineMs: this.clock.monotonicMs() + this.timeoutMs(), done, readers: [], answered: false };
    let isAccepted = false;
    let early: { error: KafkaError | null } | undefined;
    this.queue.add(pending);
    let offset: number;
    try {
      offset = append(this.log, (error) => {
        if (isAccepted) this.settle(pending, error);
        else early = { error };
      });
    } catch (error) {
      this.queue.delete(pending);
      done(coordinatorError(error));
      return;
    }
    this.last = pending;
    accepted(offset);
    isAccepted = true;
    if (early) this.settle(pending, early.error);
    else this.timer ??= this.clock.after(this.timeoutMs(), () => this.expire());
  }

  /** Calls back when every write of this moment has ended: at once when there is none. */
  afterLast(done: WriteDone): void {
    const { last } = this;
    if (!last || !this.queue.has(last)) done(null);
    else if (last.answered) done(new KafkaError('COORDINATOR_NOT_AVAILABLE'));
    else last.readers.push(done);
  }

  failAll(error: KafkaError): void {
    this.timer?.cancel();
    this.timer = null;
    const all = [...this.queue];
    this.queue.clear();
    for (const pending of all) this.answer(pending, error);
  }

  private settle(pending: Pending, error: KafkaError | null): void {
    if (!this.queue.delete(pending)) return;
    if (this.queue.size === 0) {
      this.timer?.cancel();
      this.timer = null;
    }
    if (error) this.onLost(error);
    this.answer(pending, error && coordinatorError(error));
  }

  private answer(pending: Pending, error: KafkaError | null): void {
    if (pending.answered) return;
    pending.answered = true;
    pending.done(error);
    for (const reader of pending.readers) reader(error);
  }

  /** The oldest write is too late: its request is told so. The records may still be committed, and stay in the state. */
  private expire(): void {
    this.timer = null;
    const nowMs = this.clock.monotonicMs();
    for (const pending of this.queue) {
      if (pending.answered) continue;
      if (pending.deadlineMs > nowMs) {
        this.timer ??= this.clock.after(pending.deadlineMs - nowMs, () => this.expire());
        return;
      }
      this.answer(pending, new KafkaError('COORDINATOR_NOT_AVAILABLE'));
    }
  }
}
