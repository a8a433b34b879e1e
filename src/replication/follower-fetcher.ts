import { Connection } from '../client/connection.ts';
import type { BrokerConfig } from '../config.ts';
import type { BufferPool } from '../core/bytes.ts';
import type { Clock, Timer } from '../core/clock.ts';
import { errorNameOf } from '../core/error-codes.ts';
import type { Logger } from '../core/logger.ts';
import { safetyRules } from '../core/safety-rules.ts';
import type { Address, Transport } from '../core/transport.ts';
import { Fetch } from '../protocol/messages/fetch.ts';
import type { FollowedPartition } from './followed-partition.ts';
import { DelayedSlots } from './follower-delays.ts';
import { type FetchRequest, type FetchResponse, FollowerIntake, recordBytes } from './follower-intake.ts';
import { FollowerSession, type Slot } from './follower-session.ts';

export interface FetcherServices {
  readonly nodeId: number;
  /** KIP-903: of the registration in force; negative: this broker is not registered, and fetches nothing. */
  readonly brokerEpoch: () => number;
  readonly clock: Clock;
  readonly transport: Transport;
  /** Memory for responses. */
  readonly pool: BufferPool;
  readonly logger: Logger;
  readonly config: () => BrokerConfig;
  /** Where brokers reach this broker now; undefined: it is not known. */
  readonly addressOf: (nodeId: number) => Address | undefined;
}

/** v17: topic ids, broker epoch. v18 adds what a session tells anyway. */
const VERSION = 17;
/** One that waits at the leader, and one behind it that ends its wait. */
const MAX_IN_FLIGHT = 2;
/** First pause before a lost connection is tried again; it doubles up to replica.fetch.backoff.ms. */
const RECONNECT_MS = 20;
const CONNECT_TIMEOUT_MS = 2000;
/** Where the leader has no room for a session, news cannot overtake a request that waits. */
const WAIT_WITHOUT_SESSION_MS = 50;

/**
 * Fetches what this broker follows of one leader, over one connection.
 *
 * One request waits at the leader for records. As soon as there is news for it (a write has finished, one more partition is followed), the next one is
 * sent behind it, which ends its wait: so a partition whose write takes long holds up no other, and comes back at once. What is asked for and what is
 * not written yet is bounded by twice replica.fetch.response.max.bytes, and one larger batch.
 */
export class FollowerFetcher {
  private readonly leaderId: number;
  private readonly services: FetcherServices;
  private readonly session = new FollowerSession();
  private readonly delays: DelayedSlots;
  private readonly intake: FollowerIntake;
  private connection: Connection | null = null;
  private connecting = false;
  /** Broker epoch under which `connection` was opened. */
  private connectedEpoch = -1;
  /** Sent over `connection` and not answered, in order. */
  private inFlight: FetchRequest[] = [];
  private requests = 0;
  private bytes = 0;
  private scheduled = false;
  private failures = 0;
  private retry: Timer | null = null;
  private closed = false;

  constructor(leaderId: number, services: FetcherServices) {
    this.leaderId = leaderId;
    this.services = services;
    this.delays = new DelayedSlots(services.clock, (slot) => this.touch(slot));
    this.intake = new FollowerIntake({
      clock: services.clock,
      logger: services.logger,
      session: this.session,
      failed: (slot) => this.delays.delay(slot, services.config().int('replica.fetch.backoff.ms')),
      changed: () => this.schedule(),
      finished: ({ bytes, release }) => {
        this.bytes -= bytes;
        release();
      },
    });
  }

  /** Bytes that are asked for, or came and are not written yet. */
  get heldBytes(): number {
    return this.bytes;
  }
  /** It follows nothing. */
  get isIdle(): boolean {
    return this.session.followed === 0;
  }

  /** ... and what it has asked for does not count any more. */
  private get isDone(): boolean {
    return this.isIdle && (safetyRules.dropStaleResponses || this.inFlight.length === 0);
  }

  follow(partition: FollowedPartition): void {
    this.delays.forget(this.session.follow(partition));
    this.retry?.cancel(); // what is known of the cluster changed: the leader may be back, or elsewhere
    this.retry = null;
    this.schedule();
  }

  unfollow(partition: FollowedPartition): void {
    const slot = this.session.unfollow(partition);
    if (slot) this.delays.forget(slot);
    if (slot && this.isIdle) this.schedule();
  }

  close(): void {
    this.closed = true;
    this.delays.close();
    this.retry?.cancel();
    this.disconnect();
  }

  private touch(slot: Slot): void {
    this.session.touch(slot);
    this.schedule();
  }

  /** What happens in one turn of the loop is told to the leader at once: small writes finish in the turn that brought them. */
  private schedule(): void {
    if (this.scheduled || this.closed) return;
    this.scheduled = true;
    this.services.clock.soon(() => {
      this.scheduled = false;
      this.proceed();
    });
  }

  private proceed(): void {
    if (this.closed || this.intake.isBusy) return;
    const brokerEpoch = this.services.brokerEpoch();
    // What was asked for under an earlier registration does not count, and the leader must not take it for ours.
    if (this.connection && (this.isDone || brokerEpoch !== this.connectedEpoch)) this.disconnect();
    if (this.isIdle || brokerEpoch < 0) return;
    if (this.connection) this.send(this.connection);
    else if (!this.connecting && !this.retry) this.connect(brokerEpoch);
  }

