import type { Clock, Timer } from '../core/clock.ts';
import { claimLeadership, registerBroker } from './cluster.ts';
import type { MetadataFeed } from './image-feed.ts';
import type { Lease, MetadataStore, Rev } from './store.ts';
import type { BrokerValue } from './values.ts';

export interface RegistrationOptions {
  readonly store: MetadataStore;
  readonly metadata: MetadataFeed;
  readonly clock: Clock;
  readonly broker: BrokerValue & { readonly id: number };
  /** Told when the registration was lost (a pause longer than the lease) or could not be made again, and when it stands again. */
  readonly onLost: (error: unknown) => void;
  readonly onRegained: () => void;
  /** Told with each registration, the first one too. The image need not show it yet. */
  readonly onRegistered: (registered: { readonly epoch: Rev; readonly lease: Lease }) => void;
}

/** How long the registration outlives the broker; renewed every third of it. */
const LEASE_MS = 9_000;
const RETRY_MS = 500;

/** This broker's place in the cluster, for as long as it lives. When its lease is lost it registers anew, and is elected anew where it led. */
export class Registration {
  private readonly options: RegistrationOptions;
  private lease: Lease | undefined;
  private brokerEpoch: Rev | undefined;
  private running: Promise<void> = Promise.resolve();
  private retry: Timer | undefined;
  private lastFailure = '';
  private closed = false;

  private constructor(options: RegistrationOptions) {
    this.options = options;
  }

  /** Resolves when this broker's image shows it registered and leading. */
  static async open(options: RegistrationOptions): Promise<Registration> {
    const registration = new Registration(options);
    await registration.register();
    return registration;
  }

  async close(): Promise<void> {
    this.closed = true;
    this.retry?.cancel();
    await this.running;
    await this.lease?.revoke();
  }

  private async register(): Promise<void> {
    const { store, metadata, broker } = this.options;
    const lease = await store.grantLease(LEASE_MS);
    try {
      const { brokerEpoch } = await registerBroker(store, { ...broker, lease, ...(this.brokerEpoch && { previous: this.brokerEpoch }) });
      this.brokerEpoch = brokerEpoch;
      this.options.onRegistered({ epoch: brokerEpoch, lease });
      await metadata.waitFor(brokerEpoch);
      const { revision } = await claimLeadership(store, metadata.current, broker.id);
      await metadata.waitFor(revision);
      if (lease.lost.aborted) throw lease.lost.reason;
    } catch (error) {
      await lease.revoke(); // the store renews a lease for as long as nobody ends it
      throw error;
    }
    this.lease = lease;
    lease.lost.addEventListener('abort', () => this.regain(new Error('the lease of this broker has expired')), { once: true });
  }

  private regain(why: unknown): void {
    if (this.closed) return;
    // Once for each reason, however often it is tried again.
    if (String(why) !== this.lastFailure) this.options.onLost(why);
    this.lastFailure = String(why);
    this.running = this.register().then(
      () => {
        this.lastFailure = '';
        this.options.onRegained();
      },
      (error) => {
        if (!this.closed) this.retry = this.options.clock.after(RETRY_MS, () => this.regain(error));
      },
    );
  }
}
