import { type Child, type ChildEnd, spawnChild } from '../core/child-process.ts';
import type { Clock } from '../core/clock.ts';
import { type FromBroker, SUPERVISED, type ToBroker } from './broker-messages.ts';
import { programPath } from './program-path.ts';

export interface BrokerChildOptions {
  readonly brokerId: number;
  /** The cluster's. */
  readonly directory: string;
  /** Flags of `minikafka start` besides --broker-id and --cluster. */
  readonly flags: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly outputPath: string;
  readonly clock: Clock;
}

/** The broker process ended before it served. Its message is one line. */
export class BrokerStartError extends Error {
  override name = 'BrokerStartError';
}

/** For the garbage: a broker that is idle needs little, and a cluster of them on one machine should not need three times more. */
const EXEC_ARGV: readonly string[] = [];

/** One broker process. */
export class BrokerChild {
  readonly brokerId: number;
  /** Resolves with the address that it listens on; rejects with BrokerStartError. */
  readonly ready: Promise<{ readonly host: string; readonly port: number }>;
  private readonly child: Child;
  private readonly clock: Clock;
  private hasEnded = false;

  constructor({ brokerId, directory, flags, env, outputPath, clock }: BrokerChildOptions) {
    this.brokerId = brokerId;
    this.clock = clock;
    let failure: string | null = null;
    let settleReady!: (address: { host: string; port: number }) => void;
    const told = new Promise<{ host: string; port: number }>((resolve) => {
      settleReady = resolve;
    });
    this.child = spawnChild({
      args: [programPath(), 'start', '--broker-id', String(brokerId), '--cluster', directory, '--log-format', 'json', ...flags],
      execArgv: EXEC_ARGV,
      env: { ...env, [SUPERVISED]: '1' },
      outputPath,
      onMessage: (message) => {
        const said = message as FromBroker;
        if (said.kind === 'ready') settleReady(said.listeners[0]!);
        if (said.kind === 'failed') failure = said.message;
      },
    });
    const early = this.child.ended.then((end): never => {
      throw new BrokerStartError(failure ?? `${endText(end)} before it served; ${outputPath} may say why`);
    });
    void this.child.ended.then(() => {
      this.hasEnded = true;
    });
    this.ready = Promise.race([told, early]);
    early.catch(() => {});
    this.ready.catch(() => {});
  }

  get pid(): number {
    return this.child.pid;
  }

  get ended(): Promise<ChildEnd> {
    return this.child.ended;
  }

  get running(): boolean {
    return !this.hasEnded;
  }

  signal(signal: NodeJS.Signals): void {
    this.child.signal(signal);
  }

  /** Asks it to stop, and kills it when it has not after `graceMs`: one that is stopped (SIGSTOP) hears nothing. */
  async stop(graceMs: number): Promise<ChildEnd> {
    const message: ToBroker = { kind: 'stop' };
    this.child.send(message);
    const timer = this.clock.after(graceMs, () => this.child.signal('SIGKILL'));
    const end = await this.child.ended;
    timer.cancel();
    return end;
  }

  async kill(): Promise<ChildEnd> {
    this.child.signal('SIGKILL');
    return this.child.ended;
  }
}

/** `ended with code 1`, `was ended by SIGKILL`. */
export function endText({ code, signal }: ChildEnd): string {
  return signal === null ? `ended with code ${code}` : `was ended by ${signal}`;
}
