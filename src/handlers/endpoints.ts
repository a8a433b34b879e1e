import type { BrokerConfig } from '../config.ts';
import type { BrokerImage, MetadataImage } from '../metadata/image.ts';
import type { MetadataFeed } from '../metadata/image-feed.ts';
import type { Arrival } from './handler.ts';

/** A broker as a client should dial it. */
export interface Endpoint {
  readonly nodeId: number;
  readonly host: string;
  readonly port: number;
  readonly rack: string | null;
}

const LOOPBACK = /^(127\.\d+\.\d+\.\d+|::1)$/;

/**
 * Where clients find the brokers: one place for Metadata, FindCoordinator, DescribeCluster and the node endpoints of Produce and Fetch.
 * Without advertised.listeners a client is told the host at which it arrived (loopback as `localhost`), which it evidently can reach, and for
 * each broker the port of the listener by whose name it came.
 */
export class Endpoints {
  private readonly nodeId: number;
  private readonly metadata: MetadataFeed;
  private readonly config: () => BrokerConfig;

  constructor(nodeId: number, metadata: MetadataFeed, config: () => BrokerConfig) {
    this.nodeId = nodeId;
    this.metadata = metadata;
    this.config = config;
  }

  /** All live brokers, by id. Never empty: this one is alive. */
  brokers(arrival: Arrival): Endpoint[] {
    const live = [...this.metadata.current.brokers.values()].sort((a, b) => a.id - b.id);
    if (!live.some(({ id }) => id === this.nodeId))
      return [this.self(arrival), ...live.flatMap((broker) => this.endpointOf(broker, arrival) ?? [])];
    return live.flatMap((broker) => this.endpointOf(broker, arrival) ?? []);
  }

  /** undefined: not alive, or without a listener of that name. */
  broker(nodeId: number, arrival: Arrival): Endpoint | undefined {
    const live = this.metadata.current.brokers.get(nodeId);
    if (!live) return nodeId === this.nodeId ? this.self(arrival) : undefined;
    return this.endpointOf(live, arrival);
  }

  /** Whether a client that arrived there can be sent to this broker; costs nothing. */
  isReachable(nodeId: number, arrival: Arrival): boolean {
    if (nodeId === this.nodeId) return true;
    return this.metadata.current.brokers.get(nodeId)?.listeners.some(({ name }) => name === arrival.listenerName) ?? false;
  }

  isAlive(nodeId: number): boolean {
    return nodeId === this.nodeId || this.metadata.current.brokers.has(nodeId);
  }

  /** This broker, as the client that arrived there should dial it. */
  self(arrival: Arrival): Endpoint {
    const advertised = this.config().advertisedListeners.find(({ name }) => name === arrival.listenerName);
    const { host, port } = advertised ?? { host: dialled(arrival.host), port: arrival.port };
    return { nodeId: this.nodeId, host, port, rack: this.config().string('broker.rack') };
  }

  /** Brokers that were registered once and are not alive, by id. Without a listener of that name they are nowhere: host empty, port -1. */
  fenced(arrival: Arrival): Endpoint[] {
    const { brokers, knownBrokers } = this.metadata.current;
    return [...knownBrokers.values()]
      .filter(({ id }) => id !== this.nodeId && !brokers.has(id))
      .sort((a, b) => a.id - b.id)
      .map((known) => this.endpointOf({ ...known, listeners: known.listeners ?? [] }, arrival) ?? nowhere(known));
  }

  private endpointOf({ id, listeners, rack }: Pick<BrokerImage, 'id' | 'listeners' | 'rack'>, arrival: Arrival): Endpoint | undefined {
    if (id === this.nodeId) return this.self(arrival);
    const listener = listeners.find(({ name }) => name === arrival.listenerName);
    if (!listener) return undefined;
    const { host, port } = listener.advertised ?? { host: dialled(arrival.host), port: listener.port };
    return { nodeId: id, host, port, rack };
  }
}

/** The broker that moves leaders, if it is alive; else this one, for any broker carries out what an admin asks for. */
export function controllerOf({ controller, brokers }: MetadataImage, nodeId: number): number {
  return controller && brokers.has(controller.brokerId) ? controller.brokerId : nodeId;
}

function nowhere({ id, rack }: Pick<BrokerImage, 'id' | 'rack'>): Endpoint {
  return { nodeId: id, host: '', port: -1, rack };
}

function dialled(host: string): string {
  return LOOPBACK.test(host) ? 'localhost' : host;
}