  private send(connection: Connection): void {
    const { session, inFlight } = this;
    const oneWaits = inFlight.length > 0;
    if (inFlight.length >= MAX_IN_FLIGHT || (oneWaits && !session.isOpen)) return;
    const config = this.services.config();
    const budget = Math.max(config.int('replica.fetch.response.max.bytes'), 1);
    const maxBytes = Math.min(budget, 2 * budget - this.bytes);
    if (this.bytes > 0 && maxBytes < budget / 4) return; // goes on when something is written
    const begins = !session.isOpen;
    const part = session.next(this.requests + 1, config.int('replica.fetch.max.bytes'), oneWaits);
    if (!part) return;
    const request: FetchRequest = { number: ++this.requests, begins, bytes: maxBytes, unfinished: 1, release: () => {} };
    this.bytes += maxBytes;
    inFlight.push(request);
    const maxWaitMs = this.waitMs(begins);
    const replicaState = { replicaId: this.services.nodeId, replicaEpoch: this.connectedEpoch };
    const body = { replicaState, maxWaitMs, minBytes: config.int('replica.fetch.min.bytes'), maxBytes, ...part };
    connection.requestLent(Fetch, VERSION, body, maxWaitMs + config.int('replica.socket.timeout.ms')).then(
      ({ response, release }) => {
        request.release = release;
        this.received(connection, request, response);
      },
      (error: Error) => this.lost(connection, error),
    );
  }

  private waitMs(begins: boolean): number {
    const maxWaitMs = this.services.config().int('replica.fetch.wait.max.ms');
    if (!begins) return maxWaitMs;
    return this.session.isRefused ? Math.min(maxWaitMs, WAIT_WITHOUT_SESSION_MS) : 0; // nothing can be sent behind it before its session is known
  }

  private received(connection: Connection, request: FetchRequest, response: FetchResponse): void {
    if (this.connection !== connection || this.inFlight[0] !== request) return; // of an earlier session
    if (this.services.brokerEpoch() !== this.connectedEpoch && safetyRules.dropStaleResponses) {
      this.disconnect();
      this.schedule();
      return;
    }
    const { session } = this;
    if (response.errorCode !== 0 || (!request.begins && !session.isMine(response.sessionId))) {
      this.refused(connection, response.errorCode);
      return;
    }
    this.inFlight.shift();
    if (request.begins) session.opened(response.sessionId);
    // A session that begins well may be gone when it is first used: were that no failure, it would be begun again and again without a pause.
    if (!request.begins || session.isRefused) this.failures = 0;
    const bytes = recordBytes(response);
    this.bytes += bytes - request.bytes;
    request.bytes = bytes;
    this.intake.push(request, response);
  }

  /** The leader has dropped the session, or takes no fetch of ours now. */
  private refused(connection: Connection, errorCode: number): void {
    const error = errorNameOf(errorCode);
    const isSession = errorCode === 0 || error === 'FETCH_SESSION_ID_NOT_FOUND' || error === 'INVALID_FETCH_SESSION_EPOCH';
    if (!isSession && this.failures === 0) this.services.logger.warn({ leader: this.leaderId, error }, 'a leader refuses to be followed');
    if (isSession && this.failures === 0) {
      this.failures = 1;
      this.dropRequests();
      this.schedule();
    } else this.lost(connection, new Error(error));
  }

  private connect(brokerEpoch: number): void {
    const { clock, transport, pool, nodeId, config } = this.services;
    const address = this.services.addressOf(this.leaderId);
    if (!address) {
      this.retryLater();
      return;
    }
    this.connecting = true;
    const options = {
      pool,
      clientId: `broker-${nodeId}-fetcher-0`,
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
      requestTimeoutMs: config().int('replica.socket.timeout.ms'),
      maxInFlight: 2 * MAX_IN_FLIGHT, // those of a session that was dropped may still be waiting
    };
    Connection.open(transport, clock, address, options).then(
      (connection) => {
        this.connecting = false;
        this.connected(connection, brokerEpoch);
      },
      (error: Error) => {
        this.connecting = false;
        this.services.logger.debug({ leader: this.leaderId, error: error.message }, 'a leader cannot be reached');
        this.retryLater();
      },
    );
  }

  private connected(connection: Connection, brokerEpoch: number): void {
    if (this.closed) {
      connection.close();
      return;
    }
    this.connection = connection;
    this.connectedEpoch = brokerEpoch;
    connection.closed.then((reason) => this.lost(connection, reason));
    this.schedule();
  }

  private lost(connection: Connection, reason: Error): void {
    if (this.connection !== connection) return;
    this.services.logger.debug({ leader: this.leaderId, error: reason.message }, 'the connection to a leader is lost');
    this.disconnect();
    this.retryLater();
  }

  private disconnect(): void {
    const { connection } = this;
    this.connection = null;
    connection?.close();
    this.dropRequests();
  }

  /** What is under way does not count any more, and the leader is to begin a new session. */
  private dropRequests(): void {
    for (const { bytes } of this.inFlight.splice(0)) this.bytes -= bytes;
    this.intake.clear();
    this.session.restart();
  }

  private retryLater(): void {
    if (this.closed || this.retry || this.isIdle) return;
    const longestMs = this.services.config().int('replica.fetch.backoff.ms');
    const ms = Math.min(longestMs, RECONNECT_MS * 2 ** Math.min(this.failures++, 20));
    this.retry = this.services.clock.after(ms, () => {
      this.retry = null;
      this.schedule();
    });
  }
}
