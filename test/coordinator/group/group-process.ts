import type { ErrorName } from '../../../src/core/error-codes.ts';
import { KafkaError } from '../../../src/core/errors.ts';

export const SHORT_SESSION_MS = 6000;
export const LONG_SESSION_MS = 10_000;
export const REBALANCE_MS = 15_000;
export const PARTITIONS = 6;

/** What a leader gives a member: which assignment it is part of, for whom, and what it may read. */
export interface Share {
  readonly token: string;
  readonly generation: number;
  /** Instance id, or member id of a dynamic member. */
  readonly owner: string;
  readonly partitions: readonly number[];
}

/** A consumer process: what it was told, and when it last gave a sign of life. */
export class Process {
  readonly instance: string | null;
  readonly requireKnownMemberId: boolean;
  memberId = '';
  generation = -1;
  leader = '';
  members: readonly { readonly memberId: string; readonly groupInstanceId: string | null }[] = [];
  phase: 'out' | 'joined' | 'working' = 'out';
  /** Requests that wait for an answer. */
  parked = 0;
  /** Monotonic: of the last answer that says it is a member, from which the coordinator that gave it owes it a session. */
  assuredMs = Number.NEGATIVE_INFINITY;
  /** Monotonic: of the last request or answer of any kind. */
  touchedMs = 0;
  /** Monotonic: when it was told of its generation. */
  joinedMs = 0;
  /** The coordinator that it was last assured by. */
  era = -1;
  connection = new AbortController();

  constructor(instance: string | null, requireKnownMemberId: boolean) {
    this.instance = instance;
    this.requireKnownMemberId = requireKnownMemberId;
  }

  /** What the leader of a generation shares out: partitions among the members that it was told of. */
  shares(token: string): { memberId: string; assignment: Buffer }[] {
    return this.members.map(({ groupInstanceId, memberId }, i) => {
      const partitions = Array.from({ length: PARTITIONS }, (_, p) => p).filter((p) => p % this.members.length === i);
      const share: Share = { token, generation: this.generation, owner: groupInstanceId ?? memberId, partitions };
      return { memberId, assignment: Buffer.from(JSON.stringify(share)) };
    });
  }

  out(): void {
    this.phase = 'out';
  }
}

/** Waits for what a request is answered. What `then` finds wrong, and an error that is no answer, goes to `failures`. */
export function whenAnswered<T>(promise: Promise<T>, failures: unknown[], then: (reply: T | null, error: ErrorName) => void): void {
  promise
    .then(
      (reply) => then(reply, errorOf(reply)),
      (error) => {
        if (!(error instanceof KafkaError)) throw error;
        then(null, error.errorName);
      },
    )
    .catch((failure) => failures.push(failure));
}

function errorOf(reply: unknown): ErrorName {
  return typeof reply === 'object' && reply !== null && 'error' in reply ? (reply.error as ErrorName) : 'NONE';
}
