import type { Clock } from '../core/clock.ts';
import { BrokerChild, endText } from './broker-child.ts';
import { outputPath } from './cluster-file.ts';

export interface SupervisorOptions {
  /** The cluster's. */
  readonly directory: string;
  readonly brokerIds: readonly number[];
  readonly env: (brokerId: number) => NodeJS.ProcessEnv;
  readonly clock: Clock;
  /** Of `minikafka start`, for one broker; `port` is what it listened on before, if it ever did. */
  readonly flags: (brokerId: number, port: number | null) => readonly string[];
  readonly onServing?: (broker: ServingBroker) => void;
  /** A broker ended that nobody had asked to. It stays down. */
  readonly onDeath?: (brokerId: number, how: string) => void;
}

export interface ServingBroker {
  readonly brokerId: number;
  readonly host: string;
  readonly port: number;
}

export interface BrokerStatus {
  readonly brokerId: number;
  readonly state: 'starting' | 'running' | 'stopping' | 'down';
  /** null when it does not run. */
  readonly pid: number | null;
  /** Where it listens, or listened last; null when it never did. */
  readonly host: string | null;
  readonly port: number | null;
}

/** What was asked for cannot be done. Its message is one line. */
export class SupervisorError extends Error {
  override name = 'SupervisorError';
}

/** How long a broker may take for a controlled shutdown and its disk before it is killed. */
export const STOP_GRACE_MS = 20_000;

interface Slot {
  child: BrokerChild | null;
  state: BrokerStatus['state'];
  address: { readonly host: string; readonly port: number } | null;
  /** A start, stop or restart is under way. */
  busy: boolean;
}

/** Starts the broker processes of one cluster and knows which of them live. They end with this process, however that ends. */
export class Supervisor {
  private readonly options: SupervisorOptions;
  private readonly slots: ReadonlyMap<number, Slot>;
  private stopped = false;

  constructor(options: SupervisorOptions) {
    this.options = options;
    this.slots = new Map(options.brokerIds.map((id) => [id, { child: null, state: 'down', address: null, busy: false }]));
  }

  /** Starts all of them at once. @throws SupervisorError when one cannot serve; then none runs */
  async startAll(): Promise<void> {
    const starting = this.options.brokerIds.map((id) => this.start(id));
    const failed = (await Promise.allSettled(starting)).find((each) => each.status === 'rejected');
    if (!failed) return;
    await this.stopAll();
    throw failed.reason;
  }

  /** Resolves when it serves. @throws SupervisorError when it runs already, cannot serve, or does not exist */
  async start(brokerId: number): Promise<void> {
    await this.whileBusy(brokerId, (slot) => this.launch(brokerId, slot));
  }

  /** Stops it if it runs, and starts it. @throws SupervisorError */
  async restart(brokerId: number): Promise<void> {
    await this.whileBusy(brokerId, async (slot) => {
      await this.halt(slot);
      await this.launch(brokerId, slot);
    });
  }

  /** Resolves when it has ended. @throws SupervisorError */
  async stop(brokerId: number): Promise<void> {
    await this.whileBusy(brokerId, (slot) => this.halt(slot));
  }

  /** Ends it at once. */
  async kill(brokerId: number): Promise<void> {
    const slot = this.slotOf(brokerId);
    slot.state = slot.child?.running ? 'stopping' : 'down';
    await slot.child?.kill();
  }

  signal(brokerId: number, signal: NodeJS.Signals): void {
    const { child } = this.slotOf(brokerId);
    if (!child?.running) throw new SupervisorError(`broker ${brokerId} does not run`);
    child.signal(signal);
  }

  /** Stops all that run, at once, also while something else is under way; from now on nothing starts. */
  async stopAll(): Promise<void> {
    this.stopped = true;
    await Promise.all([...this.slots.values()].map((slot) => this.halt(slot)));
  }

  /** For a user who has lost patience, or an end of this process that waits for nobody. */
  killAll(): void {
    this.stopped = true;
    for (const { child } of this.slots.values()) if (child?.running) child.signal('SIGKILL');
  }

  status(): BrokerStatus[] {
    return [...this.slots].map(([brokerId, { child, state, address }]) => ({
      brokerId,
      state,
      pid: child?.running ? child.pid : null,
      host: address?.host ?? null,
      port: address?.port ?? null,
    }));
  }

  private async launch(brokerId: number, slot: Slot): Promise<void> {
    if (slot.child?.running) throw new SupervisorError(`broker ${brokerId} runs already`);
    if (this.stopped) throw new SupervisorError('the cluster is stopping');
    const { directory, env, clock, flags } = this.options;
    const child = new BrokerChild({
      brokerId,
      directory,
      flags: flags(brokerId, slot.address?.port ?? null),
      env: env(brokerId),
      outputPath: outputPath(directory, brokerId),
      clock,
    });
    slot.child = child;
    slot.state = 'starting';
    void child.ended.then((end) => {
      if (slot.child !== child) return;
      const unasked = slot.state === 'running';
      slot.state = 'down';
      if (unasked) this.options.onDeath?.(brokerId, endText(end));
    });
    try {
      slot.address = await child.ready;
    } catch (error) {
      throw new SupervisorError(`broker ${brokerId}: ${error instanceof Error ? error.message : String(error)}`);
    }
    if (slot.state !== 'starting') return; // asked to stop meanwhile, or dead again
    slot.state = 'running';
    this.options.onServing?.({ brokerId, ...slot.address });
  }

  private async halt(slot: Slot): Promise<void> {
    if (!slot.child?.running) return;
    slot.state = 'stopping';
    await slot.child.stop(STOP_GRACE_MS);
  }

  private async whileBusy(brokerId: number, act: (slot: Slot) => Promise<void>): Promise<void> {
    const slot = this.slotOf(brokerId);
    if (slot.busy) throw new SupervisorError(`broker ${brokerId} is being started or stopped already`);
    slot.busy = true;
    try {
      await act(slot);
    } finally {
      slot.busy = false;
    }
  }

  private slotOf(brokerId: number): Slot {
    const slot = this.slots.get(brokerId);
    if (slot) return slot;
    throw new SupervisorError(`there is no broker ${brokerId} here; there are ${[...this.slots.keys()].join(', ')}`);
  }
}
