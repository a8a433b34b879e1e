import { errorNameOf } from '../../core/error-codes.ts';
import { KafkaError } from '../../core/errors.ts';
import { DescribeTransactions, ListTransactions } from '../../protocol/messages/index.ts';
import type { Api } from '../../protocol/schema.ts';
import { addressOf, type BootstrapConnection, tooOld } from '../bootstrap.ts';
import { refused } from '../broker-session.ts';
import { type ClusterConnections, forAll } from '../cluster-connections.ts';
import { CliError, usageError } from '../errors.ts';
import type { TopicPartition } from '../groups/group-offsets.ts';

export interface ListedTransaction {
  readonly transactionalId: string;
  /** Broker id. */
  readonly coordinator: number;
  readonly producerId: number;
  /** Ongoing, CompleteCommit, ... */
  readonly state: string;
}

export interface TransactionFilter {
  /** Empty: all. */
  readonly states?: readonly string[];
  /** Empty: all. */
  readonly producerIds?: readonly number[];
  /** With a transaction that began longer ago, and may be over; undefined: all. */
  readonly longerThanMs?: number | undefined;
  /** An RE2 pattern; undefined: all. */
  readonly pattern?: string | undefined;
}

export interface DescribedTransaction {
  readonly transactionalId: string;
  /** Broker id. */
  readonly coordinator: number;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly state: string;
  readonly timeoutMs: number;
  /** ms since 1970; null: no transaction is under way. */
  readonly startMs: number | null;
  /** Those that the transaction writes to, and that have no marker of it yet. */
  readonly partitions: readonly TopicPartition[];
}

const DURATION_VERSION = 1; // KIP-994
const PATTERN_VERSION = 2; // KIP-1152
/** Before and after, brokers tell the start of an earlier one. */
const UNDER_WAY = /^(Ongoing|Prepare.*)$/;
const MAX_ID_BYTES = 2 ** 15 - 1; // of a string on the wire

/** @throws CliError (usage) for what can be no transactional id */
export function checkTransactionalId(id: string): string {
  if (id === '') throw usageError('the transactional id is empty');
  if (Buffer.byteLength(id) > MAX_ID_BYTES) throw usageError(`the transactional id is longer than ${MAX_ID_BYTES} bytes`);
  return id;
}

/**
 * The transactional ids of every broker, by name.
 * @throws CliError when a broker is too old for a filter; KafkaError INVALID_REGULAR_EXPRESSION, ...
 */
export async function listTransactions(cluster: ClusterConnections, filter: TransactionFilter = {}): Promise<ListedTransaction[]> {
  const listed = await forAll(await cluster.brokers(), (broker) =>
    cluster.whilePassing(() =>
      cluster.at(broker, async (connection) => {
        const reply = await connection.requestAt(ListTransactions, versionFor(connection, filter), {
          stateFilters: filter.states ?? [],
          producerIdFilters: filter.producerIds ?? [],
          durationFilter: filter.longerThanMs ?? -1,
          transactionalIdPattern: filter.pattern ?? null,
        });
        if (reply.errorCode !== 0) throw new KafkaError(errorNameOf(reply.errorCode));
        return reply.transactionStates.map(({ transactionalId, producerId, transactionState }): ListedTransaction => {
          cluster.remember(transactionalId, broker, 'transaction');
          return { transactionalId, coordinator: broker.id, producerId, state: transactionState };
        });
      }),
    ),
  );
  return listed.flat().sort((a, b) => (a.transactionalId < b.transactionalId ? -1 : 1));
}

function versionFor(connection: BootstrapConnection, { longerThanMs, pattern }: TransactionFilter): number {
  requireTransactions(connection, ListTransactions, 'lists transactions');
  const version = connection.version(ListTransactions);
  if (longerThanMs !== undefined && version < DURATION_VERSION) throw tooOld(connection, '3.8', 'knows how long transactions last');
  if (pattern !== undefined && version < PATTERN_VERSION) throw tooOld(connection, '4.1', 'matches patterns');
  return version;
}

/** @throws KafkaError TRANSACTIONAL_ID_NOT_FOUND, TRANSACTIONAL_ID_AUTHORIZATION_FAILED, ... */
export function describeTransaction(cluster: ClusterConnections, transactionalId: string): Promise<DescribedTransaction> {
  return cluster.atCoordinator(
    transactionalId,
    async (connection, coordinator) => {
      requireTransactions(connection, DescribeTransactions, 'describes transactions');
      const { transactionStates } = await connection.request(DescribeTransactions, { transactionalIds: [transactionalId] });
      const [state] = transactionStates;
      if (!state) throw new KafkaError('UNKNOWN_SERVER_ERROR', 'the broker says nothing about it');
      if (state.errorCode !== 0) throw new KafkaError(errorNameOf(state.errorCode));
      return {
        transactionalId,
        coordinator: coordinator.id,
        producerId: state.producerId,
        producerEpoch: state.producerEpoch,
        state: state.transactionState,
        timeoutMs: state.transactionTimeoutMs,
        startMs: UNDER_WAY.test(state.transactionState) ? state.transactionStartTimeMs : null,
        partitions: state.topics.flatMap(({ topic, partitions }) => partitions.map((partition) => ({ topic, partition }))),
      };
    },
    'transaction',
  );
}

/** @returns what to throw when something cannot be done with a transactional id */
export function transactionFailure(error: unknown, transactionalId: string, { bootstrap }: ClusterConnections): unknown {
  if (!(error instanceof KafkaError)) return error;
  const at = addressOf(bootstrap.address);
  switch (error.errorName) {
    case 'TRANSACTIONAL_ID_NOT_FOUND':
      return new CliError(
        `there is no transactional id "${transactionalId}" at ${at}; "minikafka transactions list" shows those that exist`,
      );
    case 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED':
      return new CliError(`the broker at ${at} does not allow access to transactional id "${transactionalId}"`);
    default:
      return refused(error, `transactional id "${transactionalId}" cannot be described`);
  }
}

/** @throws CliError when the broker is from before KIP-664 */
export function requireTransactions(connection: BootstrapConnection, api: Pick<Api, 'key'>, what: string): void {
  if (!connection.serves(api)) throw tooOld(connection, '3.0', what);
}
