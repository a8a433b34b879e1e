import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { environmentWithoutConfigs } from '../config/environment.ts';
import { realClock } from '../core/clock.ts';
import { realFiles } from '../core/real-files.ts';
import { PEERS } from '../supervisor/broker-messages.ts';
import { brokerDirectory, defaultsFor, writeClusterFile } from '../supervisor/cluster-file.ts';
import { Supervisor } from '../supervisor/supervisor.ts';
import type { Backend } from './backend.ts';
import { CLIENTS, type Links } from './links.ts';
import type { StartClusterOptions } from './options.ts';

/** Brokers as processes of their own, which end with this one. */
export class BrokerProcesses implements Backend {
  readonly data: string;
  private readonly temporary: boolean;
  private readonly supervisor: Supervisor;

  constructor(options: StartClusterOptions, brokerIds: readonly number[], links: () => Links | null) {
    const env = environmentWithoutConfigs();
    this.temporary = options.data === undefined;
    this.data = resolve(options.data ?? join(tmpdir(), `minikafka-cluster-${randomBytes(6).toString('hex')}`));
    realFiles.makeDirectory(this.data);
    const overrides = Object.fromEntries(Object.entries(options.config ?? {}).map(([key, value]) => [key, String(value)]));
    writeClusterFile(realFiles, this.data, {
      brokers: brokerIds.length,
      basePort: 0,
      host: 'localhost',
      racks: options.racks ?? [],
      overrides,
      defaults: defaultsFor(brokerIds.length),
    });
    const level = options.logLevel === undefined ? [] : ['--log-level', options.logLevel];
    this.supervisor = new Supervisor({
      directory: this.data,
      brokerIds,
      clock: realClock,
      env: (brokerId) => ({ ...env, [PEERS]: JSON.stringify(peersOf(brokerId, brokerIds, links())) }),
      flags: (brokerId, port) => ['--port', String(port ?? 0), ...level, ...advertised(brokerId, links())],
    });
    process.once('exit', this.killAll);
  }

  startAll(): Promise<void> {
    return this.supervisor.startAll();
  }

  port(brokerId: number): number | null {
    return this.status(brokerId).port;
  }

  running(brokerId: number): boolean {
    return this.status(brokerId).state !== 'down';
  }

  start(brokerId: number): Promise<void> {
    return this.supervisor.start(brokerId);
  }

  stop(brokerId: number): Promise<void> {
    return this.supervisor.stop(brokerId);
  }

  kill(brokerId: number): Promise<void> {
    return this.supervisor.kill(brokerId);
  }

  pause(brokerId: number): void {
    this.supervisor.signal(brokerId, 'SIGSTOP');
  }

  resume(brokerId: number): void {
    this.supervisor.signal(brokerId, 'SIGCONT');
  }

  cutStore(_brokerId: number, isCut: boolean): void {
    if (isCut) throw new Error("a broker process cannot be cut off from its metadata store; use mode: 'in-process'");
  }

  async close(): Promise<void> {
    process.off('exit', this.killAll);
    const ids = this.supervisor.status().map(({ brokerId }) => brokerId);
    if (!this.temporary) {
      for (const id of ids) if (this.running(id)) this.resume(id);
      await this.supervisor.stopAll();
      return;
    }
    // Nobody will read it: there is no need to end cleanly.
    this.supervisor.killAll();
    await Promise.all(ids.map((id) => this.supervisor.kill(id)));
    realFiles.remove(this.data);
  }

  private readonly killAll = (): void => this.supervisor.killAll();

  private status(brokerId: number) {
    return this.supervisor.status().find((each) => each.brokerId === brokerId)!;
  }
}

/** Where the broker dials the others: through the links, where there are any. */
function peersOf(brokerId: number, brokerIds: readonly number[], links: Links | null): Record<string, string> {
  const peers: Record<string, string> = {};
  for (const id of brokerIds) {
    const address = links?.address(brokerId, id);
    if (address) peers[id] = `${address.host}:${address.port}`;
  }
  return peers;
}

function advertised(brokerId: number, links: Links | null): string[] {
  const address = links?.address(CLIENTS, brokerId);
  return address ? ['--override', `advertised.listeners=PLAINTEXT://localhost:${address.port}`] : [];
}

export const directoryOf = (data: string | null, brokerId: number): string | null =>
  data === null ? null : brokerDirectory(data, brokerId);
