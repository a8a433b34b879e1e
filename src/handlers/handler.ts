import type { KafkaError } from '../core/errors.ts';
import type { Api, RequestOf, ResponseTo } from '../protocol/schema.ts';

/** The listener through which a connection came in, with the address that the client dialled. */
export interface Arrival {
  readonly listenerName: string;
  /** The local address of the socket, as text. */
  readonly host: string;
  readonly port: number;
}

/** What a handler knows of the request besides its body. */
export interface RequestContext {
  readonly version: number;
  readonly clientId: string;
  /** The client's address, as text. */
  readonly clientHost: string;
  readonly arrival: Arrival;
  /** Aborted when the connection closes: nobody waits for the answer any more. */
  readonly signal: AbortSignal;
  /** Calls `release` once the response's bytes have left, or will never leave: for memory that the response refers to. */
  onSent(release: () => void): void;
  /**
   * Of a Fetch: calls `listener` once when the client's next Fetch stands behind this one on the connection, which answers one at a time; at once
   * when it does already. A replica that sends its next Fetch has something to say that must not wait until this one has waited.
   */
  onNextFetch(listener: () => void): void;
}

/** Answered by a handler when the protocol has no response: Produce with acks=0. */
export const NO_REPLY = Symbol('no reply');
/** Answered by a handler where the only way to tell the client of a failure is to hang up: a failed Produce with acks=0. */
export const HANG_UP = Symbol('hang up');

export type Answer<A> = ResponseTo<A> | typeof NO_REPLY | typeof HANG_UP;

export interface Handling<A> {
  /** Its synchronous part is done before the connection's next request starts. */
  handle(request: RequestOf<A>, context: RequestContext): Answer<A> | Promise<Answer<A>>;
  /** The whole request refused with one error: what is answered when `handle` throws. */
  refuse(request: RequestOf<A>, error: KafkaError, context: RequestContext): Answer<A>;
}

/** One API as this broker serves it: what the registry lists. `N`: the services that it needs. */
export interface HandlerSpec<A = Api, N = never> {
  readonly api: A;
  /** First and last version served, and advertised. */
  readonly versions: readonly [number, number];
  readonly make: (needs: N) => Handling<A>;
}

export function handler<A extends Api, N>(api: A, versions: readonly [number, number], make: (needs: N) => Handling<A>): HandlerSpec<A, N> {
  return { api, versions, make };
}
