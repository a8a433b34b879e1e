import { TransactionCoordinator } from '../../../src/coordinator/transaction/transaction-coordinator.ts';
import type { MarkerSender, Markers, TransactionConfig } from '../../../src/coordinator/transaction/transaction-env.ts';
import { KafkaError } from '../../../src/core/errors.ts';
import { type FakeClock, fakeClock } from '../../../src/core/fake-clock.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import { MemoryCoordinatorLog } from '../memory-coordinator-log.ts';

/** Markers that wait until the test says that they are written. */
export class HeldMarkers implements MarkerSender {
  readonly sent: Markers[] = [];
  private readonly waiting = new Map<Markers, () => void>();

  send(markers: Markers, done: () => void): () => void {
    this.sent.push(markers);
    this.waiting.set(markers, done);
    return () => void this.waiting.delete(markers);
  }

  pending(): number {
    return this.waiting.size;
  }

  /** All that are on their way have arrived. */
  arrive(): void {
    for (const [markers, done] of [...this.waiting]) {
      this.waiting.delete(markers);
      done();
    }
  }
}

export interface TransactionsFixture {
  readonly clock: FakeClock;
  readonly log: MemoryCoordinatorLog;
  readonly markers: HeldMarkers;
  config: TransactionConfig;
  coordinator: TransactionCoordinator;
  /** Another coordinator on the same log: what a broker has that takes over. */
  takeOver(): Promise<void>;
}

/** A transaction coordinator with all ids in one partition, in memory, on a clock that stands still. Producer ids count from 1000. */
export async function transactionsFixture(config: Partial<TransactionConfig> = {}): Promise<TransactionsFixture> {
  const clock = fakeClock();
  const log = new MemoryCoordinatorLog();
  const markers = new HeldMarkers();
  let nextId = 1000;
  const fixture: TransactionsFixture = {
    clock,
    log,
    markers,
    config: {
      statePartitions: 1,
      maxTimeoutMs: 900_000,
      timeoutCheckMs: 10_000,
      expiryCheckMs: 3_600_000,
      expirationMs: 604_800_000,
      writeTimeoutMs: 5_000,
      ...config,
    },
    coordinator: undefined as never,
    async takeOver() {
      fixture.coordinator?.close();
      log.leaderEpoch++;
      fixture.coordinator = new TransactionCoordinator({
        openLog: async () => log,
        requireLeader: () => {},
        nextProducerId: async () => nextId++,
        config: () => fixture.config,
        clock,
        expiryNow: () => clock.now(),
        logger: silentLogger,
        markers,
      });
      await fixture.coordinator.load(0);
    },
  };
  await fixture.takeOver();
  return fixture;
}

export const partitions = (topic: string, ...ids: number[]): ReadonlyMap<string, ReadonlySet<number>> => new Map([[topic, new Set(ids)]]);

/** NONE, or the error that a call ends in. */
export async function errorOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return 'NONE';
  } catch (error) {
    if (error instanceof KafkaError) return error.errorName;
    throw error;
  }
}
