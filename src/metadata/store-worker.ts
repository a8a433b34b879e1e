import { Worker } from 'node:worker_threads';
import type { Clock, Timer } from '../core/clock.ts';
import { isError } from '../core/errors.ts';
import { InDoubtError, UnavailableError } from './store.ts';
import {
  CANCELLED,
  type StoreAnswer,
  type StoreCall,
  type StoreCalls,
  type StoreFailure,
  type StoreThreadData,
  WAITING,
} from './store-protocol.ts';
import { STORE_PROGRAM } from './store-thread.ts';

export interface StoreWorkerOptions {
  readonly clock: Clock;
  readonly thread: Omit<StoreThreadData, 'states'>;
  /** Another process has committed. */
  readonly onNews: (rev: number) => void;
  /** The thread ended by itself; the next request starts another. */
  readonly onDeath: (why: string) => void;
}

interface Pending {
  readonly call: StoreCall;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
  timer: Timer | undefined;
}

/** Requests at once; those who ask bound themselves long before. */
const MAX_PENDING = 4_096;
/** Memory of the thread: a store of 10,000 partitions is read in one piece. */
const RESOURCE_LIMITS = { maxOldGenerationSizeMb: 256, maxYoungGenerationSizeMb: 8 };
const CLOSE_TIMEOUT_MS = 6_000;

/** The thread that has the store's file open, since a commit blocks for a sync of the disk and for other processes. Begun at the first request. */
export class StoreWorker {
  private readonly options: StoreWorkerOptions;
  private worker: Worker | undefined;
  private states: Int32Array = new Int32Array();
  private readonly pending = new Map<number, Pending>();
  private nextId = 0;
  private closed: UnavailableError | undefined;

  constructor(options: StoreWorkerOptions) {
    this.options = options;
  }

  /**
   * @throws UnavailableError when it was certainly not done, InDoubtError when a transaction may have been. What merely reads is never in doubt.
   */
  ask<C extends StoreCall>(call: C, parameters: Parameters<StoreCalls[C]>, timeoutMs: number): Promise<ReturnType<StoreCalls[C]>> {
    if (this.closed) return Promise.reject(this.closed);
    return this.send(call, parameters, timeoutMs) as Promise<ReturnType<StoreCalls[C]>>;
  }

  /** What was asked before is still done, unless it takes longer than some seconds. */
  async close(why: string): Promise<void> {
    if (this.closed) return;
    this.closed = new UnavailableError(why);
    const { worker } = this;
    if (!worker) return;
    await this.send('close', [], CLOSE_TIMEOUT_MS).catch(() => {});
    this.ended(worker, why);
    await worker.terminate();
  }

  private send(call: StoreCall, parameters: readonly unknown[], timeoutMs: number): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.pending.size >= MAX_PENDING) {
        reject(new UnavailableError(`more than ${MAX_PENDING} requests wait for the metadata store`));
        return;
      }
      const worker = (this.worker ??= this.begin());
      const id = this.freeId();
      Atomics.store(this.states, id % MAX_PENDING, WAITING);
      this.pending.set(id, { call, resolve, reject, timer: this.options.clock.after(timeoutMs, () => this.timedOut(id, timeoutMs)) });
      if (this.pending.size === 1) worker.ref();
      worker.postMessage({ id, call, parameters });
    });
  }

  /** Two requests at once never share a state. */
  private freeId(): number {
    let id = this.nextId;
    while (this.states[id % MAX_PENDING] !== FREE) id++;
    this.nextId = id + 1;
    return id;
  }

  private begin(): Worker {
    const { thread, onDeath } = this.options;
    this.states = new Int32Array(new SharedArrayBuffer(MAX_PENDING * Int32Array.BYTES_PER_ELEMENT)).fill(FREE);
    const workerData: StoreThreadData = { ...thread, states: this.states };
    const worker = new Worker(STORE_PROGRAM, {
      eval: true,
      name: 'metadata store',
      workerData,
      execArgv: [],
      resourceLimits: RESOURCE_LIMITS,
    });
    const lost = (why: string) => {
      if (this.worker !== worker) return;
      this.ended(worker, why);
      if (!this.closed) onDeath(why);
    };
    worker.on('message', (answer: StoreAnswer) => {
      if (this.worker === worker) this.answered(answer);
    });
    worker.on('error', (error) => lost(isError(error) ? error.message : String(error)));
    worker.on('exit', (code) => lost(`exit code ${code}`));
    worker.unref();
    return worker;
  }

  private answered(answer: StoreAnswer): void {
    if ('rev' in answer) {
      this.options.onNews(answer.rev);
      return;
    }
    const found = this.take(answer.id);
    if (!found) return;
    if ('value' in answer) found.resolve(answer.value);
    else found.reject(errorOf(answer.failure, found.call));
  }

  /** Its state stays taken until the thread has come to it. */
  private timedOut(id: number, timeoutMs: number): void {
    const found = this.pending.get(id);
    if (!found) return;
    const started = Atomics.compareExchange(this.states, id % MAX_PENDING, WAITING, CANCELLED) !== WAITING;
    const message = `the metadata store has not answered in ${timeoutMs} ms`;
    found.reject(errorOf({ kind: started ? 'inDoubt' : 'unavailable', message }, found.call));
  }

  /** Nothing that waits is answered any more. */
  private ended(worker: Worker, why: string): void {
    if (this.worker !== worker) return;
    this.worker = undefined;
    for (const id of [...this.pending.keys()]) {
      const started = this.states[id % MAX_PENDING] !== WAITING;
      const found = this.take(id);
      found?.reject(
        errorOf({ kind: started ? 'inDoubt' : 'unavailable', message: `the metadata store's thread ended: ${why}` }, found.call),
      );
    }
  }

  private take(id: number): Pending | undefined {
    const found = this.pending.get(id);
    if (!found) return undefined;
    this.pending.delete(id);
    this.states[id % MAX_PENDING] = FREE;
    found.timer?.cancel();
    if (this.pending.size === 0) this.worker?.unref();
    return found;
  }
}

/** A state that no request has. */
const FREE = -1;

function errorOf({ kind, message }: StoreFailure, call: StoreCall): Error {
  return kind === 'inDoubt' && call === 'txn' ? new InDoubtError(message) : new UnavailableError(message || 'cancelled');
}
