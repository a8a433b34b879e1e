import { ERROR_CODES } from '../core/error-codes.ts';
import type { MetadataImage } from '../metadata/image.ts';
import type { Endpoint, Endpoints } from './endpoints.ts';
import type { Arrival } from './handler.ts';

export interface CurrentLeader {
  readonly leaderId: number;
  readonly leaderEpoch: number;
}

/** KIP-951: who leads now, for those who asked the wrong broker, and where those leaders are; gathered for one response. */
export class LeaderHints {
  private readonly image: MetadataImage;
  private readonly endpoints: Endpoints;
  private readonly arrival: Arrival;
  private readonly named = new Map<number, Endpoint>();

  constructor(image: MetadataImage, endpoints: Endpoints, arrival: Arrival) {
    this.image = image;
    this.endpoints = endpoints;
    this.arrival = arrival;
  }

  /** undefined: this error has nothing to do with who leads, or nobody is known to. */
  of(errorCode: number, topic: string, index: number): CurrentLeader | undefined {
    if (errorCode !== ERROR_CODES.NOT_LEADER_OR_FOLLOWER.code && errorCode !== ERROR_CODES.FENCED_LEADER_EPOCH.code) return undefined;
    const partition = this.image.partition(topic, index);
    if (!partition) return undefined;
    const { leader: leaderId, leaderEpoch } = partition;
    const endpoint = leaderId >= 0 ? this.endpoints.broker(leaderId, this.arrival) : undefined;
    if (endpoint) this.named.set(leaderId, endpoint);
    return { leaderId, leaderEpoch };
  }

  /** Of the leaders named so far. */
  nodeEndpoints(): Endpoint[] {
    return [...this.named.values()];
  }
}
