import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { freePort, type RunningBroker, SHARED_CONFIG, startProcess, temporaryDirectory } from './broker-process.ts';

const program = resolve(import.meta.dirname, '../../bin/minikafka.js');

/** The built broker, as a user starts it. */
export async function startMinikafka(): Promise<RunningBroker> {
  const directory = temporaryDirectory('minikafka');
  const port = await freePort();
  const file = join(directory, 'server.properties');
  const properties = Object.entries(SHARED_CONFIG).map(([key, value]) => `${key}=${value}\n`);
  writeFileSync(file, properties.join(''));
  const command = [process.execPath, program, 'start', '--port', String(port), '--data', join(directory, 'data'), '--config', file];
  return startProcess('minikafka', directory, port, command);
}
