import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'vitest';
import type { Java } from './java.ts';

/** One argument of a program takes 128 KiB. */
const FILES_A_RUN = 800;

/** What Kafka's DumpLogSegments has to say against the files of topics in a data directory. The broker must be stopped. */
export async function logFaults(java: Java, data: string, topics: readonly string[]): Promise<string[]> {
  const folders = readdirSync(data).filter((name) => topics.includes(name.replace(/-\d+$/, '')));
  const files = folders.flatMap((name) => {
    const folder = join(data, name);
    return readdirSync(folder)
      .filter((file) => /\.(log|index|timeindex|snapshot)$/.test(file))
      .map((file) => join(folder, file));
  });
  const faults: string[] = [];
  for (let i = 0; i < files.length; i += FILES_A_RUN) faults.push(...(await faultsIn(java, files.slice(i, i + FILES_A_RUN))));
  return faults;
}

async function faultsIn(java: Java, files: readonly string[]): Promise<string[]> {
  const [command, ...args] = java.command('org.apache.kafka.tools.DumpLogSegments', ['--files', files.join(',')]);
  const { stdout, stderr } = await promisify(execFile)(command!, args, { maxBuffer: 512 * 1024 * 1024, timeout: 120_000 });
  expect(files.filter((file) => !stdout.includes(`Dumping ${file}\n`))).toEqual([]);
  return `${stdout}${stderr}`
    .split('\n')
    .filter((line) => /isvalid: false|mismatch|non-consecutive|out of order|exception|trailing/i.test(line));
}
