import type { Command } from 'commander';
import type { AlterConfigsFlags, DescribeConfigsFlags } from '../config-commands.ts';
import type { Context } from '../output.ts';
import { examples, surroundings, withClientOptions } from './client-options.ts';
import { collect } from './collect.ts';

const NOTES = `
Types and names:
  topic <name>      a topic
  broker <id>       one broker
  broker default    what holds for all brokers that have no value of their own`;

const SOURCES = `
Sources: topic, dynamic-broker (set on this broker), dynamic-default-broker (set for all brokers), static-broker (its file,
flags and environment), default.`;

const DESCRIBE_EXAMPLES = examples(
  'configs describe topic orders',
  'configs describe topic orders --all',
  'configs describe broker 1',
  'configs describe broker --json',
);

const FROM_KAFKA = `
What kafka-configs.sh writes as --add-config a=1,b=[x,y] --delete-config c is here --set a=1 --set b=x,y --delete c.`;

const ALTER_EXAMPLES = examples(
  'configs alter topic orders --set cleanup.policy=compact,delete --set retention.ms=60000',
  'configs alter topic orders --delete retention.ms',
  'configs alter broker default --set log.retention.ms=3600000 --validate-only',
);

export function addConfigs(program: Command, context: Context): void {
  const configs = program
    .command('configs')
    .summary('show and change configs of topics and brokers')
    .description('Show and change configs of topics and brokers while they run: of minikafka, or of Apache Kafka.')
    .addHelpText('after', examples('configs describe topic orders', 'configs alter topic orders --set retention.ms=60000'));

  withClientOptions(
    configs
      .command('describe')
      .argument('<type>', 'topic or broker')
      .argument('[name]', 'name of the topic, id of the broker, or default; all of them without it'),
  )
    .summary('show what is set, and where')
    .description('Show what is set, and where. In a pipe: type, name, config, value and source, parted by tabs.')
    .option('--all', 'also what has its default value')
    .addHelpText('after', `${NOTES}\n${SOURCES}\n${DESCRIBE_EXAMPLES}`)
    .action(async (type: string, name: string | undefined, flags: DescribeConfigsFlags) =>
      (await commands()).describe(type, name, flags, await surroundings(context)),
    );

  withClientOptions(
    configs
      .command('alter')
      .argument('<type>', 'topic or broker')
      .argument('<name>', 'name of the topic, id of the broker, or default')
      .allowExcessArguments(),
  )
    .summary('set and delete configs')
    .description('Set configs, and delete them, which brings back the default. Those that are not named stay as they are.')
    .option('--set <key=value>', 'one config (repeatable); a value may hold commas', collect)
    .option('--delete <key>', 'one config (repeatable)', collect)
    .option('--validate-only', 'have the broker check it, and change nothing')
    .option('--dry-run', 'the same as --validate-only')
    .addHelpText('after', `${NOTES}\n${FROM_KAFKA}\n${ALTER_EXAMPLES}`)
    .action(async (type: string, name: string, flags: AlterConfigsFlags, command: Command) =>
      (await commands()).alter(type, name, command.args.slice(2), flags, await surroundings(context)),
    );
}

const commands = () => import('../config-commands.ts');
