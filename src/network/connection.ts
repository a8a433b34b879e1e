import { setMaxListeners } from 'node:events';
import type { BufferPool } from '../core/bytes.ts';
import type { Clock, Timer } from '../core/clock.ts';
import { asError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { Wire } from '../core/transport.ts';
import { HANG_UP, NO_REPLY } from '../handlers/handler.ts';
import type { Registry } from '../handlers/registry.ts';
import { FrameReader } from '../protocol/frame.ts';
import { Fetch, Produce } from '../protocol/messages/index.ts';
import type { ClientQuotas } from '../security/client-quotas.ts';
import type { ClientWarnings } from './client-warnings.ts';
import { type ConnectionContext, dispatch, type Outcome } from './dispatch.ts';
import { explainFrame, explainUnreadable, type TurnedAway } from './turned-away.ts';

export interface ConnectionOptions {
  readonly registry: Registry;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Of the whole broker, since a client that is turned away comes again in a new connection. */
  readonly warnings: ClientWarnings;
  /** What clients may use of the broker. */
  readonly quotas: ClientQuotas;
  readonly pool: BufferPool;
  readonly listenerName: string;
  /** socket.request.max.bytes */
  readonly maxRequestBytes: number;
  /** connections.max.idle.ms; negative: never closed for being idle. */
  readonly maxIdleMs: number;
  readonly closed: () => void;
}

/** A request and its place in the order of replies. */
interface Slot {
  outcome: Outcome | null;
  replyBytes: number;
  /** Memory that the reply refers to. */
  readonly releases: (() => void)[];
  /** The reply was written, or never will be: nothing waits for a release any more. */
  over: boolean;
}

interface Frame {
  readonly bytes: Buffer;
  readonly release: () => void;
}

/** Requests without a reply that has left: librdkafka pipelines up to 1,000,000; beyond this many the socket is paused. */
export const MAX_IN_FLIGHT = 64;
/** Request bytes under way on one connection before it is paused; a single larger request still passes. */
export const MAX_IN_FLIGHT_BYTES = 32 * 1024 * 1024;
/** Reply bytes that wait for their turn or that the client has not taken yet, before no more of its requests are started. */
export const MAX_UNSENT_BYTES = 8 * 1024 * 1024;
/** Replies gathered in one turn are joined up to this size: one write costs more than copying so little. */
const JOIN_UP_TO_BYTES = 16 * 1024;
/** What is under way when the broker closes a connection may still be answered for so long; what waits longer is waiting for something. */
export const SETTLE_MS = 100;
/** A client that does not take its last replies is cut off after this. */
export const LINGER_MS = 10_000;

/**
 * One client connection: bytes to frames to handlers, replies in the order of the requests, gathered and flushed once per turn of the event
 * loop. Requests start in order; several may wait at once, but what is no Produce waits for the Produces before it, so that it sees what they
 * wrote. What a client may have under way is bounded, then its socket is paused.
 */
export class Connection {
  private readonly wire: Wire;
  private readonly options: ConnectionOptions;
  private readonly frames: FrameReader;
  private readonly context: ConnectionContext;
  private readonly abort = new AbortController();
  private readonly slots: Slot[] = [];
  /** Frames that wait until the bounds allow them; at most what one chunk completes. */
  private readonly held: Frame[] = [];
  /** What the client sent behind the held frames cannot be cut into frames. */
  private unreadable: Error | null = null;
  private inFlightBytes = 0;
  private replyBytes = 0;
  private fetches = 0;
  private produces = 0;
  /** Told when a Fetch is held behind the one under way. */
  private onNextFetch: (() => void) | null = null;
  private paused = false;
  private flushing = false;
  /** A whole frame came: whoever this is, it speaks Kafka's protocol. */
  private hasBegun = false;
  /** No more requests are taken. */
  private ended = false;
  private hungUp = false;
  private lastActiveMs: number;
  private idleTimer: Timer | undefined;
  private endTimer: Timer | undefined;
  /** While it is set the client has used up a quota, and nothing of it is read. */
  private muteTimer: Timer | null = null;
  private mutedUntilMs = 0;

  constructor(wire: Wire, options: ConnectionOptions) {
    this.wire = wire;
    this.options = options;
    this.frames = new FrameReader(options.maxRequestBytes, (length) => options.pool.take(length));
    setMaxListeners(MAX_IN_FLIGHT, this.abort.signal); // each request in flight may wait on it; Node warns from 11 on
    this.context = {
      clientHost: wire.remote.host,
      arrival: { listenerName: options.listenerName, host: wire.local.host, port: wire.local.port },
      signal: this.abort.signal,
      onNextFetch: (listener) => {
        this.onNextFetch = listener;
        this.tellOfNextFetch();
      },
    };
    this.lastActiveMs = options.clock.monotonicMs();
    if (options.maxIdleMs >= 0) this.watchIdle(options.maxIdleMs);
    wire.start({ data: (chunk) => this.received(chunk), drained: () => this.proceed(), closed: (error) => this.closed(error) });
  }

  /** Takes no more requests, lets those under way be answered that do not wait for anything, and closes. */
  close(): void {
    this.ended = true;
    this.slots.push(newSlot(HANG_UP));
    this.flush();
    if (!this.hungUp) this.endTimer ??= this.options.clock.after(SETTLE_MS, () => this.hangUp());
  }

  /** Closes at once: what has not left is lost. */
  destroy(): void {
    this.ended = true;
    this.wire.destroy();
  }

  private received(chunk: Uint8Array): void {
    if (this.ended || this.unreadable) return;
    this.lastActiveMs = this.options.clock.monotonicMs();
    try {
      this.frames.push(chunk, (bytes, release) => void this.held.push({ bytes, release }));
    } catch (error) {
      this.unreadable = asError(error);
    }
    this.proceed();
  }

  /** Starts the frames that are held, as far as the bounds allow. */
  private proceed(): void {
    while (!this.ended && this.held.length > 0 && !this.mustWait(this.held[0]!.bytes)) this.begin(this.held.shift()!);
    if (!this.ended && this.unreadable && this.held.length === 0) {
      const slot = newSlot();
      this.slots.push(slot);
      this.refuse(slot, this.unreadable, explainUnreadable(this.unreadable, !this.hasBegun, this.options.maxRequestBytes));
    }
    this.tellOfNextFetch();
    const pause = this.held.length > 0 || this.mustWait();
    if (pause === this.paused || this.ended) return;
    this.paused = pause;
    if (pause) this.wire.pause();
    else this.wire.resume();
  }

  private tellOfNextFetch(): void {
    const { onNextFetch, held } = this;
    if (!onNextFetch || held.length === 0 || apiKeyOf(held[0]!.bytes) !== Fetch.key) return;
    this.onNextFetch = null;
    onNextFetch();
  }

  private mustWait(next?: Buffer): boolean {
    if (this.muteTimer || this.slots.length >= MAX_IN_FLIGHT || this.inFlightBytes >= MAX_IN_FLIGHT_BYTES) return true;
    // A Fetch may read fetch.max.bytes: were several read at once, their replies could fill the memory before one of them is too many.
    if (this.fetches > 0 && next && apiKeyOf(next) === Fetch.key) return true;
    if (this.produces > 0 && next && apiKeyOf(next) !== Produce.key) return true;
    return this.replyBytes + this.wire.unsentBytes() > MAX_UNSENT_BYTES;
  }

  private begin({ bytes, release }: Frame): void {
    const slot = newSlot();
    this.hasBegun = true;
    const requestBytes = bytes.byteLength;
    const apiKey = apiKeyOf(bytes);
    this.slots.push(slot);
    this.inFlightBytes += requestBytes;
    if (apiKey === Fetch.key) this.fetches++;
    if (apiKey === Produce.key) this.produces++;
    const done = (outcome: Outcome, throttleMs: number) => {
      if (throttleMs > 0) this.mute(throttleMs);
      if (apiKey === Produce.key) {
        this.produces--;
        release(); // Only Produce frames go back to the pool: nobody keeps a view of them when the request is done.
      }
      if (apiKey === Fetch.key) this.fetchOver();
      this.inFlightBytes -= requestBytes;
      this.finished(slot, outcome);
    };
    const onSent = (sent: () => void) => {
      if (slot.over) sent();
      else slot.releases.push(sent);
    };
    try {
      dispatch(this.options, bytes, this.context, onSent, done);
    } catch (error) {
      this.inFlightBytes -= requestBytes;
      if (apiKey === Fetch.key) this.fetchOver();
      if (apiKey === Produce.key) this.produces--;
      this.refuse(slot, error, explainFrame(error, bytes, this.options.registry));
      release();
    }
  }

  /** KIP-219: what the client was answered leaves at once; what it sends is not looked at for so long. Of several times the last to end holds. */
  private mute(ms: number): void {
    const untilMs = this.options.clock.monotonicMs() + ms;
    if (untilMs <= this.mutedUntilMs) return;
    this.mutedUntilMs = untilMs;
    this.muteTimer?.cancel();
    this.muteTimer = this.options.clock.after(ms, () => {
      this.muteTimer = null;
      this.proceed();
    });
  }

  private fetchOver(): void {
    this.fetches--;
    this.onNextFetch = null;
  }

  private finished(slot: Slot, outcome: Outcome): void {
    if (slot.over) return;
    slot.outcome = outcome;
    if (outcome === HANG_UP) this.ended = true;
    if (typeof outcome !== 'symbol') for (const chunk of outcome) slot.replyBytes += chunk.byteLength;
    this.replyBytes += slot.replyBytes;
    this.flushSoon();
  }

  private flushSoon(): void {
    if (this.flushing) return;
    this.flushing = true;
    this.options.clock.soon(() => {
      this.flushing = false;
      this.flush();
      this.proceed();
    });
  }

  /** Writes the replies at the head of the order that are ready. */
  private flush(): void {
    let chunks: Uint8Array[] = [];
    let bytes = 0;
    const releases: (() => void)[] = [];
    let hangUp = false;
    while (this.slots.length > 0 && !hangUp) {
      const { outcome, releases: own, replyBytes } = this.slots[0]!;
      if (outcome === null) break;
      this.slots.shift()!.over = true;
      releases.push(...own);
      bytes += replyBytes;
      if (outcome === HANG_UP) hangUp = true;
      else if (outcome !== NO_REPLY) chunks.push(...outcome);
    }
    this.replyBytes -= bytes;
    if (chunks.length > 1 && bytes <= JOIN_UP_TO_BYTES) chunks = [Buffer.concat(chunks, bytes)];
    if (chunks.length > 0) {
      this.lastActiveMs = this.options.clock.monotonicMs();
      this.wire.write(chunks, releases.length > 0 ? () => callAll(releases) : undefined);
    } else callAll(releases);
    if (hangUp) this.hangUp();
  }

  /** What cannot be understood ends the connection, after the replies to what came before: the client's later bytes have no meaning. */
  private refuse(slot: Slot, error: unknown, { reason, what }: TurnedAway): void {
    const { logger, warnings, listenerName } = this.options;
    const { host, port } = this.wire.remote;
    const client = `${host.includes(':') ? `[${host}]` : host}:${port}`;
    const fields = { client, listener: listenerName };
    logger.debug({ ...fields, err: error }, 'closing a connection that sent what cannot be served');
    warnings.warn(host, reason, fields, `${client} ${what}`);
    this.ended = true;
    slot.outcome = HANG_UP;
    this.flushSoon();
  }

  /** Closes behind what was written; later replies never leave. */
  private hangUp(): void {
    if (this.hungUp) return;
    this.hungUp = true;
    this.ended = true;
    this.dropAll();
    this.wire.close();
    this.endTimer?.cancel();
    this.endTimer = this.options.clock.after(LINGER_MS, () => this.wire.destroy());
  }

  private dropAll(): void {
    for (const slot of this.slots.splice(0)) {
      slot.over = true;
      callAll(slot.releases);
    }
    this.replyBytes = 0;
    for (const { release } of this.held.splice(0)) release();
    this.frames.discard();
    this.abort.abort();
  }

  private watchIdle(ms: number): void {
    this.idleTimer = this.options.clock.after(ms, () => {
      const { clock, maxIdleMs } = this.options;
      const idleMs = clock.monotonicMs() - this.lastActiveMs;
      if (idleMs >= maxIdleMs && this.slots.length === 0) this.close();
      else this.watchIdle(Math.max(maxIdleMs - idleMs, 1000));
    });
  }

  private closed(error: Error | null): void {
    this.ended = true;
    this.hungUp = true;
    this.idleTimer?.cancel();
    this.endTimer?.cancel();
    this.muteTimer?.cancel();
    if (error) this.options.logger.debug({ err: error, client: this.context.clientHost }, 'a connection broke');
    this.dropAll();
    this.options.closed();
  }
}

const newSlot = (outcome: Outcome | null = null): Slot => ({ outcome, replyBytes: 0, releases: [], over: false });

/** -1: too short to have one. */
const apiKeyOf = (frame: Buffer): number => (frame.byteLength >= 2 ? frame.readInt16BE(0) : -1);

function callAll(calls: readonly (() => void)[]): void {
  for (const call of calls) call();
}
