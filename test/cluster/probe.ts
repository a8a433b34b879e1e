import { setTimeout as sleep } from 'node:timers/promises';
import { buildBatch } from '../../src/protocol/records/build.ts';
import type { Client } from './client.ts';

const RETRY_MS = 10;
const ATTEMPT_MS = 5_000;
/** Attempts that have no answer yet; what a broker does not answer costs no more than this. */
const MAX_OPEN = 500;

export interface Stall {
  readonly ms: number;
  /** When it began, on performance.now(). */
  readonly atMs: number;
}

/**
 * Sends one record after the other with acks=all, each again every 10 ms to whoever leads by then, until one attempt is acknowledged. The time
 * that takes is a stall.
 */
export class Probe {
  longest: Stall = { ms: 0, atMs: 0 };
  /** How late a timer of this process was at most: no stall can be told from that. */
  longestLagMs = 0;
  count = 0;
  private readonly client: Client;
  private readonly topic: string;
  private readonly partition: number;
  private running: Promise<void> | null = null;
  private stopping = false;

  constructor(client: Client, topic: string, partition = 0) {
    this.client = client;
    this.topic = topic;
    this.partition = partition;
  }

  async start(): Promise<void> {
    await this.client.findLeaders(this.topic, this.partition + 1);
    this.running = this.run();
  }

  /** The longest stall since the last call, one that goes on included. */
  take(): Stall {
    const longest = this.longest;
    this.longest = { ms: 0, atMs: 0 };
    return longest;
  }

  async stop(): Promise<void> {
    this.stopping = true;
    await this.running;
  }

  private async run(): Promise<void> {
    while (!this.stopping) {
      await this.send();
      await this.pause();
    }
  }

  private async send(): Promise<void> {
    const atMs = performance.now();
    const records = buildBatch({ records: [{ value: Buffer.from(`probe ${this.count++}`), timestamp: Date.now() }] });
    let isAcknowledged = false;
    let open = 0;
    let acknowledged!: () => void;
    const done = new Promise<void>((resolve) => {
      acknowledged = resolve;
    });
    while (!isAcknowledged && !this.stopping) {
      if (open < MAX_OPEN) {
        open++;
        void this.client.produce(this.topic, this.partition, records, -1, ATTEMPT_MS).then(({ errorName }) => {
          open--;
          if (errorName !== 'NONE' || isAcknowledged) return;
          isAcknowledged = true;
          acknowledged();
        });
      }
      await Promise.race([done, this.pause()]);
      if (!isAcknowledged) this.client.refresh();
      const ms = performance.now() - atMs;
      if (ms > this.longest.ms) this.longest = { ms, atMs };
    }
  }

  private async pause(): Promise<void> {
    const begun = performance.now();
    await sleep(RETRY_MS);
    this.longestLagMs = Math.max(this.longestLagMs, performance.now() - begun - RETRY_MS);
  }
}
