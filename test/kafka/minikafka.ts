import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { freePort, type RunningBroker, SHARED_CONFIG, startProcess, temporaryDirectory } from './broker-process.ts';

const program = resolve(import.meta.dirname, '../../bin/minikafka.js');

/** Runs a command of the command line to its end, and gives what it wrote to standard output. */
export function runMinikafka(...args: string[]): string {
  return execFileSync(process.execPath, [program, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
}

/**
 * The built broker, as a user starts it; its data is in `<directory>/data`.
 * @param config on top of what both brokers run with
 */
export async function startMinikafka(
  config: Readonly<Record<string, string>> = {},
  directory = temporaryDirectory('minikafka'),
): Promise<RunningBroker> {
  const port = await freePort();
  const file = join(directory, 'server.properties');
  const properties = Object.entries({ ...SHARED_CONFIG, ...config }).map(([key, value]) => `${key}=${value}\n`);
  writeFileSync(file, properties.join(''));
  const command = [process.execPath, program, 'start', '--port', String(port), '--data', join(directory, 'data'), '--config', file];
  return startProcess('minikafka', directory, port, command);
}
