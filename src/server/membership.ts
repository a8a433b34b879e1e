import type { BrokerConfig } from '../config.ts';
import type { Clock } from '../core/clock.ts';
import type { Files } from '../core/files.ts';
import type { Logger } from '../core/logger.ts';
import type { Transport } from '../core/transport.ts';
import { handOver } from '../metadata/controlled-shutdown.ts';
import { Controller } from '../metadata/controller.ts';
import type { MetadataFeed } from '../metadata/image-feed.ts';
import { Liveness } from '../metadata/liveness.ts';
import { LogEnds } from '../metadata/log-ends.ts';
import { type FailedDisks, OfflineReplicas, offlineReplicas } from '../metadata/offline-replicas.ts';
import { type Registered, Registration } from '../metadata/registration.ts';
import type { MetadataStore } from '../metadata/store.ts';
import type { ListenerValue } from '../metadata/values.ts';
import type { LiveRegistration } from '../replication/partition-services.ts';
import type { ReplicaManager } from '../replication/replica-manager.ts';
import type { DiskIdentity } from '../storage/disk-identity.ts';

export interface MembershipOptions {
  readonly nodeId: number;
  readonly config: () => BrokerConfig;
  readonly store: MetadataStore;
  readonly metadata: MetadataFeed;
  readonly clock: Clock;
  readonly files: Files;
  readonly transport: Transport;
  readonly logger: Logger;
  readonly replicas: Pick<ReplicaManager, 'endOf' | 'registrationChanged' | 'extent' | 'isOffline' | 'onDiskFailure'>;
  readonly disk: DiskIdentity;
  /** See FailedDisks. */
  readonly lost: FailedDisks['lost'];
  readonly listeners: readonly { readonly name: string; readonly host: string; readonly port: number }[];
  /** Where the brokers of this machine meet; null: there are no others. */
  readonly directory: string | null;
}

/** Longer than it takes to move 10,000 leaders, shorter than whoever stops a broker waits. */
const HAND_OVER_MS = 10_000;

/** This broker's part in the cluster: its registration, its watch over the others, and the controller, which it is when it is elected. */
export class Membership {
  private readonly options: MembershipOptions;
  private liveness: Liveness | undefined;
  private registration: Registration | undefined;
  private registered: Registered | undefined;
  private live: LiveRegistration | null = null;
  private controller: Controller | undefined;
  private logEnds: LogEnds | undefined;
  private offline: OfflineReplicas | undefined;
  private unsubscribe = () => {};

  constructor(options: MembershipOptions) {
    this.options = options;
  }

  /** null: this broker is not registered at the moment. Asked with each read and write. */
  get current(): LiveRegistration | null {
    return this.live;
  }

  /** Resolves when this broker is registered and, where it is the controller, has elected what it can. */
  async join(): Promise<void> {
    const { store, metadata, clock, logger, config, nodeId, replicas } = this.options;
    const disks = this.disks();
    this.liveness = await this.openLiveness();
    this.registration = await this.register(disks);
    const registered = () => this.registered;
    this.logEnds = new LogEnds({
      ...{ store, metadata, clock, logger, nodeId, registered },
      endOf: (topic, partition) => replicas.endOf(topic, partition),
    });
    const offline = new OfflineReplicas({ store, metadata, clock, logger, nodeId, registered, disks });
    this.offline = offline;
    replicas.onDiskFailure = () => offline.kick();
    const controller = new Controller({ store, metadata, clock, logger, nodeId, config, registered });
    this.controller = controller;
    if (this.liveness) this.watchPeers(this.liveness, controller);
    await controller.settled();
  }

  /** The others take over what this broker leads, if they can. */
  async handOver(): Promise<void> {
    const { store, metadata, clock, logger, config, nodeId } = this.options;
    if (!config().bool('controlled.shutdown.enable')) return;
    const registered = () => this.registered;
    const done = await handOver({ store, metadata, clock, nodeId, registered, timeoutMs: HAND_OVER_MS });
    if (!done) logger.warn({}, 'this broker stops before others have taken over all that it leads');
  }

  async close(): Promise<void> {
    this.unsubscribe();
    await this.controller?.close();
    await this.logEnds?.close();
    await this.offline?.close();
    await this.registration?.close();
    await this.liveness?.close();
  }

  private async openLiveness(): Promise<Liveness | undefined> {
    const { transport, clock, files, directory, nodeId: id } = this.options;
    if (directory === null) return undefined;
    return Liveness.open({ transport, clock, files, directory, id, epoch: () => this.registered?.epoch ?? -1 });
  }

  private disks(): FailedDisks {
    const { replicas, lost } = this.options;
    return {
      get extent() {
        return replicas.extent;
      },
      isOffline: (topic, partition) => replicas.isOffline(topic, partition),
      lost,
    };
  }

  private register(disks: FailedDisks): Promise<Registration> {
    const { store, metadata, clock, logger, config, nodeId, replicas, disk, listeners } = this.options;
    const changed = (now: Registered | undefined) => {
      this.registered = now;
      this.live = now ? { epoch: now.epoch, validUntil: () => now.lease.validUntil() } : null;
      replicas.registrationChanged();
      this.logEnds?.kick();
      this.offline?.kick();
      this.controller?.kick();
    };
    return Registration.open({
      store,
      metadata,
      clock,
      disk,
      offline: (image, generation) => offlineReplicas(image, nodeId, disks, generation),
      leaseMs: config().int('broker.session.timeout.ms'),
      broker: {
        id: nodeId,
        rack: config().string('broker.rack'),
        liveness: this.liveness?.address ?? null,
        listeners: listeners.map((listener) => ({ ...listener, securityProtocol: 'PLAINTEXT', ...advertisedAs(listener.name, config()) })),
      },
      onLost: (error) => {
        logger.warn({ err: error }, 'the registration of this broker was lost, as after a long pause; registering anew');
        changed(undefined);
      },
      onRegistered: (now) => {
        if (this.registration) logger.info({}, 'this broker is registered again');
        changed(now);
      },
      onFailure: (error) => logger.warn({ err: error }, 'this broker cannot register again yet'),
    });
  }

  /** Metadata-store rule 10. */
  private watchPeers(liveness: Liveness, controller: Controller): void {
    const { metadata } = this.options;
    const watch = () =>
      liveness.watch([...metadata.current.brokers.values()].map(({ id, epoch, liveness: address }) => ({ id, epoch, address })));
    liveness.onDead = (id, epoch) => controller.brokerDied(id, epoch);
    this.unsubscribe = metadata.onChange((_image, { brokers }) => {
      if (brokers.length > 0) watch();
    });
    watch();
  }
}

function advertisedAs(listenerName: string, { advertisedListeners }: BrokerConfig): Pick<ListenerValue, 'advertised'> {
  const found = advertisedListeners.find(({ name }) => name === listenerName);
  return found ? { advertised: { host: found.host, port: found.port } } : {};
}
