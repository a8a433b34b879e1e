import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { realClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { openSqlite } from '../../src/core/sqlite.ts';
import { openSharedStore } from '../../src/metadata/shared-store.ts';
import { bundled } from '../support/bundled.ts';
import { eventually } from '../support/eventually.ts';
import { type Program, startProgram } from '../support/program.ts';
import { text } from './store-conformance.ts';

/** More by hand: STORE_KILLS=60. */
const KILLS = Number(process.env.STORE_KILLS ?? 8);

let script: string;
beforeAll(async () => {
  script = await bundled(new URL('store-process.ts', import.meta.url));
});
let folder: string;
let path: string;
let running: Program[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'minikafka-shared-'));
  path = join(folder, 'metadata.db');
});
afterEach(async () => {
  for (const program of running) program.signal('SIGKILL');
  await Promise.all(running.map((program) => program.ended()));
  running = [];
  rmSync(folder, { recursive: true });
});

function start(role: string, name: string, number = 1, tickMs = 100): Program {
  const program = startProgram(process.execPath, [script, role, path, name, String(number), String(tickMs)]);
  running.push(program);
  return program;
}
const said = (program: Program, word: string) => program.lines().flatMap((line) => (line.startsWith(`${word} `) ? [line.split(' ')] : []));
const hears = (program: Program, word: string, count = 1) =>
  program.waitFor(`${count} x ${word}`, () => (said(program, word).length >= count ? said(program, word) : undefined));
const openHere = () => openSharedStore(path, { clock: realClock, logger: silentLogger });

test('what one process commits, another sees, in order, at the ring of the bell', async () => {
  const watcher = start('watch', 'w', 1, 10_000); // looks by itself every ten seconds
  await hears(watcher, 'watching');
  const writer = start('put', 'a', 50);
  await writer.ended();
  const seen = await hears(watcher, 'saw', 50);
  const written = said(writer, 'put');
  expect(seen.map(([, rev]) => rev)).toEqual(written.map(([, rev]) => rev));
  const latencies = seen.map(([, , at], i) => (Number(at) - Number(written[i]![2])) / 1_000).sort((a, b) => a - b);
  expect(latencies[25], `ms from the start of a commit to the other process: ${latencies}`).toBeLessThan(1_000);
});

test('several processes may make the file at once', async () => {
  const programs = Array.from({ length: 4 }, (_, i) => start('put', `p${i}`, 5));
  for (const program of programs) expect(await program.ended(), program.output()).toEqual({ code: 0, signal: null });
  const store = await openHere();
  expect((await store.range('/put/')).kvs).toHaveLength(4);
  expect((await store.get('/')).rev).toBe(20);
  await store.close();
});

test('processes that are stopped and killed at random lose no step that was answered, and make none twice', {
  timeout: 30_000 + KILLS * 1_000,
}, async () => {
  const all: Program[] = [];
  const counter = () => {
    const program = start('count', `c${all.length}`, 3);
    all.push(program);
    return program;
  };
  const watcher = start('watch', 'w');
  await hears(watcher, 'watching');
  const live = [counter(), counter(), counter()];
  for (let kill = 0; kill < KILLS; kill++) {
    await sleep(60 + Math.random() * 240);
    const i = kill % live.length;
    const stopped = live[(i + 1) % live.length]!;
    stopped.signal('SIGSTOP'); // also in the midst of a write, which keeps the others waiting
    await sleep(Math.random() * 200);
    stopped.signal('SIGCONT');
    await hears(live[i]!, 'done');
    live[i]!.signal('SIGKILL');
    await live[i]!.ended();
    live[i] = counter();
  }
  for (const program of live) await hears(program, 'done', 5);
  for (const program of live) program.signal('SIGKILL');
  await Promise.all(live.map((program) => program.ended()));

  // Every step that was answered is in the log once, by its writer; every step in the log was asked for by its writer.
  const database = openSqlite(path);
  const log = database.prepare('SELECT rev, seq, key, value FROM log ORDER BY rev').all();
  expect(database.prepare('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' });
  database.close();
  expect(log.map((row) => Number(row.rev))).toEqual(log.map((_, i) => i + 1));
  const counts = new Map<string, number>();
  const made = new Map<string, number>();
  for (const { key, value, rev } of log) {
    const [step, name] = text(value as Uint8Array)!.split(' ');
    expect(Number(step)).toBe((counts.get(String(key)) ?? 0) + 1);
    counts.set(String(key), Number(step));
    made.set(`${name} ${key} ${step}`, Number(rev));
  }
  let answered = 0;
  for (const [i, program] of all.entries()) {
    for (const [, key, step, rev] of said(program, 'done')) {
      answered++;
      expect(made.get(`c${i} ${key} ${step}`), `${key} ${step}`).toBe(Number(rev));
    }
    const asked = new Set(said(program, 'about').map(([, key, step]) => `c${i} ${key} ${step}`));
    for (const step of made.keys()) if (step.startsWith(`c${i} `)) expect(asked).toContain(step);
  }
  expect(answered).toBeGreaterThan(KILLS);
  expect(log.length - answered).toBeLessThanOrEqual(all.length); // in doubt: killed between the commit and its answer
  const seen = await hears(watcher, 'saw', log.length);
  expect(seen.map(([, rev]) => Number(rev))).toEqual(log.map((row) => Number(row.rev)));
});

