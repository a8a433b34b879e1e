import type { Command } from 'commander';
import type { ClientFlags } from '../broker-session.ts';
import type { DescribeGroupsFlags } from '../groups/describe.ts';
import type { ListGroupsFlags } from '../groups/list.ts';
import type { ResetFlags } from '../groups/reset.ts';
import type { Context } from '../output.ts';
import { examples, surroundings, withClientOptions } from './client-options.ts';
import { collect } from './collect.ts';

const RESET_NOTES = `
Without --execute nothing is written: it shows the plan. The group must have no members, and an offset outside of a partition becomes
the nearest one inside of it. A group that does not exist is created.`;

const RESET_EXAMPLES = examples(
  'groups reset-offsets billing --topic orders --to-earliest',
  'groups reset-offsets billing --topic orders:0,1 --shift-by -10 --execute',
  'groups reset-offsets billing --all-topics --to-datetime 2026-05-31T14:30:00Z',
);

export function addGroups(program: Command, context: Context): void {
  const groups = program
    .command('groups')
    .summary('list, describe, reset and delete consumer groups')
    .description('List, describe, reset and delete consumer groups of a running broker: minikafka, or Apache Kafka.')
    .addHelpText('after', examples('groups list', 'groups describe billing', 'groups reset-offsets billing --topic orders --to-earliest'));

  withClientOptions(groups.command('list'))
    .summary('list the groups')
    .description('List the groups of all brokers. In a pipe: group, type, protocol type and state, parted by tabs.')
    .option('--state <state>', 'only groups in this state, as in Stable or Empty (repeatable)', collect)
    .addHelpText('after', examples('groups list', 'groups list --state Stable', 'groups list --json'))
    .action(async (flags: ListGroupsFlags) => (await import('../groups/list.ts')).list(flags, await surroundings(context)));

  withClientOptions(groups.command('describe').argument('[group]', 'name of the group; all groups of consumers without it'))
    .summary('show offsets, lag and owners')
    .description(
      'Show for each partition how far the group is, how far behind, and who reads it. In a pipe: group, topic, partition, current offset, ' +
        'log end offset, lag, consumer id, host and client id, parted by tabs; - where there is none.',
    )
    .option('--members', 'show the members, and what is assigned to each')
    .option('--state', 'show state, coordinator and number of members')
    .addHelpText('after', examples('groups describe billing', 'groups describe --state', 'groups describe billing --members --json'))
    .action(async (group: string | undefined, flags: DescribeGroupsFlags) =>
      (await import('../groups/describe.ts')).describe(group, flags, await surroundings(context)),
    );

  withClientOptions(groups.command('reset-offsets').argument('<group>', 'name of the group'))
    .summary('set where a group goes on reading')
    .description('Set where a group goes on reading. In a pipe: group, topic, partition, current and new offset, parted by tabs.')
    .option('--topic <name[:0,1,..]>', 'a topic, or some of its partitions (repeatable)', collect)
    .option('--all-topics', 'everything that the group has committed')
    .option('--to-earliest', 'to the first record that is there')
    .option('--to-latest', 'to the end')
    .option('--to-offset <offset>', 'to this offset')
    .option('--shift-by <number>', 'by so many forward, or with - back')
    .option('--to-datetime <time>', 'to the first record as late as this: ISO 8601 (UTC without a zone), or milliseconds since 1970')
    .option('--by-duration <duration>', 'to the first record of the time since, as in 30m, 2h or P7D')
    .option('--dry-run', 'show the plan and write nothing, as without --execute')
    .option('--execute', 'carry it out')
    .addHelpText('after', `${RESET_NOTES}\n${RESET_EXAMPLES}`)
    .action(async (group: string, flags: ResetFlags) =>
      (await import('../groups/reset.ts')).resetOffsets(group, flags, await surroundings(context)),
    );

  withClientOptions(groups.command('delete').argument('<group...>', 'names of groups'))
    .summary('delete groups and their offsets')
    .description('Delete groups and their offsets. A group that has members is not deleted.')
    .addHelpText('after', examples('groups delete billing', 'groups delete billing shipping --json'))
    .action(async (names: string[], flags: ClientFlags) =>
      (await import('../groups/delete.ts')).remove(names, flags, await surroundings(context)),
    );
}
