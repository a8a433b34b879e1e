import { setTimeout as sleep } from 'node:timers/promises';
import { Peer } from '../kafka/peer.ts';

/** Takes one step after the other against a broker, until it is stopped or the broker is gone. */
export abstract class PeerWorker {
  private readonly pauseMs: number;
  private running: Promise<unknown> = Promise.resolve(null);
  private peer: Peer | null = null;
  private stopping = false;

  protected constructor(pauseMs: number) {
    this.pauseMs = pauseMs;
  }

  protected abstract step(peer: Peer): Promise<void>;

  async start(port: number): Promise<void> {
    this.stopping = false;
    this.peer = await Peer.open(port);
    this.running = this.work(this.peer).then(
      () => null,
      (error: unknown) => error,
    );
  }

  /** @throws what went wrong, unless it is that the broker was killed */
  async stop(killed = false): Promise<void> {
    this.stopping = true;
    const error = await this.running;
    await this.peer?.close();
    this.peer = null;
    this.running = Promise.resolve(null);
    if (error && !(killed && /NETWORK_EXCEPTION|is closed/.test(String(error)))) throw error;
  }

  private async work(peer: Peer): Promise<void> {
    while (!this.stopping) {
      await sleep(this.pauseMs);
      await this.step(peer);
    }
  }
}
