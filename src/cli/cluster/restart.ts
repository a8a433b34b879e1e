import { fetchClusterState, isUnderReplicated } from '../../client/cluster-state.ts';
import type { Clock } from '../../core/clock.ts';
import { stayAlive } from '../../core/stay-alive.ts';
import type { Transport } from '../../core/transport.ts';
import { ask } from '../../supervisor/control.ts';
import type { BrokerStatus } from '../../supervisor/supervisor.ts';
import type { Surroundings } from '../broker-session.ts';
import { parseDuration } from '../duration.ts';
import { CliError, messageOf } from '../errors.ts';
import { existingDirectory, explained, type RestartFlags } from './flags.ts';

const PAUSE_MS = 100;
/** Partitions that one line names. */
const MAX_NAMED = 5;

/** Restarts one broker, or one after the other, each after the ISRs are full. @throws CliError */
export async function restart(flags: RestartFlags, { out, transport, clock }: Surroundings): Promise<void> {
  const directory = existingDirectory(flags);
  const timeoutMs = parseDuration(flags.timeout, '--timeout');
  try {
    const { brokers } = await ask(directory, { command: 'status' });
    // Those that are down come first: without them the ISRs are not full.
    const all = [...brokers].sort((a, b) => Number(a.state !== 'down') - Number(b.state !== 'down')).map(({ brokerId }) => brokerId);
    const wanted = flags.broker === undefined ? all : [flags.broker];
    for (const [n, broker] of wanted.entries()) {
      const answer = await ask(directory, { command: 'restart', broker });
      const { host, port } = answer.brokers.find(({ brokerId }) => brokerId === broker)!;
      out.line(`Broker ${broker} is restarted and listens on ${host}:${port}.`);
      if (flags.broker === undefined) await untilInSync(answer.brokers, wanted.slice(n + 1), broker, timeoutMs, transport, clock);
    }
  } catch (error) {
    throw explained(error);
  }
}

/** Asked of the broker that was just restarted: what it knows is not older than its start. */
async function untilInSync(
  brokers: readonly BrokerStatus[],
  next: readonly number[],
  restarted: number,
  timeoutMs: number,
  transport: Transport,
  clock: Clock,
): Promise<void> {
  if (brokers.some(({ brokerId, state }) => next.includes(brokerId) && state === 'down')) return;
  const { host, port } = brokers.find(({ brokerId }) => brokerId === restarted)!;
  const deadlineMs = clock.monotonicMs() + timeoutMs;
  const release = stayAlive();
  try {
    for (;;) {
      const lacking = await missing({ host: host!, port: port! }, transport, clock);
      if (lacking.length === 0) return;
      if (clock.monotonicMs() >= deadlineMs) {
        const more = lacking.length > MAX_NAMED ? ` and ${lacking.length - MAX_NAMED} more` : '';
        throw new CliError(
          `replicas are not in sync after broker ${restarted}: ${lacking.slice(0, MAX_NAMED).join(', ')}${more}; nothing more is restarted`,
        );
      }
      await new Promise<void>((resolve) => void clock.after(PAUSE_MS, resolve));
    }
  } finally {
    release();
  }
}

async function missing(address: { host: string; port: number }, transport: Transport, clock: Clock): Promise<string[]> {
  try {
    const { partitions } = await fetchClusterState(transport, clock, address);
    return partitions.filter(isUnderReplicated).map(({ topic, partition }) => `${topic}-${partition}`);
  } catch (error) {
    return [messageOf(error)];
  }
}
