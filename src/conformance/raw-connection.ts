import type { Clock, Timer } from '../core/clock.ts';
import type { Wire } from '../core/transport.ts';
import { FrameReader } from '../protocol/frame.ts';

const MAX_RESPONSE_BYTES = 100 * 1024 * 1024;

/** A connection that knows nothing of requests: bytes go, frames come. */
export class RawConnection {
  /** What came, each frame from its correlation id on. */
  readonly frames: Buffer[] = [];
  closed = false;
  private readonly wire: Wire;
  private readonly clock: Clock;
  private look: () => void = () => {};

  constructor(wire: Wire, clock: Clock) {
    this.wire = wire;
    this.clock = clock;
    const reader = new FrameReader(MAX_RESPONSE_BYTES, (length) => ({ bytes: Buffer.alloc(length), release: () => {} }));
    wire.start({
      data: (chunk) => {
        reader.push(chunk, (frame) => void this.frames.push(frame));
        this.look();
      },
      drained: () => {},
      closed: () => {
        this.closed = true;
        this.look();
      },
    });
  }

  /** One write. */
  send(...chunks: readonly Uint8Array[]): void {
    if (!this.closed) this.wire.write([Buffer.concat(chunks)]);
  }

  /** Waits until there are so many frames in all, the broker closes, or the time is over. */
  settled(frames: number, withinMs: number): Promise<void> {
    return new Promise((resolve) => {
      let timer: Timer | undefined;
      const finish = () => {
        timer?.cancel();
        this.look = () => {};
        resolve();
      };
      this.look = () => {
        if (this.closed || this.frames.length >= frames) finish();
      };
      timer = this.clock.after(withinMs, finish);
      this.look();
    });
  }

  close(): void {
    this.wire.destroy();
  }
}
