import type { Clock } from '../core/clock.ts';
import type { Address, Transport } from '../core/transport.ts';
import type { Entry } from './transcript.ts';

/** The broker that plays, and where its answers go. */
export interface Venue {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly address: Address;
  /** Goes before every name of a topic or group, so that runs against the same cluster do not meet. */
  readonly runId?: string;
  /** Of all brokers of the cluster, broker 1 first; left out where there is one. */
  readonly brokers?: readonly Address[];
  /** Ids of those that are down. */
  readonly down?: readonly number[];
  /** What a broker by itself calls itself, where that is not node 1 at the address that is dialled. */
  readonly self?: Self;
  /** It has a cluster around it: topics are put on this broker by hand, and groups get names that it coordinates. */
  readonly pinned?: boolean;
  /** Aborted when the scenario has to end, wherever it is; its reason is thrown there. */
  readonly signal?: AbortSignal;
  record(entry: Entry): void;
  /** Told of each name that a scenario gives to a topic or group. */
  named?(name: string): void;
}

/** A broker as its own Metadata names it. */
export interface Self {
  readonly nodeId: number;
  readonly host: string;
  readonly port: number;
  readonly rack: string | null;
}

/** @throws the reason for which the scenario has to end, meanwhile too */
export async function pause({ clock, signal }: Pick<Venue, 'clock' | 'signal'>, ms: number): Promise<void> {
  signal?.throwIfAborted();
  await new Promise<void>((resolve) => {
    const timer = clock.after(ms, () => done());
    const done = () => {
      timer.cancel();
      signal?.removeEventListener('abort', done);
      resolve();
    };
    signal?.addEventListener('abort', done, { once: true });
  });
  signal?.throwIfAborted();
}
