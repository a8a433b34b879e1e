import type { Command } from 'commander';
import type { Context } from '../output.ts';
import type { AbortFlags } from '../transactions/abort.ts';
import type { DescribeProducersFlags, DescribeTransactionsFlags } from '../transactions/describe.ts';
import type { FindHangingFlags } from '../transactions/find-hanging.ts';
import type { ListTransactionsFlags } from '../transactions/list.ts';
import { examples, parseBrokerId, surroundings, withClientOptions } from './client-options.ts';
import { collect } from './collect.ts';

const HANGING_NOTES = `
A transaction hangs when a partition has it open and its coordinator would never end it there: it knows of none, or of none in that
partition. Readers of committed records wait for its end. Only what is older than any transaction may become is looked at.`;

const HANGING_EXAMPLES = examples(
  'transactions find-hanging',
  'transactions find-hanging orders payments:0,1',
  'transactions find-hanging --broker 2 --older-than 1h --json',
);

const ABORT_NOTES = `
Only the named partition is touched. A transaction that its coordinator still has is refused: it ends by itself within its timeout.
Brokers before Kafka 3.0 do not tell their producers: there all of --producer-id, --producer-epoch and --coordinator-epoch are needed.`;

const ABORT_EXAMPLES = examples(
  'transactions abort orders:0 --start-offset 4711',
  'transactions abort orders:0 --producer-id 12 --producer-epoch 3 --coordinator-epoch 5',
);

export function addTransactions(program: Command, context: Context): void {
  const transactions = program
    .command('transactions')
    .summary('list and describe transactions, find and abort hanging ones')
    .description('List and describe the transactions of a running broker, find and abort hanging ones: minikafka, or Apache Kafka.')
    .addHelpText('after', examples('transactions list', 'transactions describe billing-1', 'transactions find-hanging'));
  addLooks(transactions, context);
  addHanging(transactions, context);
}

function addLooks(transactions: Command, context: Context): void {
  withClientOptions(transactions.command('list'))
    .summary('list the transactional ids')
    .description(
      'List the transactional ids of all brokers. In a pipe: transactional id, coordinator, producer id and state, parted by tabs.',
    )
    .option('--state <state>', 'only in this state, as in Ongoing or PrepareCommit (repeatable)', collect)
    .option('--producer-id <id>', 'only of this producer (repeatable)', collect)
    .option('--longer-than <duration>', 'only with a transaction that began longer ago, as in 30s or 5m; it may be over')
    .option('--pattern <regex>', 'only ids that match this as a whole (RE2)')
    .addHelpText(
      'after',
      examples('transactions list', 'transactions list --state Ongoing --longer-than 1m', "transactions list --pattern 'billing-.*'"),
    )
    .action(async (flags: ListTransactionsFlags) => (await import('../transactions/list.ts')).list(flags, await surroundings(context)));

  withClientOptions(transactions.command('describe').argument('<transactional-id...>', 'one or more'))
    .summary('show state, producer and partitions')
    .description(
      'Show what the coordinator knows. In a pipe: transactional id, coordinator, producer id, epoch, state, timeout (ms), start, how long it ' +
        'has lasted (ms) and partitions, parted by tabs; - where there is none.',
    )
    .addHelpText('after', examples('transactions describe billing-1', 'transactions describe billing-1 billing-2 --json'))
    .action(async (ids: string[], flags: DescribeTransactionsFlags) =>
      (await import('../transactions/describe.ts')).describe(ids, flags, await surroundings(context)),
    );

  withClientOptions(transactions.command('describe-producers').argument('<topic[:0,1,..]...>', 'topics, or some of their partitions'))
    .summary('show the producers that partitions know')
    .description(
      'Show the producers that partitions know. In a pipe: topic, partition, producer id, epoch, coordinator epoch, last sequence, time of the ' +
        'last record, and where the open transaction begins, parted by tabs; - where there is none.',
    )
    .option('--broker <id>', 'ask this replica, not the leaders', parseBrokerId)
    .addHelpText('after', examples('transactions describe-producers orders', 'transactions describe-producers orders:0,1 --broker 2'))
    .action(async (topics: string[], flags: DescribeProducersFlags) =>
      (await import('../transactions/describe.ts')).describeProducers(topics, flags, await surroundings(context)),
    );
}

function addHanging(transactions: Command, context: Context): void {
  withClientOptions(
    transactions.command('find-hanging').argument('[topic[:0,1,..]...]', 'topics, or some of their partitions; all without'),
  )
    .summary('find open transactions that nobody would end')
    .description(
      'Find open transactions that nobody would end. In a pipe: topic, partition, start offset, producer id, epoch, coordinator epoch, ' +
        'transactional id, time of the last record, and minutes since, parted by tabs; - where there is none.',
    )
    .option('--broker <id>', 'only partitions with a replica on this broker, which is asked', parseBrokerId)
    .option('--older-than <duration>', 'only transactions without a record for longer (default: transaction.max.timeout.ms and 5m)')
    .addHelpText('after', `${HANGING_NOTES}\n${HANGING_EXAMPLES}`)
    .action(async (topics: string[], flags: FindHangingFlags) =>
      (await import('../transactions/find-hanging.ts')).findHanging(topics, flags, await surroundings(context)),
    );

  withClientOptions(transactions.command('abort').argument('<topic:partition>', 'where it hangs'))
    .summary('abort a hanging transaction in a partition')
    .description('Abort a hanging transaction in a partition, by its start offset as "transactions find-hanging" shows it.')
    .option('--start-offset <offset>', 'where the transaction begins')
    .option('--producer-id <id>', 'of the transaction')
    .option('--producer-epoch <epoch>', 'of the transaction')
    .option('--coordinator-epoch <epoch>', 'of the coordinator, as the partition has it')
    .option('--force', 'abort it though its coordinator still has it: what it commits would lack this partition')
    .addHelpText('after', `${ABORT_NOTES}\n${ABORT_EXAMPLES}`)
    .action(async (partition: string, flags: AbortFlags) =>
      (await import('../transactions/abort.ts')).abort(partition, flags, await surroundings(context)),
    );
}