test('the lease of a killed process ends by itself, that of a paused one too, and the paused one knows when it comes back', async () => {
  const watcher = start('watch', 'w');
  await hears(watcher, 'watching');
  const killed = start('hold', 'killed', 1_500);
  const paused = start('hold', 'paused', 1_500);
  const steady = start('hold', 'steady', 15_000);
  for (const program of [killed, paused, steady]) await hears(program, 'held');
  const pausedAt = performance.now();
  killed.signal('SIGKILL');
  paused.signal('SIGSTOP');
  await watcher.waitFor('both keys to go', () => {
    const gone = said(watcher, 'saw').flatMap((words) => words.filter((word) => word.startsWith('del:')));
    return gone.includes('del:/live/killed') && gone.includes('del:/live/paused') ? true : undefined;
  });
  const goneMs = performance.now() - pausedAt;
  expect(goneMs).toBeGreaterThan(900); // renewed half a second before, or a little more
  expect(goneMs).toBeLessThan(10_000);
  paused.signal('SIGCONT');
  await hears(paused, 'lost');
  await hears(paused, 'held', 2);
  expect(said(steady, 'lost')).toEqual([]);
  const store = await openHere();
  expect((await store.range('/live/')).kvs.map(({ key }) => key)).toEqual(['/live/paused', '/live/steady']);
  await store.close();
});

test('a controller that was deposed writes nothing, killed or stopped for longer than its lease', {
  timeout: 60_000 + KILLS * 6_000,
}, async () => {
  const LEASE_MS = 1_000;
  const all: Program[] = [];
  const controller = () => {
    const program = start('control', `c${all.length}`, LEASE_MS);
    all.push(program);
    return program;
  };
  const live = [controller(), controller(), controller()];
  let blocked = 0;
  const epochs = () => all.flatMap((program) => said(program, 'elected').map(([, epoch]) => Number(epoch)));
  const acting = (epoch: number) => live.find((program) => said(program, 'elected').some(([, elected]) => Number(elected) === epoch));
  for (let round = 1; round <= Math.ceil(KILLS / 2); round++) {
    const victim = await eventually(() => {
      const found = acting(Math.max(...epochs()));
      expect(found).toBeDefined();
      return found!;
    });
    const before = Math.max(...epochs());
    await sleep(Math.random() * 200);
    const killing = round % 2 === 0;
    victim.signal(killing ? 'SIGKILL' : 'SIGSTOP');
    const replaced = eventually(() => expect(Math.max(...epochs())).toBeGreaterThan(before), LEASE_MS * 8);
    if (killing) {
      live[live.indexOf(victim)] = controller();
      await replaced;
    } else {
      await replaced.catch(() => blocked++); // stopped in the midst of a write: nobody can write until it goes on
      victim.signal('SIGCONT');
    }
  }
  for (const program of live) program.signal('SIGKILL');
  await Promise.all(all.map((program) => program.ended()));

  const database = openSqlite(path);
  const log = database.prepare("SELECT key, value FROM log WHERE type = 'put' ORDER BY rev, seq").all();
  database.close();
  let epoch = 0;
  let writes = 0;
  for (const { key, value } of log) {
    const written = Number(text(value as Uint8Array));
    if (key === '/ctrl/epoch') expect(written).toBe(++epoch);
    if (!String(key).startsWith('/work/')) continue;
    expect(written).toBe(epoch);
    writes++;
  }
  expect(epoch).toBeGreaterThan(Math.ceil(KILLS / 2) - blocked);
  expect(writes).toBeGreaterThan(epoch);
});

test('without a bell the others see a commit by looking, and mend the bell', async () => {
  const watcher = start('watch', 'w');
  await hears(watcher, 'watching');
  expect(existsSync(`${path}.bell`)).toBe(true);
  rmSync(`${path}.bell`);
  await start('put', 'a', 10).ended();
  await hears(watcher, 'saw', 10);
  expect(existsSync(`${path}.bell`)).toBe(true);
});
