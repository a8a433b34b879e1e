// A process beside others on one shared store; `node store-process.mjs ROLE PATH NAME [NUMBER [TICK_MS]]`. It tells what it does in lines.
import { setTimeout as sleep } from 'node:timers/promises';
import { realClock } from '../../src/core/clock.ts';
import { stayAlive } from '../../src/core/stay-alive.ts';
import { openSharedStore } from '../../src/metadata/shared-store.ts';
import { InDoubtError, LeaseLostError, type MetadataStore, UnavailableError } from '../../src/metadata/store.ts';

const say = (...words: (string | number)[]) => process.stdout.write(`${words.join(' ')}\n`);
const bytes = (text: string) => new TextEncoder().encode(text);
const text = (value: Uint8Array) => new TextDecoder().decode(value);

/** Counts keys up, one at a time, each step conditional on the last. `about KEY N` before a step, `done KEY N REV` after it. */
async function count(store: MetadataStore, name: string, keys: number): Promise<never> {
  for (let step = 0; ; step++) {
    const key = `/count/${step % keys}`;
    const { kv } = await store.get(key);
    const next = kv ? Number(text(kv.value).split(' ')[0]) + 1 : 1;
    say('about', key, next);
    try {
      const { ok, rev } = await store.txn([{ key, rev: kv?.rev ?? 0 }], [{ put: key, value: bytes(`${next} ${name}`) }]);
      if (ok) say('done', key, next, rev);
    } catch (error) {
      if (!(error instanceof InDoubtError || error instanceof UnavailableError)) throw error;
      say('failed', key, next, error.name, error.message);
      await sleep(10);
    }
    await sleep(Math.random() * 4);
  }
}

/** `saw REV CHANGES` for each revision from the first on. */
async function watch(store: MetadataStore): Promise<void> {
  const { rev } = await store.range('');
  say('watching', rev);
  for await (const batch of store.watch('', rev + 1, new AbortController().signal)) {
    say('saw', batch.rev, Number(process.hrtime.bigint() / 1_000n), ...batch.changes.map((change) => `${change.type}:${change.key}`));
  }
}

/** `held REV` once `/live/NAME` is there under a lease; `valid MS` in short intervals; `lost` when it is gone, and registers anew. */
async function hold(store: MetadataStore, name: string, ttlMs: number): Promise<void> {
  for (;;) {
    try {
      const lease = await store.grantLease(ttlMs);
      const key = `/live/${name}`;
      const { kv } = await store.get(key);
      const { ok, rev } = await store.txn([{ key, rev: kv?.rev ?? 0 }], [{ put: key, value: bytes(name), lease: lease.id }]);
      if (!ok) throw new UnavailableError('somebody was first');
      say('held', rev);
      await new Promise((resolve) => lease.lost.addEventListener('abort', resolve));
      say('lost', rev);
    } catch (error) {
      if (!(error instanceof LeaseLostError || error instanceof UnavailableError || error instanceof InDoubtError)) throw error;
      say('failed', error.message);
      await sleep(20);
    }
  }
}

/**
 * Becomes the controller whenever there is none, and then writes under its fence all the time, whatever its lease says: `elected EPOCH`,
 * `deposed EPOCH` when a write is refused.
 */
async function control(store: MetadataStore, name: string, ttlMs: number): Promise<void> {
  for (;;) {
    const { kv: leader } = await store.get('/ctrl/leader');
    if (leader) {
      await sleep(5);
      continue;
    }
    const { kv: last } = await store.get('/ctrl/epoch');
    const epoch = last ? Number(text(last.value)) + 1 : 1;
    try {
      const lease = await store.grantLease(ttlMs);
      const conds = [
        { key: '/ctrl/leader', rev: 0 },
        { key: '/ctrl/epoch', rev: last?.rev ?? 0 },
      ];
      const elected = await store.txn(conds, [
        { put: '/ctrl/leader', value: bytes(name), lease: lease.id },
        { put: '/ctrl/epoch', value: bytes(String(epoch)) },
      ]);
      if (!elected.ok) {
        await lease.revoke();
        continue;
      }
      say('elected', epoch);
      for (let i = 0; ; i++) {
        const key = `/work/${i % 10}`;
        const { kv } = await store.get(key);
        const fenced = [
          { key: '/ctrl/epoch', rev: elected.rev },
          { key, rev: kv?.rev ?? 0 },
        ];
        if (!(await store.txn(fenced, [{ put: key, value: bytes(String(epoch)) }])).ok) break;
        await sleep(20);
      }
      say('deposed', epoch);
      await lease.revoke();
    } catch (error) {
      if (!(error instanceof UnavailableError || error instanceof InDoubtError)) throw error;
      say('failed', error.message);
    }
  }
}

/** `put REV MICROS` for each of a number of writes, with the time when it was asked for. */
async function put(store: MetadataStore, name: string, times: number): Promise<void> {
  for (let i = 0; i < times; i++) {
    const started = Number(process.hrtime.bigint() / 1_000n);
    const { rev } = await store.txn([], [{ put: `/put/${name}`, value: bytes(`${i}`) }]);
    say('put', rev, started, Number(process.hrtime.bigint() / 1_000n));
    await sleep(5);
  }
}

const [role = '', path = '', name = '', number = '1', tickMs = '100'] = process.argv.slice(2);
const roles: Record<string, (store: MetadataStore, name: string, number: number) => Promise<void>> = { count, watch, hold, put, control };
stayAlive();
const log = (level: string) => (fields: object, message: string) => say(level, message, JSON.stringify(fields));
const logger = { debug: () => {}, info: () => {}, warn: log('warn'), error: log('error'), child: () => logger };
const store = await openSharedStore(path, { clock: realClock, logger, tickMs: Number(tickMs) });
say('open', process.memoryUsage().rss);
await roles[role]!(store, name, Number(number));
await store.close();
process.exit(0);
