import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'vitest';
import type { Java } from './java.ts';

/** What Kafka's DumpLogSegments has to say against the files of topics in a data directory. The broker must be stopped. */
export async function logFaults(java: Java, data: string, topics: readonly string[]): Promise<string[]> {
  const folders = readdirSync(data).filter((name) => topics.includes(name.replace(/-\d+$/, '')));
  const files = folders.flatMap((name) => {
    const folder = join(data, name);
    return readdirSync(folder)
      .filter((file) => /\.(log|index|timeindex|snapshot)$/.test(file))
      .map((file) => join(folder, file));
  });
  const [command, ...args] = java.command('org.apache.kafka.tools.DumpLogSegments', ['--files', files.join(',')]);
  const { stdout, stderr } = await promisify(execFile)(command!, args, { maxBuffer: 512 * 1024 * 1024, timeout: 120_000 });
  expect(stdout.match(/isvalid: true/g)?.length).toBeGreaterThan(files.length / 3);
  return `${stdout}${stderr}`
    .split('\n')
    .filter((line) => /isvalid: false|mismatch|non-consecutive|out of order|exception|trailing/i.test(line));
}
