import type { Command } from 'commander';
import type { Context } from '../output.ts';
import type { AlterTopicFlags } from '../topic-alter.ts';
import type { ClientFlags, CreateFlags, DeleteFlags } from '../topic-commands.ts';
import { examples, parseCount, surroundings, withClientOptions } from './client-options.ts';
import { collect } from './collect.ts';
import { addTopicImport } from './topic-import.ts';
import { addTopicPartitions } from './topic-partitions.ts';

const MAX_PARTITIONS = 2 ** 31 - 1; // int32 on the wire
const MAX_REPLICATION_FACTOR = 2 ** 15 - 1; // int16 on the wire

export function addTopics(program: Command, context: Context): void {
  const topics = program
    .command('topics')
    .summary('create, list, describe, alter, move, delete and import topics')
    .description('Create, list, describe, alter and delete topics of a running broker: minikafka, or Apache Kafka.')
    .addHelpText('after', examples('topics create test --partitions 2', 'topics list', 'topics describe test', 'topics delete test'));

  withClientOptions(topics.command('create').argument('<name>', 'name of the topic'))
    .summary('create a topic')
    .description('Create a topic.')
    .option('--partitions <number>', "number of partitions (default: the broker's num.partitions)", parseCount(MAX_PARTITIONS))
    .option(
      '--replication-factor <number>',
      "replicas of each partition (default: the broker's default.replication.factor)",
      parseCount(MAX_REPLICATION_FACTOR),
    )
    .option('--replica-assignment <ids>', 'brokers of each partition, its preferred leader first, as in 1:2:3,2:3:1')
    .option('--config <key=value>', 'one setting of the topic (repeatable); a value may hold commas', collect)
    .option('--if-not-exists', 'leave a topic that exists as it is')
    .addHelpText(
      'after',
      examples('topics create test --partitions 2', 'topics create users --config cleanup.policy=compact --if-not-exists'),
    )
    .action(async (name: string, flags: CreateFlags) => (await commands()).create(name, flags, await surroundings(context)));

  withClientOptions(topics.command('list'))
    .summary('list the topics')
    .description('List the topics. In a pipe: name, partitions, replication factor and id, parted by tabs.')
    .addHelpText('after', examples('topics list', 'topics list --json', 'topics list --bootstrap-server broker-1:9092,broker-2:9092'))
    .action(async (flags: ClientFlags) => (await commands()).list(flags, await surroundings(context)));

  withClientOptions(topics.command('describe').argument('[name]', 'name of the topic; all topics without it'))
    .summary('show partitions, leaders, replicas and settings')
    .description(
      'Show partitions, leaders, replicas and settings. In a pipe: topic, partition, leader, and replicas: all, in sync, eligible to lead though ' +
        'not in sync, and offline; parted by tabs.',
    )
    .addHelpText('after', examples('topics describe', 'topics describe test --json'))
    .action(async (name: string | undefined, flags: ClientFlags) => (await commands()).describe(name, flags, await surroundings(context)));

  withClientOptions(topics.command('alter').argument('<name>', 'name of the topic'))
    .summary('add partitions, set and delete configs')
    .description('Add partitions, set configs, and delete them, which brings back the default. It is all done, or nothing.')
    .option('--partitions <number>', 'how many there are to be in all; there is no way back', parseCount(MAX_PARTITIONS))
    .option('--config <key=value>', 'set one config (repeatable); a value may hold commas', collect)
    .option('--delete-config <key>', 'delete one config (repeatable)', collect)
    .option('--validate-only', 'have the broker check it, and change nothing')
    .option('--dry-run', 'the same as --validate-only')
    .addHelpText(
      'after',
      examples(
        'topics alter test --partitions 6',
        'topics alter test --config cleanup.policy=compact,delete --config retention.ms=60000',
        'topics alter test --delete-config retention.ms --dry-run',
      ),
    )
    .action(async (name: string, flags: AlterTopicFlags) =>
      (await import('../topic-alter.ts')).alter(name, flags, await surroundings(context)),
    );

  withClientOptions(topics.command('delete').argument('<name>', 'name of the topic'))
    .summary('delete a topic and its records')
    .description('Delete a topic and its records.')
    .option('--if-exists', 'a topic that does not exist is no error')
    .addHelpText('after', examples('topics delete test', 'topics delete test --if-exists'))
    .action(async (name: string, flags: DeleteFlags) => (await commands()).remove(name, flags, await surroundings(context)));

  addTopicPartitions(topics, context);
  addTopicImport(topics, context);
}

// Loaded when a command runs: help and errors need none of it.
const commands = () => import('../topic-commands.ts');
