import type { Clock, Timer } from '../core/clock.ts';
import { KafkaError } from '../core/errors.ts';
import { registerBroker } from './cluster.ts';
import type { MetadataImage } from './image.ts';
import type { MetadataFeed } from './image-feed.ts';
import { InDoubtError, type Lease, type MetadataStore, type Rev, UnavailableError } from './store.ts';
import type { BrokerValue, OfflineReplicasValue } from './values.ts';

/** The identity of the disk on which this broker's logs lie (metadata-store rule 5). */
export interface BrokerDisk {
  readonly directoryId: string;
  /**
   * Before each registration: durable when it returns. `lastEpoch`, `lastGeneration`: of the broker's last registration; 0: there was none.
   * `diskFailed`: under that a disk of its failed.
   */
  generationToRegister(lastEpoch: Rev, lastGeneration: number, diskFailed: boolean): number;
  /** After each registration: durable when it returns. */
  noteRegistered(epoch: Rev): void;
}

export interface RegistrationOptions {
  readonly store: MetadataStore;
  readonly metadata: MetadataFeed;
  readonly clock: Clock;
  readonly broker: Omit<BrokerValue, 'directoryId' | 'generation'> & { readonly id: number };
  readonly disk: BrokerDisk;
  /** Its replicas on disks that failed, as known now; null: all disks work. Registered with it, so that it is never elected for one of them. */
  readonly offline?: (image: MetadataImage, generation: number) => OfflineReplicasValue | null;
  /** Told at once when the registration is lost (a pause longer than the lease, or the controller took this broker for dead): it leads nothing any more. */
  readonly onLost: (why: Error) => void;
  /** Told with each registration, the first one too. The image need not show it yet. */
  readonly onRegistered: (registered: Registered) => void;
  /** Told why it cannot register anew; it goes on trying. */
  readonly onFailure: (error: unknown) => void;
  /** How long the registration outlives the broker; renewed every third of it. Default 9 s. */
  readonly leaseMs?: number;
}

export interface Registered {
  /** The broker epoch. */
  readonly epoch: Rev;
  readonly lease: Lease;
}

const LEASE_MS = 9_000;
const RETRY_MS = 500;

/** This broker's place in the cluster, for as long as it lives. When it is lost the broker registers anew, with a new broker epoch. */
export class Registration {
  private readonly options: RegistrationOptions;
  private readonly unsubscribe: () => void;
  private registered: Registered | undefined;
  /** The epoch of this process's last registration. */
  private previous: Rev | undefined;
  private running: Promise<void> = Promise.resolve();
  private retry: { timer: Timer; fire: () => void } | undefined;
  private closed = false;

  private constructor(options: RegistrationOptions) {
    this.options = options;
    this.unsubscribe = options.metadata.onChange((image, changes) => {
      if (changes.brokers.includes(options.broker.id)) this.compare(image);
    });
  }

  /**
   * Resolves when this broker's image shows it registered. One that is registered on another directory, as when this broker's was emptied, is
   * waited for until its lease has ended; so is a store that cannot be written, as while a process is stopped in the midst of a write.
   * @throws KafkaError DUPLICATE_BROKER_REGISTRATION, UnavailableError, InDoubtError
   */
  static async open(options: RegistrationOptions): Promise<Registration> {
    const registration = new Registration(options);
    try {
      const { epoch } = await registration.registerFirst();
      await options.metadata.waitFor(epoch);
    } catch (error) {
      await registration.close();
      throw error;
    }
    return registration;
  }

  /** undefined while this broker is not registered: it may lead nothing. */
  get current(): Registered | undefined {
    return this.registered;
  }

  async close(): Promise<void> {
    this.closed = true;
    this.unsubscribe();
    this.retry?.timer.cancel();
    this.retry?.fire();
    await this.running;
    const { registered } = this;
    this.registered = undefined;
    if (registered) await endLease(registered.lease);
  }

  private async registerFirst(): Promise<Registered> {
    const { clock, leaseMs = LEASE_MS } = this.options;
    const giveUpAt = clock.monotonicMs() + 2 * leaseMs;
    for (;;) {
      try {
        return await this.register(true);
      } catch (error) {
        if (!mayPass(error) || clock.monotonicMs() >= giveUpAt) throw error;
        await this.pause();
      }
    }
  }

  private async register(startsWithDirectory: boolean): Promise<Registered> {
    const { store, metadata, broker, disk, offline, leaseMs = LEASE_MS } = this.options;
    const lease = await store.grantLease(leaseMs);
    try {
      const { brokerEpoch: epoch } = await registerBroker(store, {
        ...broker,
        lease,
        directoryId: disk.directoryId,
        generation: (lastEpoch, lastGeneration, diskFailed) => disk.generationToRegister(lastEpoch, lastGeneration, diskFailed),
        offline: (generation) => offline?.(metadata.current, generation) ?? null,
        startsWithDirectory,
        ...(this.previous && { previous: this.previous }),
      });
      disk.noteRegistered(epoch);
      this.previous = epoch;
      if (lease.lost.aborted) throw lease.lost.reason;
      const registered = { epoch, lease };
      this.registered = registered;
      this.options.onRegistered(registered);
      lease.lost.addEventListener('abort', () => this.lose(lease, new Error('the lease of this broker has expired')), { once: true });
      return registered;
    } catch (error) {
      await endLease(lease); // the store renews a lease for as long as nobody ends it
      throw error;
    }
  }

  /** Metadata-store rule 6: a registration that is gone, or another's, is lost, whatever the lease says. */
  private compare(image: MetadataImage): void {
    const { registered } = this;
    if (!registered || image.revision < registered.epoch) return;
    if (image.brokers.get(this.options.broker.id)?.epoch === registered.epoch) return;
    this.lose(registered.lease, new Error('the cluster took this broker for dead'));
  }

  private lose(lease: Lease, why: Error): void {
    if (this.closed || this.registered?.lease !== lease) return;
    this.registered = undefined;
    this.options.onLost(why);
    this.running = this.regain(lease);
  }

  private async regain(lost: Lease): Promise<void> {
    await endLease(lost);
    let lastFailure = '';
    while (!this.closed) {
      try {
        await this.register(false);
        return;
      } catch (error) {
        // Once for each reason, however often it is tried again.
        if (!this.closed && String(error) !== lastFailure) this.options.onFailure(error);
        lastFailure = String(error);
        if (!this.closed) await this.pause();
      }
    }
  }

  private pause(): Promise<void> {
    return new Promise((resolve) => {
      const fire = () => {
        this.retry = undefined;
        resolve();
      };
      this.retry = { timer: this.options.clock.after(RETRY_MS, fire), fire };
    });
  }
}

/** A store that does not answer ends it by itself, in time. */
async function endLease(lease: Lease): Promise<void> {
  try {
    await lease.revoke();
  } catch {
    // Nothing depends on it.
  }
}

function mayPass(error: unknown): boolean {
  if (error instanceof KafkaError) return error.errorName === 'DUPLICATE_BROKER_REGISTRATION';
  return error instanceof UnavailableError || error instanceof InDoubtError;
}
