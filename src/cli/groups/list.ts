import type { ClientFlags, Surroundings } from '../broker-session.ts';
import { writeJson } from '../broker-session.ts';
import { withCluster } from '../cluster-connections.ts';
import { usageError } from '../errors.ts';
import { printable, writeTable } from '../output.ts';
import { listGroups } from './group-admin.ts';

export interface ListGroupsFlags extends ClientFlags {
  /** One or more with commas, each. */
  readonly state?: readonly string[] | undefined;
}

/** Of groups of every type (KIP-518, KIP-848, KIP-932, KIP-1071). */
const STATES = ['PreparingRebalance', 'CompletingRebalance', 'Stable', 'Empty', 'Dead', 'Assigning', 'Reconciling', 'NotReady'];

/** In a pipe: group, type, protocol type, state. */
export async function list(flags: ListGroupsFlags, around: Surroundings): Promise<void> {
  const states = (flags.state ?? []).flatMap((text) => text.split(',')).map(parseState);
  const groups = await withCluster(flags, around, (cluster) => listGroups(cluster, states));
  const { out } = around;
  if (flags.json) writeJson(out, groups);
  else if (groups.length === 0 && out.isTerminal)
    out.line(states.length > 0 ? `No group is in state ${states.join(' or ')}.` : 'There are no groups.');
  else {
    const rows = groups.map(({ groupId, type, protocolType, state }) => [
      printable(groupId),
      type ?? '-',
      printable(protocolType) || '-',
      state ?? '-',
    ]);
    writeTable(out, ['Group', 'Type', 'Protocol type', 'State'], rows);
  }
}

/** Written in any case, as Kafka's tool takes it. */
function parseState(text: string): string {
  const state = STATES.find((each) => each.toLowerCase() === text.trim().toLowerCase());
  if (state !== undefined) return state;
  throw usageError(`--state ${text}: there is no such state; write one of ${STATES.join(', ')}`);
}
