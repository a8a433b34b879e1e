import type { Clock, Timer } from '../../src/core/clock.ts';

/**
 * What runs as one operating system process would: it can be paused (its events are held and come when it goes on) and it can die (they
 * never come).
 */
export interface Process {
  readonly name: string;
  state: 'running' | 'paused' | 'dead';
  /** What came while it was paused, in order. */
  held: Event[];
}

interface Event {
  at: number;
  order: number;
  readonly process: Process;
  readonly label: string;
  fire: (() => void) | null;
}

/** Events for each turn of the real event loop, whose rounds cost more than most events. */
const BATCH = 64;
const START_MS = Date.UTC(2026, 0, 1);

/**
 * The one source of time and order: a queue of events, each run to its end, promises included, before the next. Time stands still while
 * an event runs and jumps to the next one's. Nothing in it depends on real time.
 */
export class Scheduler {
  /** What belongs to no process: faults, the network, the store. */
  readonly world: Process = { name: 'world', state: 'running', held: [] };
  /** Ms since the start. */
  now = 0;
  /** Events run so far. */
  steps = 0;
  private order = 0;
  private readonly heap: Event[] = [];
  private readonly ready: Event[] = [];
  private readyFrom = 0;

  process(name: string): Process {
    return { name, state: 'running', held: [] };
  }

  /** Runs `fire` in `process`, `ms` from now. */
  after(process: Process, ms: number, label: string, fire: () => void): Timer {
    const event: Event = { at: this.now + Math.max(0, ms), order: this.order++, process, label, fire };
    if (event.at === this.now) this.ready.push(event);
    else this.push(event);
    return { cancel: () => void (event.fire = null) };
  }

  clockOf(process: Process): Clock {
    return {
      now: () => START_MS + Math.floor(this.now),
      monotonicMs: () => this.now,
      after: (ms, fire) => this.after(process, ms, 'timer', fire),
      soon: (fire) => void this.after(process, 0, 'soon', fire),
    };
  }

  pause(process: Process): void {
    if (process.state === 'running') process.state = 'paused';
  }
  resume(process: Process): void {
    if (process.state !== 'paused') return;
    process.state = 'running';
    for (const event of process.held) {
      event.at = this.now;
      event.order = this.order++;
      this.ready.push(event);
    }
    process.held = [];
  }
  kill(process: Process): void {
    process.state = 'dead';
    process.held = [];
  }

  /**
   * Runs events until `until` ms. `before` and `after` are called around each; when `after` says false the run ends.
   * An event that throws ends it too: a process would have died of it.
   */
  run(until: number, before: (process: Process, label: string) => void, after: (process: Process) => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      let last: Process | undefined;
      let over = false;
      const end = (settle: () => void) => {
        over = true;
        settle();
      };
      let inBatch = 0;
      const batch = () => {
        inBatch = BATCH;
        for (let i = 0; i < BATCH; i++) setImmediate(step);
      };
      const step = () => {
        if (over) return;
        // Promises of the event before have settled by now: each immediate begins with none waiting.
        try {
          if (last && !after(last)) return end(resolve);
          const event = this.next(until);
          if (!event) return end(resolve);
          last = event.process;
          this.steps++;
          before(event.process, event.label);
          const { fire } = event;
          event.fire = null;
          fire!();
        } catch (error) {
          return end(() => reject(error));
        }
        if (--inBatch === 0) batch();
      };
      batch();
    });
  }

  private next(until: number): Event | null {
    for (;;) {
      const event = this.take(until);
      if (!event) return null;
      if (event.fire === null || event.process.state === 'dead') continue;
      this.now = Math.max(this.now, event.at);
      if (event.process.state === 'running') return event;
      event.process.held.push(event);
    }
  }

  private take(until: number): Event | undefined {
    const first = this.ready[this.readyFrom];
    const top = this.heap[0];
    if (first && (!top || first.at < top.at || (first.at === top.at && first.order < top.order))) {
      this.readyFrom++;
      if (this.readyFrom > 1024 && this.readyFrom * 2 > this.ready.length) {
        this.ready.splice(0, this.readyFrom);
        this.readyFrom = 0;
      }
      return first;
    }
    if (!top || top.at > until) {
      this.now = Math.max(this.now, until);
      return undefined;
    }
    return this.pop();
  }

  private push(event: Event): void {
    const { heap } = this;
    let at = heap.push(event) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(event, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = event;
  }

  private pop(): Event {
    const { heap } = this;
    const top = heap[0]!;
    const last = heap.pop()!;
    if (heap.length === 0) return top;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++;
      if (!before(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return top;
  }
}

const before = (a: Event, b: Event): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);
