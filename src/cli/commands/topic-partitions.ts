import type { Command } from 'commander';
import type { Context } from '../output.ts';
import type { ElectFlags } from '../reassign/elect.ts';
import type { ReassignFlags } from '../reassign/reassign.ts';
import { examples, surroundings, withClientOptions } from './client-options.ts';

const PARTITIONS = 'topics, or some of their partitions as in orders:0,1';

const REASSIGN_NOTES = `
Without --execute nothing is moved: it shows the plan. The old replicas stay until the new ones have everything. A plan is JSON, as Kafka's
kafka-reassign-partitions.sh has it: {"version":1,"partitions":[{"topic":"orders","partition":0,"replicas":[1,2,3]}]}. With --replicas each
partition in turn has another of the brokers first, which is its preferred leader.`;

const REASSIGN_EXAMPLES = examples(
  'topics reassign orders --replicas 1,2,4',
  'topics reassign orders:0 --replicas 3,1 --execute',
  'topics reassign --plan plan.json --execute',
  'topics reassign --plan plan.json --verify',
  'topics reassign orders --cancel',
);

const ELECT_NOTES = `
Preferred leaders are those that stand first among the replicas; one that is down or not in sync is not elected. With --unclean a replica
leads that may lack records, where no other is left: those are then lost.`;

/** What is done to the replicas and leaders of partitions. */
export function addTopicPartitions(topics: Command, context: Context): void {
  withClientOptions(topics.command('reassign').argument('[topic...]', PARTITIONS))
    .summary('move replicas to other brokers')
    .description(
      'Move replicas to other brokers, and see how far that is. In a pipe: topic, partition, replicas and new replicas; with --verify topic, ' +
        'partition, state, replicas, joining and leaving ones; parted by tabs.',
    )
    .option('--plan <file>', 'a plan for any partitions, in JSON')
    .option('--replicas <ids>', 'brokers for the named partitions, as in 1,2,3')
    .option('--dry-run', 'show the plan and move nothing, as without --execute')
    .option('--execute', 'carry it out')
    .option('--verify', 'show how far it is, without names of all that moves; exits 1 until it is done')
    .option('--cancel', 'take back what is on the move')
    .addHelpText('after', `${REASSIGN_NOTES}\n${REASSIGN_EXAMPLES}`)
    .action(async (names: string[], flags: ReassignFlags) =>
      (await import('../reassign/reassign.ts')).reassign(names, flags, await surroundings(context)),
    );

  withClientOptions(topics.command('elect-leaders').argument('[topic...]', PARTITIONS))
    .summary('have partitions led by their preferred leaders')
    .description('Elect leaders. In a pipe: topic, partition, election (elected, not needed, failed) and leader, parted by tabs.')
    .option('--all-topics', 'wherever it is needed')
    .option('--unclean', 'where nobody leads, have a replica lead that may lack records')
    .addHelpText(
      'after',
      `${ELECT_NOTES}\n${examples('topics elect-leaders orders', 'topics elect-leaders --all-topics', 'topics elect-leaders orders:2 --unclean')}`,
    )
    .action(async (names: string[], flags: ElectFlags) =>
      (await import('../reassign/elect.ts')).elect(names, flags, await surroundings(context)),
    );
}
