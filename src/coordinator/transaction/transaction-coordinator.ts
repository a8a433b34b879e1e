import { KafkaError } from '../../core/errors.ts';
import type { OpenLog, RequireLeader } from '../coordinator-log.ts';
import { partitionFor } from '../partition-for.ts';
import { CoordinatorRuntime } from '../runtime.ts';
import type { Producer, Verdict } from './add-partitions.ts';
import type { EndTransaction } from './end-transaction.ts';
import type { InitProducer } from './init-producer.ts';
import type { TopicPartitions, Transaction } from './transaction.ts';
import type { TransactionEnv } from './transaction-env.ts';
import { type EndReply, type InitReply, TransactionShard } from './transaction-shard.ts';

export interface TransactionCoordinatorOptions extends TransactionEnv {
  readonly openLog: OpenLog;
  readonly requireLeader: RequireLeader;
  /** An id that no producer has had. Rejects with a KafkaError. */
  readonly nextProducerId: () => Promise<number>;
}

/**
 * Transactions, as the handlers see them. A transactional id lives in one partition of __transaction_state, whose leader coordinates it. All
 * reject with COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE and NOT_COORDINATOR besides what they say.
 */
export class TransactionCoordinator {
  private readonly options: TransactionCoordinatorOptions;
  private readonly runtime: CoordinatorRuntime<TransactionShard>;

  constructor(options: TransactionCoordinatorOptions) {
    const { clock, config, logger, openLog, requireLeader } = options;
    this.options = options;
    this.runtime = new CoordinatorRuntime({
      openLog,
      requireLeader,
      clock,
      logger,
      writeTimeoutMs: () => config().writeTimeoutMs,
      makeShard: (_, perform, log) => new TransactionShard(options, perform, log.leaderEpoch),
    });
  }

  /** The partition of __transaction_state that a transactional id lives in. */
  partitionOf(transactionalId: string): number {
    return partitionFor(transactionalId, this.options.config().statePartitions);
  }

  /** Loads a transactional id's partition, and waits for it for a while. Resolves in any case. */
  async ready(transactionalId: string): Promise<void> {
    const partition = this.partitionOf(transactionalId);
    if (!this.runtime.isLoaded(partition)) await this.runtime.ready(partition);
  }

  load(partition: number): Promise<void> {
    return this.runtime.load(partition);
  }
  unload(partition: number): void {
    this.runtime.unload(partition);
  }
  close(): void {
    this.runtime.close();
  }

  /**
   * InitProducerId: the producer id and epoch that its sender goes on with.
   * Rejects with INVALID_REQUEST, INVALID_TRANSACTION_TIMEOUT, CONCURRENT_TRANSACTIONS, PRODUCER_FENCED.
   */
  async init(transactionalId: string, request: InitProducer): Promise<Producer> {
    requireId(transactionalId);
    await this.ready(transactionalId);
    const { timeoutMs } = request;
    if (timeoutMs <= 0 || timeoutMs > this.options.config().maxTimeoutMs) throw new KafkaError('INVALID_TRANSACTION_TIMEOUT');
    return this.withProducerId((freshId) =>
      this.runtime.runAndReply<InitReply>(this.partitionOf(transactionalId), (shard) => shard.init(transactionalId, request, freshId)),
    );
  }

  /** Adds partitions to the transaction, which begins with the first. Rejects with INVALID_REQUEST and what `addPartitions` throws. */
  async add(transactionalId: string, producer: Producer, partitions: TopicPartitions, version: number): Promise<void> {
    requireId(transactionalId);
    await this.ready(transactionalId);
    return this.runtime.runAndReply(this.partitionOf(transactionalId), (shard) =>
      shard.add(transactionalId, producer, partitions, version),
    );
  }

  /** Whether each partition is in the transaction (KIP-890). Rejects as `add`. */
  async verify(transactionalId: string, producer: Producer): Promise<Verdict> {
    requireId(transactionalId);
    await this.ready(transactionalId);
    return this.runtime.read(this.partitionOf(transactionalId), (shard) => shard.verify(transactionalId, producer));
  }

  /** EndTxn: what the producer goes on with; it is decided then, and the markers are on their way. Rejects with what `endTransaction` throws. */
  async end(transactionalId: string, request: EndTransaction): Promise<Producer> {
    requireId(transactionalId);
    await this.ready(transactionalId);
    return this.withProducerId((freshId) =>
      this.runtime.runAndReply<EndReply>(this.partitionOf(transactionalId), (shard) => shard.end(transactionalId, request, freshId)),
    );
  }

  /** Rejects with TRANSACTIONAL_ID_NOT_FOUND. */
  async describe(transactionalId: string): Promise<Transaction> {
    requireId(transactionalId);
    await this.ready(transactionalId);
    const known = await this.runtime.read(this.partitionOf(transactionalId), (shard) => shard.get(transactionalId));
    if (!known) throw new KafkaError('TRANSACTIONAL_ID_NOT_FOUND');
    return known;
  }

  /** The transactional ids that this broker coordinates. */
  async list(): Promise<Transaction[]> {
    const partitions = Array.from({ length: this.options.config().statePartitions }, (_, partition) => partition);
    const lists = await Promise.all(partitions.map((partition) => this.listPartition(partition)));
    return lists.flat();
  }

  private async listPartition(partition: number): Promise<Transaction[]> {
    try {
      if (!this.runtime.isLoaded(partition)) await this.runtime.ready(partition);
      return await this.runtime.read(partition, (shard) => [...shard.all()]);
    } catch (error) {
      if (error instanceof KafkaError && error.errorName === 'NOT_COORDINATOR') return []; // its leader lists them
      throw error;
    }
  }

  /** Runs what may turn out to need a fresh producer id: it is fetched then, and the operation runs again. */
  private async withProducerId(operation: (freshId: number | null) => Promise<InitReply>): Promise<Producer> {
    let reply = await operation(null);
    if (reply === 'needs-producer-id') reply = await operation(await this.options.nextProducerId());
    if (reply === 'needs-producer-id') throw new Error('a producer id was needed, and had been given');
    if (reply === 'aborted') throw new KafkaError('CONCURRENT_TRANSACTIONS');
    return { producerId: reply.producerId, producerEpoch: reply.producerEpoch };
  }
}

function requireId(transactionalId: string): void {
  if (transactionalId === '') throw new KafkaError('INVALID_REQUEST');
}
