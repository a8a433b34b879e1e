import type { BufferPool } from '../core/bytes.ts';
import type { Clock, Timer } from '../core/clock.ts';
import type { Logger } from '../core/logger.ts';
import type { Wire } from '../core/transport.ts';
import { HANG_UP, NO_REPLY } from '../handlers/handler.ts';
import type { Registry } from '../handlers/registry.ts';
import { FrameReader } from '../protocol/frame.ts';
import { type ConnectionContext, dispatch, type Outcome } from './dispatch.ts';

export interface ConnectionOptions {
  readonly registry: Registry;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly pool: BufferPool;
  readonly listenerName: string;
  /** socket.request.max.bytes */
  readonly maxRequestBytes: number;
  /** connections.max.idle.ms */
  readonly maxIdleMs: number;
  readonly closed: () => void;
}

/** A request under way: its place in the order of replies. */
interface Slot {
  outcome: Outcome | null;
  bytes: number;
  releases: (() => void)[];
}

/** librdkafka pipelines up to 1,000,000 requests; beyond this many the socket is paused until replies have left. */
export const MAX_IN_FLIGHT = 64;
/** Request bytes under way on one connection before it is paused; a single larger request still passes. */
export const MAX_IN_FLIGHT_BYTES = 32 * 1024 * 1024;
/** Reply bytes that a client has not taken yet before no more of its requests are started. */
export const MAX_UNSENT_BYTES = 8 * 1024 * 1024;
/** Replies gathered in one turn are joined up to this size: one write costs more than copying so little. */
const JOIN_UP_TO_BYTES = 16 * 1024;
/** Only Produce frames go through the pool: nobody keeps a view of them when the request is done. */
const PRODUCE_KEY = 0;

/**
 * One client connection: bytes to frames to handlers, replies in the order of the requests, gathered and flushed once per turn of the event
 * loop. Requests start in order; several may wait at once. What a client may have under way is bounded, then its socket is paused.
 */
export class Connection {
  private readonly wire: Wire;
  private readonly options: ConnectionOptions;
  private readonly frames: FrameReader;
  private readonly context: ConnectionContext;
  private readonly abort = new AbortController();
  private readonly slots: Slot[] = [];
  /** Frames received before the socket could be paused; at most what one chunk holds. */
  private readonly held: { bytes: Buffer; release: () => void }[] = [];
  private inFlight = 0;
  private inFlightBytes = 0;
  private paused = false;
  private flushing = false;
  private ended = false;
  private lastActiveMs: number;
  private idleTimer: Timer;

  constructor(wire: Wire, options: ConnectionOptions) {
    this.wire = wire;
    this.options = options;
    this.frames = new FrameReader(options.maxRequestBytes, (length) => options.pool.take(length));
    this.context = {
      clientHost: wire.remote.host,
      arrival: { listenerName: options.listenerName, host: wire.local.host, port: wire.local.port },
      signal: this.abort.signal,
    };
    this.lastActiveMs = options.clock.monotonicMs();
    this.idleTimer = this.watchIdle(options.maxIdleMs);
    wire.start({ data: (chunk) => this.received(chunk), drained: () => this.proceed(), closed: (error) => this.closed(error) });
  }

  /** Sends the replies that are ready, then closes. */
  close(): void {
    this.ended = true;
    this.flush();
    this.wire.close();
  }
  destroy(): void {
    this.ended = true;
    this.wire.destroy();
  }

  private received(chunk: Uint8Array): void {
    if (this.ended) return;
    this.lastActiveMs = this.options.clock.monotonicMs();
    try {
      this.frames.push(chunk, (bytes, release) => {
        if (this.ended) release();
        else if (this.held.length > 0 || this.mustWait()) this.held.push({ bytes, release });
        else this.begin(bytes, release);
      });
    } catch (error) {
      this.refuse(error);
    }
    this.pauseOrResume();
  }

  private mustWait(): boolean {
    return this.inFlight >= MAX_IN_FLIGHT || this.inFlightBytes >= MAX_IN_FLIGHT_BYTES || this.wire.unsentBytes() > MAX_UNSENT_BYTES;
  }

  private begin(frame: Buffer, release: () => void): void {
    const slot: Slot = { outcome: null, bytes: frame.byteLength, releases: [] };
    this.slots.push(slot);
    this.inFlight++;
    this.inFlightBytes += slot.bytes;
    const pooled = frame.byteLength >= 2 && frame.readInt16BE(0) === PRODUCE_KEY;
    try {
      const onSent = (sent: () => void) => void slot.releases.push(sent);
      dispatch(this.options.registry, frame, this.context, onSent, this.options.logger, (outcome) => {
        if (pooled) release();
        this.finished(slot, outcome);
      });
    } catch (error) {
      slot.outcome = NO_REPLY;
      this.refuse(error);
    }
  }

  private finished(slot: Slot, outcome: Outcome): void {
    slot.outcome = outcome;
    this.inFlight--;
    this.inFlightBytes -= slot.bytes;
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
    let count = 0;
    for (const { outcome, releases: own } of this.slots) {
      if (outcome === null || hangUp) break;
      count++;
      releases.push(...own);
      if (outcome === HANG_UP) hangUp = true;
      else if (outcome !== NO_REPLY) {
        for (const chunk of outcome) {
          chunks.push(chunk);
          bytes += chunk.byteLength;
        }
      }
    }
    this.slots.splice(0, count);
    if (chunks.length > 1 && bytes <= JOIN_UP_TO_BYTES) chunks = [Buffer.concat(chunks, bytes)];
    this.wire.write(chunks, releases.length > 0 ? () => callAll(releases) : undefined);
    if (chunks.length > 0) this.lastActiveMs = this.options.clock.monotonicMs();
    if (hangUp) this.close();
  }

  /** Starts the frames that were held back, as far as the bounds allow now. */
  private proceed(): void {
    while (this.held.length > 0 && !this.ended && !this.mustWait()) {
      const { bytes, release } = this.held.shift()!;
      this.begin(bytes, release);
    }
    this.pauseOrResume();
  }

  private pauseOrResume(): void {
    const pause = this.held.length > 0 || this.mustWait();
    if (pause === this.paused || this.ended) return;
    this.paused = pause;
    if (pause) this.wire.pause();
    else this.wire.resume();
  }

  /** What cannot be understood ends the connection, after the replies to what came before: the client's later bytes have no meaning. */
  private refuse(error: unknown): void {
    this.options.logger.debug({ err: error, client: this.context.clientHost }, 'closing a connection that sent what cannot be served');
    this.close();
  }

  private watchIdle(ms: number): Timer {
    return this.options.clock.after(ms, () => {
      const idleMs = this.options.clock.monotonicMs() - this.lastActiveMs;
      if (idleMs >= this.options.maxIdleMs && this.inFlight === 0) this.close();
      else this.idleTimer = this.watchIdle(Math.max(this.options.maxIdleMs - idleMs, 1000));
    });
  }

  private closed(error: Error | null): void {
    this.ended = true;
    this.idleTimer.cancel();
    if (error) this.options.logger.debug({ err: error, client: this.context.clientHost }, 'a connection broke');
    for (const { releases } of this.slots.splice(0)) callAll(releases);
    for (const { release } of this.held.splice(0)) release();
    this.abort.abort();
    this.options.closed();
  }
}

function callAll(calls: readonly (() => void)[]): void {
  for (const call of calls) call();
}
