import type { Address, Wire, WireEvents } from '../../src/core/transport.ts';

/** The near end of a connection whose far end is the test: it counts what it is told, and the client takes bytes when the test says so. */
export class StubWire implements Wire {
  readonly local: Address = { host: '10.0.0.1', port: 9092 };
  readonly remote: Address;
  events!: WireEvents;
  paused = false;
  closed = false;
  destroyed = false;
  /** How often pause or resume was called. */
  turns = 0;
  /** Each call of write, as one buffer. */
  readonly writes: Buffer[] = [];
  private readonly untaken: { bytes: number; sent: (() => void) | undefined }[] = [];
  private readonly takesAtOnce: boolean;

  constructor({ takesAtOnce = true, host = '10.0.0.9' } = {}) {
    this.takesAtOnce = takesAtOnce;
    this.remote = { host, port: 50_000 };
  }

  start(events: WireEvents): void {
    this.events = events;
  }
  write(chunks: readonly Uint8Array[], sent?: () => void): void {
    if (this.closed || this.destroyed) throw new Error('a write behind the end');
    const bytes = Buffer.concat(chunks);
    this.writes.push(bytes);
    this.untaken.push({ bytes: bytes.byteLength, sent });
    if (this.takesAtOnce) this.take();
  }
  unsentBytes(): number {
    return this.untaken.reduce((sum, { bytes }) => sum + bytes, 0);
  }
  pause(): void {
    this.paused = true;
    this.turns++;
  }
  resume(): void {
    this.paused = false;
    this.turns++;
  }
  close(): void {
    this.closed = true;
  }
  destroy(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.break(null);
  }

  /** The client reads all there is. */
  take(): void {
    for (const { sent } of this.untaken.splice(0)) sent?.();
    if (!this.takesAtOnce) this.events.drained();
  }
  /** The connection is gone: what was not taken is told of, as the transport promises. */
  break(error: Error | null): void {
    for (const { sent } of this.untaken.splice(0)) sent?.();
    this.events.closed(error);
  }
  /** The frames that were written, without their lengths. */
  frames(): Buffer[] {
    const all = Buffer.concat(this.writes);
    const frames: Buffer[] = [];
    for (let at = 0; at < all.byteLength; ) {
      const end = at + 4 + all.readInt32BE(at);
      frames.push(all.subarray(at + 4, end));
      at = end;
    }
    return frames;
  }
  correlationIds(): number[] {
    return this.frames().map((frame) => frame.readInt32BE(0));
  }
}
