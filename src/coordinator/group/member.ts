import type { ErrorName } from '../../core/error-codes.ts';

/** One way of sharing out the work that a member knows, with what it tells the leader for it. Opaque to the broker. */
export interface MemberProtocol {
  readonly name: string;
  readonly metadata: Buffer;
}

/** What JoinGroup answers. */
export interface JoinReply {
  readonly error: ErrorName;
  readonly memberId: string;
  readonly generationId: number;
  readonly protocolType: string | null;
  readonly protocolName: string | null;
  readonly leader: string;
  readonly skipAssignment: boolean;
  /** For the leader alone: everybody, with the metadata of the chosen protocol. */
  readonly members: readonly { readonly memberId: string; readonly groupInstanceId: string | null; readonly metadata: Buffer }[];
}

/** What SyncGroup answers. */
export interface SyncReply {
  readonly error: ErrorName;
  readonly protocolType: string | null;
  readonly protocolName: string | null;
  readonly assignment: Buffer;
}

/** Answers a waiting request. Called once. */
export type Park<Reply> = (reply: Reply) => void;

export const sessionKey = (memberId: string): string => `session:${memberId}`;

export function failedJoin(error: ErrorName, memberId: string): JoinReply {
  return { error, memberId, generationId: -1, protocolType: null, protocolName: null, leader: '', skipAssignment: false, members: [] };
}

export function failedSync(error: ErrorName): SyncReply {
  return { error, protocolType: null, protocolName: null, assignment: Buffer.alloc(0) };
}

export interface MemberOptions {
  readonly id: string;
  readonly groupInstanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  readonly protocols: readonly MemberProtocol[];
  readonly assignment?: Buffer;
}

/** One consumer in a group. Its waiting requests are changed through the group, which counts them. */
export class Member {
  readonly id: string;
  /** Name of the timer that ends its session. */
  readonly sessionKey: string;
  /** A static member (KIP-345) keeps its place in the group across restarts under this name. */
  readonly groupInstanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  sessionTimeoutMs: number;
  rebalanceTimeoutMs: number;
  protocols: readonly MemberProtocol[];
  assignment: Buffer;
  /** Has not been told yet that it is a member. */
  isNew = false;
  join: Park<JoinReply> | null = null;
  sync: Park<SyncReply> | null = null;

  constructor(options: MemberOptions) {
    this.id = options.id;
    this.sessionKey = sessionKey(options.id);
    this.groupInstanceId = options.groupInstanceId;
    this.clientId = options.clientId;
    this.clientHost = options.clientHost;
    this.sessionTimeoutMs = options.sessionTimeoutMs;
    this.rebalanceTimeoutMs = options.rebalanceTimeoutMs;
    this.protocols = options.protocols;
    this.assignment = options.assignment ?? Buffer.alloc(0);
  }

  metadataFor(protocolName: string | null): Buffer {
    return this.protocols.find((protocol) => protocol.name === protocolName)?.metadata ?? Buffer.alloc(0);
  }

  /** Whether these are the protocols it has, in the same order and with the same metadata. */
  hasProtocols(protocols: readonly MemberProtocol[]): boolean {
    return (
      protocols.length === this.protocols.length &&
      protocols.every(({ name, metadata }, i) => name === this.protocols[i]!.name && metadata.equals(this.protocols[i]!.metadata))
    );
  }
}
