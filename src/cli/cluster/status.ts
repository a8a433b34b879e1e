import {
  type ClusterState,
  fetchClusterStateOfAny,
  isOffline,
  isUnderReplicated,
  type PartitionState,
} from '../../client/cluster-state.ts';
import type { Clock } from '../../core/clock.ts';
import { KafkaError } from '../../core/errors.ts';
import type { Transport } from '../../core/transport.ts';
import { ask } from '../../supervisor/control.ts';
import type { BrokerStatus } from '../../supervisor/supervisor.ts';
import { type Surroundings, writeJson } from '../broker-session.ts';
import { type Output, writeTable } from '../output.ts';
import { existingDirectory, explained, type StatusFlags } from './flags.ts';

interface BrokerRow {
  readonly id: number;
  /** `fenced`: it runs, and the cluster does not count it as alive; `alone`: started by hand with --broker-id. */
  readonly state: BrokerStatus['state'] | 'fenced' | 'alone';
  readonly address: string | null;
  readonly rack: string | null;
  readonly pid: number | null;
  readonly leads: number;
  readonly replicas: number;
}

/** @throws CliError when no cluster runs there */
export async function status(flags: StatusFlags, { out, transport, clock }: Surroundings): Promise<void> {
  const directory = existingDirectory(flags);
  try {
    const { brokers, pid } = await ask(directory, { command: 'status' });
    const state = await stateOf(brokers, transport, clock);
    const rows = brokerRows(brokers, state);
    if (flags.json) {
      writeJson(out, {
        supervisor: pid,
        controller: state === null || state.controllerId < 0 ? null : state.controllerId,
        brokers: rows,
        partitions: state?.partitions.length ?? null,
        underReplicated: state?.partitions.filter(isUnderReplicated) ?? null,
        offline: state?.partitions.filter(isOffline) ?? null,
      });
    } else if (out.isTerminal) write(out, rows, state);
    else writeLines(out, rows, state);
  } catch (error) {
    throw explained(error);
  }
}

/** null when no broker answers. */
async function stateOf(brokers: readonly BrokerStatus[], transport: Transport, clock: Clock): Promise<ClusterState | null> {
  const addresses = brokers.flatMap(({ state, host, port }) =>
    state === 'running' && host !== null && port !== null ? [{ host, port }] : [],
  );
  try {
    return await fetchClusterStateOfAny(transport, clock, addresses);
  } catch (error) {
    if (error instanceof KafkaError) return null;
    throw error;
  }
}

function brokerRows(brokers: readonly BrokerStatus[], state: ClusterState | null): BrokerRow[] {
  const partitions = state?.partitions ?? [];
  const counts = (id: number) => ({
    leads: partitions.filter(({ leader }) => leader === id).length,
    replicas: partitions.filter(({ replicas }) => replicas.includes(id)).length,
  });
  const ours = brokers.map(({ brokerId: id, state: processState, pid, host, port }): BrokerRow => {
    const registered = state?.brokers.find((each) => each.id === id);
    const isMissing = processState === 'running' && state !== null && !registered;
    return {
      id,
      state: isMissing ? 'fenced' : processState,
      address: host === null ? null : `${host}:${port}`,
      rack: registered?.rack ?? null,
      pid,
      ...counts(id),
    };
  });
  const others = (state?.brokers ?? []).filter(({ id }) => !brokers.some(({ brokerId }) => brokerId === id));
  const alone = others.map(
    ({ id, host, port, rack }): BrokerRow => ({ id, state: 'alone', address: `${host}:${port}`, rack, pid: null, ...counts(id) }),
  );
  return [...ours, ...alone].sort((a, b) => a.id - b.id);
}

function write(out: Output, rows: readonly BrokerRow[], state: ClusterState | null): void {
  writeTable(
    out,
    ['Broker', 'State', 'Address', 'Rack', 'Process', 'Leads', 'Replicas'],
    rows.map(({ id, state: text, address, rack, pid, leads, replicas }) => [
      id,
      text,
      address ?? '-',
      rack ?? '-',
      pid ?? '-',
      leads,
      replicas,
    ]),
  );
  out.line('');
  if (state === null) {
    out.line('No broker answers.');
    return;
  }
  out.line(state.controllerId < 0 ? 'There is no controller.' : `Broker ${state.controllerId} is the controller.`);
  const offline = state.partitions.filter(isOffline);
  const lagging = state.partitions.filter((each) => isUnderReplicated(each) && !isOffline(each));
  if (offline.length === 0 && lagging.length === 0) {
    out.line(`All ${state.partitions.length} partitions have a leader and all replicas in sync.`);
    return;
  }
  writeTable(
    out,
    ['Partition', 'Is', 'Leader', 'Replicas', 'In sync'],
    [...offline, ...lagging].map((each) => [
      `${each.topic}-${each.partition}`,
      isOffline(each) ? 'offline' : 'under-replicated',
      isOffline(each) ? 'none' : each.leader,
      each.replicas.join(','),
      each.inSyncReplicas.join(',') || 'none',
    ]),
  );
}

function writeLines(out: Output, rows: readonly BrokerRow[], state: ClusterState | null): void {
  for (const { id, state: text, address, rack, pid, leads, replicas } of rows) {
    out.line(['broker', id, text, address ?? '-', rack ?? '-', pid ?? '-', leads, replicas].join('\t'));
  }
  if (state === null) return;
  out.line(`controller\t${state.controllerId < 0 ? 'none' : state.controllerId}`);
  for (const each of state.partitions.filter(isOffline)) out.line(partitionLine('offline', each));
  for (const each of state.partitions.filter(isUnderReplicated)) out.line(partitionLine('under-replicated', each));
}

function partitionLine(kind: string, { topic, partition, leader, replicas, inSyncReplicas }: PartitionState): string {
  return [kind, topic, partition, leader < 0 ? 'none' : leader, replicas.join(','), inSyncReplicas.join(',') || 'none'].join('\t');
}
