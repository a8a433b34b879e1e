import type { Clock, Timer } from '../core/clock.ts';
import { nodeCodeOf } from '../core/errors.ts';
import type { Address, Transport, Wire } from '../core/transport.ts';

export interface PeerWatchOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly id: number;
  readonly epoch: number;
  /** As the registration has it, and what that means. */
  readonly address: string;
  readonly at: Address;
  readonly onDead: () => void;
}

const CONNECT_TIMEOUT_MS = 1_000;
/** Between two tries that do not tell whether the peer lives. */
const RETRY_MS = 25;
/** How often a death is told. */
const TELL_AGAIN_MS = 1_000;
/** Nobody listens there; ENOENT: there is no such socket. What else fails says nothing about the peer. */
const REFUSED = ['ECONNREFUSED', 'ENOENT'];
const GREETING = /^minikafka (\d+) (-?\d+)$/;
const MAX_GREETING_BYTES = 64;

/**
 * Stays connected to one registration of one broker.
 * - Alive as long as the connection stands, though the peer may stand still.
 * - Dead when a new connection is refused, or another process answers it.
 */
export class PeerWatch {
  readonly epoch: number;
  readonly address: string;
  isDead = false;
  private readonly options: PeerWatchOptions;
  private wire: Wire | undefined;
  private timer: Timer | undefined;
  /** The process of this very registration has answered. */
  private wasThere = false;
  /** The next end of the connection is looked into at once. */
  private eager = true;
  private closed = false;

  constructor(options: PeerWatchOptions) {
    this.options = options;
    this.epoch = options.epoch;
    this.address = options.address;
    void this.connect();
  }

  close(): void {
    this.closed = true;
    this.timer?.cancel();
    this.wire?.destroy();
  }

  private async connect(): Promise<void> {
    const { transport, at } = this.options;
    let wire: Wire;
    try {
      wire = await transport.connect(at, CONNECT_TIMEOUT_MS);
    } catch (error) {
      if (REFUSED.includes(nodeCodeOf(error))) this.dead();
      else this.again(RETRY_MS);
      return;
    }
    if (this.closed) {
      wire.destroy();
      return;
    }
    this.wire = wire;
    let heard = '';
    let judged = false;
    wire.start({
      data: (chunk) => {
        if (judged || this.closed) return;
        heard += Buffer.from(chunk).toString('latin1');
        const end = heard.indexOf('\n');
        if (end < 0 && heard.length <= MAX_GREETING_BYTES) return;
        judged = true;
        this.greeted(heard.slice(0, Math.max(end, 0)));
      },
      drained: () => {},
      closed: () => {
        if (this.wire !== wire) return;
        const { eager } = this;
        this.eager = false;
        this.again(eager ? 0 : RETRY_MS);
      },
    });
  }

  private greeted(greeting: string): void {
    const [, id, epoch] = GREETING.exec(greeting) ?? [];
    if (Number(id) === this.options.id && Number(epoch) === this.epoch) {
      this.wasThere = true;
      this.eager = true;
      this.isDead = false;
      return;
    }
    // A process that has just registered may not know its epoch yet; one that has another by now is watched anew when the image shows it.
    const mayBeIt = Number(id) === this.options.id && !this.wasThere;
    if (mayBeIt) this.leave(RETRY_MS);
    else this.dead();
  }

  private dead(): void {
    if (this.closed) return;
    this.isDead = true;
    this.leave(TELL_AGAIN_MS);
    this.options.onDead();
  }

  private leave(retryMs: number): void {
    const { wire } = this;
    this.wire = undefined;
    wire?.destroy();
    this.again(retryMs);
  }

  private again(ms: number): void {
    this.wire = undefined;
    this.timer?.cancel();
    if (this.closed) return;
    if (ms === 0) void this.connect();
    else this.timer = this.options.clock.after(ms, () => void this.connect());
  }
}
