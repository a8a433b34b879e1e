import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Connection } from '../../src/client/connection.ts';
import { realClock } from '../../src/core/clock.ts';
import { tcpTransport } from '../../src/core/tcp-transport.ts';
import { ApiVersions } from '../../src/protocol/messages/index.ts';

/** What both brokers run with, beside what each needs to run at all. */
export const SHARED_CONFIG: Readonly<Record<string, string>> = {
  'node.id': '1',
  'num.partitions': '1',
  'offsets.topic.replication.factor': '1',
  'transaction.state.log.replication.factor': '1',
  'transaction.state.log.min.isr': '1',
  'share.coordinator.state.topic.replication.factor': '1',
  'share.coordinator.state.topic.min.isr': '1',
  'group.initial.rebalance.delay.ms': '0',
  // Scenarios write records that are years old.
  'log.retention.ms': '-1',
};

export interface RunningBroker {
  readonly name: string;
  readonly port: number;
  readonly directory: string;
  /** Kills the process; keeps its directory, with its log, when `keep` is set. */
  stop(keep: boolean): Promise<void>;
  /** SIGTERM; resolves when the process has ended, and keeps its directory. @throws Error when it does not end */
  end(): Promise<void>;
  /** Starts it again as it was, after stop(true) or end(). */
  again(): Promise<RunningBroker>;
}

const READY_WITHIN_MS = 90_000;
const ENDED_WITHIN_MS = 60_000;
const children = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});

export function temporaryDirectory(name: string): string {
  return mkdtempSync(join(tmpdir(), `minikafka-compare-${name}-`));
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

/** Starts a broker and waits until it answers. `command` is a program with its arguments; its output goes to `<directory>/broker.log`. */
export async function startProcess(name: string, directory: string, port: number, command: readonly string[]): Promise<RunningBroker> {
  const logFile = join(directory, 'broker.log');
  const log = openSync(logFile, 'a');
  const child = spawn(command[0]!, command.slice(1), { cwd: directory, stdio: ['ignore', log, log] });
  closeSync(log);
  children.add(child);
  const exited = new Promise<void>((resolve) => {
    child.once('error', () => resolve());
    child.once('exit', () => resolve());
  }).then(() => children.delete(child));
  const stop = async (keep: boolean) => {
    child.kill('SIGKILL');
    await exited;
    if (!keep) rmSync(directory, { recursive: true, force: true });
  };
  const deadline = Date.now() + READY_WITHIN_MS;
  while (!(await answers(port))) {
    if (Date.now() > deadline || !children.has(child)) {
      await stop(true);
      throw new Error(`${name} does not start:\n${readFileSync(logFile, 'utf8').slice(-4000)}\nIts directory: ${directory}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const end = async () => {
    child.kill('SIGTERM');
    const late = setTimeout(() => child.kill('SIGKILL'), ENDED_WITHIN_MS);
    await exited;
    clearTimeout(late);
    if (child.signalCode === 'SIGKILL') throw new Error(`${name} did not end:\n${readFileSync(logFile, 'utf8').slice(-4000)}`);
  };
  return { name, port, directory, stop, end, again: () => startProcess(name, directory, port, command) };
}

async function answers(port: number): Promise<boolean> {
  try {
    const connection = await Connection.open(tcpTransport, realClock, { host: 'localhost', port }, { connectTimeoutMs: 1000 });
    try {
      const { errorCode } = await connection.request(ApiVersions, 0, {}, 2000);
      return errorCode === 0;
    } finally {
      await connection.close();
    }
  } catch {
    return false;
  }
}
