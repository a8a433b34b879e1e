import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { realFiles } from '../../src/core/real-files.ts';

/** Holds the lock as realFiles does, in another process, until it is killed. Plain SQLite, so that it needs no TypeScript. */
const HOLDER = `
const load = (name) => { try { return require(name); } catch { return undefined; } };
const { DatabaseSync } = load('node:sqlite') ?? load('@photostructure/sqlite');
const { writeFileSync } = require('node:fs');
const database = new DatabaseSync(process.argv[1]);
database.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
writeFileSync(process.argv[1] + '.holder', 'process ' + process.pid);
process.stdout.write('held');
setInterval(() => {}, 1000);
`;

test('a lock is held against another process, and falls with its holder even by kill -9', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'minikafka-lock-'));
  const path = join(folder, '.lock');
  const holder = spawn(process.execPath, ['-e', HOLDER, path], { cwd: import.meta.dirname, stdio: ['ignore', 'pipe', 'ignore'] });
  try {
    await once(holder.stdout, 'data');
    expect(() => realFiles.lock(path, 'me')).toThrow(expect.objectContaining({ name: 'LockedError', holder: `process ${holder.pid}` }));
    const exited = once(holder, 'exit');
    holder.kill('SIGKILL');
    await exited;
    realFiles.lock(path, 'me').release();
  } finally {
    holder.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  }
});

test('a lock file that Apache Kafka left, empty, is taken over', () => {
  const folder = mkdtempSync(join(tmpdir(), 'minikafka-lock-'));
  const path = join(folder, '.lock');
  try {
    realFiles.open(path, 'rw').close();
    realFiles.lock(path, 'me').release();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
