import type { KafkaError } from '../../core/errors.ts';
import { type ClientFlags, refused, type Surroundings, withBroker, writeJson } from '../broker-session.ts';
import { CliError, usageError } from '../errors.ts';
import { byTopicAndPartition, keyOf, type TopicPartition } from '../groups/group-offsets.ts';
import { nameSome, partitionsNamed } from '../groups/reset-plan.ts';
import { parseScopes } from '../groups/reset-target.ts';
import { writeTable } from '../output.ts';
import { fetchTopics } from '../topic-admin.ts';
import { electLeaders, type Outcomes } from './requests.ts';

export interface ElectFlags extends ClientFlags {
  readonly unclean?: boolean | undefined;
  readonly allTopics?: boolean | undefined;
}

interface Elected extends TopicPartition {
  readonly outcome: 'elected' | 'not needed' | 'failed';
  /** null: it is as was asked for. */
  readonly error: KafkaError | null;
  /** Broker id; -1: none. */
  readonly leader: number;
}

/** Has partitions led by their first replica again; with --unclean, by any that is alive where nobody leads. */
export async function elect(topics: readonly string[], flags: ElectFlags, around: Surroundings): Promise<void> {
  if (topics.length > 0 && flags.allTopics) throw usageError('--all-topics names them all; leave out topics');
  if (topics.length === 0 && !flags.allTopics)
    throw usageError('of which partitions? name topics, as in orders or orders:0,1, or add --all-topics');
  const scopes = parseScopes(topics, '');
  const { out } = around;
  await withBroker(flags, around, async (broker) => {
    const named = flags.allTopics ? null : await partitionsNamed({ bootstrap: broker }, scopes);
    const outcomes = await electLeaders(broker, flags.unclean ? 'unclean' : 'preferred', named).catch((error: unknown) => {
      throw refused(error, 'no leader was elected');
    });
    const partitions = named ?? [...outcomes.keys()].map(partitionOf).sort(byTopicAndPartition);
    const leaders = new Map<string, number>();
    for (const { name, partitions: each } of await fetchTopics(broker, named && [...new Set(named.map(({ topic }) => topic))])) {
      for (const { partition, leader } of each) leaders.set(keyOf({ topic: name, partition }), leader);
    }
    const elected = partitions.map((each): Elected => ({ ...each, ...outcomeOf(outcomes, each), leader: leaders.get(keyOf(each)) ?? -1 }));
    if (flags.json) {
      const shown = elected.map(({ topic, partition, outcome, leader, error }) => {
        return { topic, partition, outcome, leader, error: error?.errorName ?? null };
      });
      writeJson(out, shown);
    } else {
      const rows = elected.map(({ topic, partition, outcome, leader }) => [topic, partition, outcome, leader < 0 ? 'none' : leader]);
      if (rows.length > 0) writeTable(out, ['Topic', 'Partition', 'Election', 'Leader'], rows);
      else if (out.isTerminal) out.line('No election is needed.');
    }
    const failed = elected.filter(({ outcome }) => outcome === 'failed');
    if (failed.length > 0) throw new CliError(`no leader was elected for ${nameSome(failed)}: ${failed[0]!.error!.message}`);
  });
}

function outcomeOf(outcomes: Outcomes, partition: TopicPartition): Pick<Elected, 'outcome' | 'error'> {
  const error = outcomes.get(keyOf(partition)) ?? null;
  if (!error) return { outcome: 'elected', error };
  return error.errorName === 'ELECTION_NOT_NEEDED' ? { outcome: 'not needed', error: null } : { outcome: 'failed', error };
}

function partitionOf(key: string): TopicPartition {
  const at = key.lastIndexOf(':');
  return { topic: key.slice(0, at), partition: Number(key.slice(at + 1)) };
}
