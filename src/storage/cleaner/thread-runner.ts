import { Worker } from 'node:worker_threads';
import type { Clock, Timer } from '../../core/clock.ts';
import { isError } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import type { Done } from '../log-types.ts';
import type { CompactionJob } from './job.ts';
import type { CleanerRunner, CompactionEvent, CompactionSession } from './sessions.ts';
import type { CleanerAnswer, CleanerRequest } from './thread-protocol.ts';

export interface ThreadRunnerOptions {
  /** The program of the thread. */
  readonly file: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Does the work where no thread can be started. */
  readonly otherwise: CleanerRunner;
}

/** A thread that has nothing to do ends after this long: some 10 MB. */
const IDLE_MS = 60_000;
/** Keys and blocks are outside of this. */
const RESOURCE_LIMITS = { maxOldGenerationSizeMb: 256, maxYoungGenerationSizeMb: 16 };

type Tell = (error: Error | null, event: CompactionEvent) => void;

/**
 * Compactions in one thread beside the event loop, started at the first and ended when there were none for a while. It keeps no process alive.
 * When it dies, what it was doing fails, and the next compaction starts another.
 */
export class ThreadRunner implements CleanerRunner {
  private readonly options: ThreadRunnerOptions;
  private worker: Worker | undefined;
  private isReady = false;
  /** No thread could be started here: not tried again. */
  private isUnavailable = false;
  private readonly sessions = new Map<number, ThreadSession>();
  private readonly syncs = new Map<number, { readonly folder: string; readonly done: Done }>();
  private lastId = 0;
  private idle: Timer | undefined;

  constructor(options: ThreadRunnerOptions) {
    this.options = options;
  }

  begin(job: CompactionJob): CompactionSession {
    if (this.isUnavailable) return this.options.otherwise.begin(job);
    const id = ++this.lastId;
    const session = new ThreadSession(job, {
      send: (kind) => this.worker?.postMessage({ kind, id } satisfies CleanerRequest),
      left: () => {
        this.sessions.delete(id);
        this.expectIdle();
      },
    });
    this.sessions.set(id, session);
    this.ask({ kind: 'begin', id, job });
    return session;
  }

  syncDirectory(folder: string, done: Done): void {
    if (this.isUnavailable) {
      this.options.otherwise.syncDirectory(folder, done);
      return;
    }
    const id = ++this.lastId;
    this.syncs.set(id, { folder, done });
    this.ask({ kind: 'sync', id, folder });
  }

  stop(): void {
    for (const session of [...this.sessions.values()]) session.end();
    this.options.otherwise.stop();
    this.release();
  }

  private ask(request: CleanerRequest): void {
    this.idle?.cancel();
    this.idle = undefined;
    this.worker ??= this.start();
    this.worker.postMessage(request);
  }

  private start(): Worker {
    const worker = new Worker(this.options.file, { name: 'log cleaner', execArgv: [], resourceLimits: RESOURCE_LIMITS });
    worker.on('message', (answer: CleanerAnswer) => {
      if (this.worker === worker) this.answered(answer);
    });
    worker.on('error', (error) => this.lost(worker, isError(error) ? error.message : String(error)));
    worker.on('exit', (code) => this.lost(worker, `exit code ${code}`));
    worker.unref();
    this.isReady = false;
    return worker;
  }

  private answered(answer: CleanerAnswer): void {
    if ('ready' in answer) {
      this.isReady = true;
      return;
    }
    const { id } = answer;
    const error = 'failure' in answer ? Object.assign(new Error(answer.failure.message), { code: answer.failure.code }) : null;
    const event = 'event' in answer ? answer.event : null;
    const sync = this.syncs.get(id);
    this.syncs.delete(id);
    if (sync) sync.done(error);
    else this.sessions.get(id)?.told(error, event);
    this.expectIdle();
  }

  private lost(worker: Worker, why: string): void {
    if (this.worker !== worker) return;
    this.worker = undefined;
    const { otherwise, logger } = this.options;
    if (!this.isReady) {
      this.isUnavailable = true;
      logger.warn({ error: why }, 'logs are compacted on the event loop, which may hold up others: the thread for it could not be started');
    }
    for (const session of [...this.sessions.values()]) {
      if (this.isUnavailable) session.moveTo(otherwise);
      else session.told(new Error(`the thread that compacts logs ended: ${why}`), null);
    }
    this.sessions.clear();
    const syncs = [...this.syncs.values()];
    this.syncs.clear();
    for (const { folder, done } of syncs) otherwise.syncDirectory(folder, done);
  }

  private expectIdle(): void {
    if (this.sessions.size > 0 || this.syncs.size > 0 || !this.worker || this.idle) return;
    this.idle = this.options.clock.after(IDLE_MS, () => this.release());
  }

  /** The thread ends by itself, once it has cleared up. */
  private release(): void {
    this.idle?.cancel();
    this.idle = undefined;
    const { worker } = this;
    this.worker = undefined;
    worker?.postMessage({ kind: 'stop' } satisfies CleanerRequest);
  }
}

interface SessionLine {
  send(kind: 'next' | 'end'): void;
  /** There is nothing more to come. */
  left(): void;
}

class ThreadSession implements CompactionSession {
  private readonly job: CompactionJob;
  private readonly line: SessionLine;
  private tell: Tell | undefined;
  /** Why no more events come. */
  private over: Error | undefined;
  private ended = false;
  private local: CompactionSession | undefined;

  constructor(job: CompactionJob, line: SessionLine) {
    this.job = job;
    this.line = line;
  }

  next(done: Tell): void {
    if (this.local) this.local.next(done);
    else if (this.over) done(this.over, null);
    else {
      this.tell = done;
      this.line.send('next');
    }
  }

  end(): void {
    if (this.local) this.local.end();
    else if (!this.ended) this.line.send('end');
    this.finish();
  }

  told(error: Error | null, event: CompactionEvent): void {
    const { tell } = this;
    this.tell = undefined;
    if (error) this.over = error;
    if (error || !event) this.finish();
    tell?.(error, event);
  }

  /** The thread never began: the work is done elsewhere, from the start. */
  moveTo(runner: CleanerRunner): void {
    const { tell } = this;
    this.tell = undefined;
    this.local = runner.begin(this.job);
    if (tell) this.local.next(tell);
  }

  private finish(): void {
    if (this.ended) return;
    this.ended = true;
    this.tell = undefined;
    this.line.left();
  }
}
