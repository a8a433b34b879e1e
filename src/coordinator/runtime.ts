import type { Clock } from '../core/clock.ts';
import { KafkaError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import { safetyRules } from '../core/safety-rules.ts';
import type { CoordinatorRecord } from '../protocol/messages/internal/coordinator-records.ts';
import type { TransactionMarker } from '../storage/producer-state.ts';
import {
  type CoordinatorLog,
  coordinatorError,
  type OpenLog,
  type ReplayedRecord,
  type RequireLeader,
  type TransactionalWrite,
} from './coordinator-log.ts';
import type { Perform } from './keyed-timers.ts';
import { PendingWrites, type WriteDone } from './pending-writes.ts';

/** What an operation on the state wants in the log. */
export interface Write {
  readonly records: readonly CoordinatorRecord[];
  /** Whether the records change the state by being replayed, or tell of a change that the operation has made (a group's members). */
  readonly replay: boolean;
  /** Called when the log has taken the records, and nothing else has happened: the change that they tell of is made now. */
  readonly accepted?: () => void;
  /** The records are part of a client's transaction. */
  readonly transaction?: TransactionalWrite;
  /**
   * Called when the records are committed (null), or refused, lost or too late (the error, as clients are told it). It may want a write of
   * its own.
   */
  readonly done?: (error: KafkaError | null) => Write | null;
}

/** An operation's result: the reply leaves when the write is committed. */
export interface Outcome<T> {
  readonly reply: T;
  readonly write: Write | null;
}

/** The state of one partition of a coordinator's topic, rebuilt by replaying it. */
export interface Shard {
  replay(key: Buffer, value: Buffer | null, record: Pick<ReplayedRecord, 'offset' | 'producerId'>): void;
  /** A client's transaction that has records here ends. */
  endTransaction(producerId: number, commits: boolean): void;
  /** All of the log has been replayed: time begins. */
  loaded(): void;
  /** The partition has moved away or failed: answers everybody who waits with the error and stops every timer. */
  unloaded(error: KafkaError): void;
}

export interface RuntimeOptions<S extends Shard> {
  readonly openLog: OpenLog;
  /** Asked before each use of a partition, so it must be cheap. */
  readonly requireLeader: RequireLeader;
  /** `perform`: how the shard's timers run operations. */
  readonly makeShard: (partition: number, perform: Perform, log: Pick<CoordinatorLog, 'leaderEpoch'>) => S;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How long a write may take to be committed before its reply fails (offsets.commit.timeout.ms). */
  readonly writeTimeoutMs: () => number;
}

/** After a failed load the next one waits this long: a log that cannot be read must not be read again for each request. */
const RELOAD_BACKOFF_MS = 500;

/** How long a request waits for its partition to be loaded before it is told to come again. Requests that wait are bounded by the connections. */
const LOAD_WAIT_MS = 1000;

interface Loaded<S> {
  readonly partition: number;
  readonly log: CoordinatorLog;
  readonly shard: S;
  readonly writes: PendingWrites;
}

/** One attempt to load a partition; over once another one, or none, is in its place. */
interface Loading {
  promise: Promise<void>;
}

/**
 * Runs state machines on logs, one for each partition of a coordinator's topic. An operation reads the state and returns the records that it
 * wants written; they are appended, replayed into the state, and the reply leaves when the high watermark has passed them. Operations are
 * synchronous, so those of one partition happen one after the other, in the order in which they are called.
 *
 * A partition is loaded on first use, or before, and unloaded when this broker leads it no more, or anew. It serves once all that was replayed is
 * committed. When an append is lost after it was accepted, the state is ahead of the log: the partition is unloaded (everybody who waits is
 * told to look for the coordinator again) and rebuilt from the log at its next use.
 */
export class CoordinatorRuntime<S extends Shard> {
  private readonly options: RuntimeOptions<S>;
  private readonly active = new Map<number, Loaded<S>>();
  private readonly loading = new Map<number, Loading>();
  private readonly failedAtMs = new Map<number, { atMs: number; error: KafkaError }>();
  private closed = false;

  constructor(options: RuntimeOptions<S>) {
    this.options = options;
  }

  /** Resolves once the partition is loaded; rejects with what clients are told. */
  load(partition: number): Promise<void> {
    try {
      if (this.lookUp(partition)) return Promise.resolve();
    } catch (error) {
      return Promise.reject(error);
    }
    const under = this.loading.get(partition);
    if (under) return under.promise;
    const failed = this.failedAtMs.get(partition);
    if (failed && this.options.clock.monotonicMs() - failed.atMs < RELOAD_BACKOFF_MS) return Promise.reject(failed.error);
    const loading: Loading = { promise: Promise.resolve() };
    this.loading.set(partition, loading);
    loading.promise = this.replayAll(partition, loading);
    return loading.promise;
  }

  /**
   * Loads a partition and waits for it, but not for long: loading takes milliseconds, and a client that is told to come again waits longer.
   * Resolves in any case; what is done next says itself what is wrong.
   */
  async ready(partition: number): Promise<void> {
    const loaded = this.load(partition).catch(() => {});
    await new Promise<void>((resolve) => {
      const timer = this.options.clock.after(LOAD_WAIT_MS, resolve);
      loaded.then(() => {
        timer.cancel();
        resolve();
      });
    });
  }

  isLoaded(partition: number): boolean {
    return this.active.has(partition);
  }

  /**
   * Runs an operation that answers for itself.
   * @throws KafkaError COORDINATOR_LOAD_IN_PROGRESS, NOT_COORDINATOR, COORDINATOR_NOT_AVAILABLE, or what the operation throws
   */
  run(partition: number, operation: (shard: S) => Write | null): void {
    const loaded = this.require(partition);
    this.write(loaded, operation(loaded.shard));
  }

  /** Runs an operation now; its reply comes when its write is committed. Throws like `run`, and rejects with the error of the write. */
  runAndReply<T>(partition: number, operation: (shard: S) => Outcome<T>): Promise<T> {
    const loaded = this.require(partition);
    const { reply, write } = operation(loaded.shard);
    // It may rest on what an earlier operation has in the log, and not committed: a partition that a transaction has already, for one.
    if (!write) return safetyRules.repliesRestOnCommitted ? this.settled(loaded, reply) : Promise.resolve(reply);
    return new Promise((resolve, reject) => {
      const done = (error: KafkaError | null) => {
        const next = write.done?.(error) ?? null;
        if (error) reject(error);
        else resolve(reply);
        return next;
      };
      this.write(loaded, { ...write, done });
    });
  }

  /**
   * Appends the marker that ends a client's transaction, and ends it in the state. `done` once it is committed, or cannot be.
   * @throws as `run`, and as Partition.appendMarker
   */
  endTransaction(partition: number, marker: TransactionMarker, done: WriteDone): void {
    const loaded = this.require(partition);
    let refused: unknown;
    const append = (log: CoordinatorLog, told: WriteDone) => {
      try {
        return log.appendMarker(marker, told);
      } catch (error) {
        refused = error; // which is the transaction coordinator's to know as it is
        throw error;
      }
    };
    const accepted = () => loaded.shard.endTransaction(marker.producerId, marker.commits);
    loaded.writes.append(append, accepted, (error) => done(refused instanceof KafkaError ? refused : error));
  }

  /** Reads the state now; the answer leaves once all that it may rest on is committed, so that nobody sees what may still be lost. */
  read<T>(partition: number, operation: (shard: S) => T): Promise<T> {
    const loaded = this.require(partition);
    return this.settled(loaded, operation(loaded.shard));
  }

  /** A reply that leaves once all writes of this moment are committed. */
  private settled<T>({ writes }: Loaded<S>, reply: T): Promise<T> {
    return new Promise((resolve, reject) => writes.afterLast((error) => (error ? reject(error) : resolve(reply))));
  }

  /**
   * Drops a partition's state, and stops loading it: the partition has moved away, has a new leader epoch, or its log has failed. Its next use
   * loads it, if this broker leads it then.
   */
  unload(partition: number, error = new KafkaError('NOT_COORDINATOR')): void {
    this.loading.delete(partition);
    this.failedAtMs.delete(partition);
    const loaded = this.active.get(partition);
    if (!loaded) return;
    this.active.delete(partition);
    loaded.writes.failAll(error);
    loaded.shard.unloaded(error);
  }

  close(): void {
    this.closed = true;
    for (const partition of [...this.active.keys()]) this.unload(partition);
  }

  private require(partition: number): Loaded<S> {
    const loaded = this.lookUp(partition);
    if (loaded) return loaded;
    const failed = this.failedAtMs.get(partition);
    this.load(partition).catch(() => {}); // its outcome is seen by the next request
    throw this.loading.has(partition)
      ? new KafkaError('COORDINATOR_LOAD_IN_PROGRESS')
      : (failed?.error ?? new KafkaError('COORDINATOR_NOT_AVAILABLE'));
  }

  /** The partition, if it is loaded. @throws KafkaError when this broker does not lead it, as clients are told */
  private lookUp(partition: number): Loaded<S> | undefined {
    if (this.closed) throw new KafkaError('COORDINATOR_NOT_AVAILABLE');
    this.unloadIfOver(partition);
    try {
      this.options.requireLeader(partition);
    } catch (error) {
      throw coordinatorError(error);
    }
    return this.active.get(partition);
  }

  /** Others may hear of a new leader before this broker's coordinator does. */
  private unloadIfOver(partition: number): void {
    if (this.active.get(partition)?.log.isOver) this.unload(partition);
  }

  private async replayAll(partition: number, loading: Loading): Promise<void> {
    const { clock, logger, openLog } = this.options;
    const isCurrent = () => this.loading.get(partition) === loading && !this.closed;
    const startMs = clock.monotonicMs();
    try {
      const log = await openLog(partition);
      const loaded = this.makeLoaded(partition, log);
      let records = 0;
      await log.replay({
        record: (record) => {
          records++;
          if (record.key && isCurrent()) loaded.shard.replay(record.key, record.value, record);
        },
        marker: (producerId, commits) => {
          if (isCurrent()) loaded.shard.endTransaction(producerId, commits);
        },
      });
      if (isCurrent()) await log.committed();
      if (this.closed) throw new KafkaError('COORDINATOR_NOT_AVAILABLE');
      if (!isCurrent() || log.isOver) throw new KafkaError('NOT_COORDINATOR');
      this.active.set(partition, loaded);
      this.failedAtMs.delete(partition);
      loaded.shard.loaded();
      logger.debug({ partition, records, ms: Math.round(clock.monotonicMs() - startMs) }, 'Coordinator partition loaded');
    } catch (cause) {
      if (!(cause instanceof KafkaError)) logger.error({ partition, err: cause }, 'Coordinator partition could not be loaded');
      const error = coordinatorError(cause);
      if (isCurrent()) this.failedAtMs.set(partition, { atMs: clock.monotonicMs(), error });
      throw error;
    } finally {
      if (this.loading.get(partition) === loading) this.loading.delete(partition);
    }
  }

  private makeLoaded(partition: number, log: CoordinatorLog): Loaded<S> {
    const { clock, makeShard, writeTimeoutMs } = this.options;
    const shard = makeShard(partition, (operation) => this.perform(loaded, operation), log);
    const writes = new PendingWrites(log, clock, writeTimeoutMs, (error) => this.lose(loaded, error));
    const loaded: Loaded<S> = { partition, log, shard, writes };
    return loaded;
  }

  private perform(loaded: Loaded<S>, operation: () => Write | null): void {
    this.unloadIfOver(loaded.partition);
    if (this.active.get(loaded.partition) !== loaded) return;
    try {
      this.write(loaded, operation());
    } catch (error) {
      this.options.logger.error({ partition: loaded.partition, err: error }, 'Coordinator timer failed');
    }
  }

  private write(loaded: Loaded<S>, write: Write | null): void {
    if (!write) return;
    const { records, transaction } = write;
    const accepted = (baseOffset: number) => {
      write.accepted?.();
      const producerId = transaction?.producerId ?? -1;
      if (write.replay)
        for (const [i, { key, value }] of records.entries()) loaded.shard.replay(key, value, { offset: baseOffset + i, producerId });
    };
    const append = (log: CoordinatorLog, done: WriteDone) => log.append(records, done, transaction);
    loaded.writes.append(append, accepted, (error) => {
      const next = write.done?.(error) ?? null;
      if (next && this.active.get(loaded.partition) === loaded) this.write(loaded, next);
    });
  }

  private lose({ partition, log }: Loaded<S>, error: KafkaError | null): void {
    if (this.active.get(partition)?.log !== log) return;
    this.options.logger.warn(
      { partition, error: error?.errorName },
      'Coordinator write was lost; its partition is loaded again at its next use',
    );
    this.unload(partition);
  }
}
