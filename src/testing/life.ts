import { type Clock, realClock } from '../core/clock.ts';
import type { FileHandle, Files } from '../core/files.ts';
import type { Listening, Transport, Wire, WireEvents } from '../core/transport.ts';
import type { Batch, Lease, MetadataStore } from '../metadata/store.ts';

/** More waits for a paused broker than a kernel would hold for a process; the oldest is not lost, the pause is a defect of the test. */
const MAX_HELD = 1_000_000;

/**
 * The life of one broker in this process: everything that reaches it from outside comes through here, so that it can be killed, after which nothing
 * of it runs any more, and paused, which holds everything until it is resumed.
 */
export class Life {
  private state: 'running' | 'paused' | 'dead' = 'running';
  private readonly held: (() => void)[] = [];
  private readonly ends: (() => void)[] = [];

  /** Has the broker hear of something. */
  run(event: () => void): void {
    if (this.state === 'running') event();
    else if (this.state === 'paused') {
      if (this.held.length >= MAX_HELD) throw new Error(`more than ${MAX_HELD} events wait for a paused broker`);
      this.held.push(event);
    }
  }

  /** The promise as the broker sees it. */
  settle<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      promise.then(
        (value) => this.run(() => resolve(value)),
        (error: unknown) => this.run(() => reject(error)),
      );
    });
  }

  pause(): void {
    if (this.state === 'running') this.state = 'paused';
  }

  resume(): void {
    if (this.state !== 'paused') return;
    this.state = 'running';
    while (this.held.length > 0 && this.isRunning()) this.held.shift()!();
  }

  kill(): void {
    this.state = 'dead';
    this.held.length = 0;
    for (const end of this.ends.splice(0)) end();
  }

  isRunning(): boolean {
    return this.state === 'running';
  }

  isDead(): boolean {
    return this.state === 'dead';
  }

  /** What the kernel does when a process ends. */
  atEnd(end: () => void): void {
    this.ends.push(end);
  }
}

export function clockOf(life: Life): Clock {
  return {
    now: () => realClock.now(),
    monotonicMs: () => realClock.monotonicMs(),
    after: (ms, fire) => realClock.after(ms, () => life.run(fire)),
    soon: (fire) => realClock.soon(() => life.run(fire)),
  };
}

/** @param files of the broker's disk, which is another one's when this life is over */
export function filesOf(life: Life, files: Files): Files {
  const alive = <Args extends readonly unknown[], T>(act: (...args: Args) => T) => {
    return (...args: Args): T => {
      if (life.isDead()) throw new Error('this broker was killed');
      return act(...args);
    };
  };
  const { lock } = files;
  return {
    open: alive((path, mode) => handleOf(life, files.open(path, mode))),
    makeDirectory: alive((path) => files.makeDirectory(path)),
    list: alive((path) => files.list(path)),
    exists: alive((path) => files.exists(path)),
    isDirectory: alive((path) => files.isDirectory(path)),
    size: alive((path) => files.size(path)),
    read: alive((path) => files.read(path)),
    replace: alive((path, content) => files.replace(path, content)),
    rename: alive((from, to) => files.rename(from, to)),
    copy: alive((from, to) => files.copy(from, to)),
    remove: alive((path) => files.remove(path)),
    removeLater: alive((path, done) => files.removeLater(path, (error) => life.run(() => done(error)))),
    syncDirectoryLater: alive((path, done) => files.syncDirectoryLater(path, (error) => life.run(() => done(error)))),
    syncDirectory: alive((path) => files.syncDirectory(path)),
    volume: alive((path) => files.volume(path)),
    lock: alive((path, holder) => lock.call(files, path, holder)),
  };
}

function handleOf(life: Life, handle: FileHandle): FileHandle {
  return {
    path: handle.path,
    size: () => handle.size(),
    readSync: (into, position) => handle.readSync(into, position),
    read: (into, position, done) => handle.read(into, position, (error, bytes) => life.run(() => done(error, bytes))),
    writeSync: (chunks, position) => handle.writeSync(chunks, position),
    write: (chunks, position, done) => handle.write(chunks, position, (error) => life.run(() => done(error))),
    truncate: (size) => handle.truncate(size),
    syncSync: () => handle.syncSync(),
    sync: (done) => handle.sync((error) => life.run(() => done(error))),
    close: () => handle.close(),
  };
}

export function transportOf(life: Life, transport: Transport): Transport {
  const wires = new Set<Wire>();
  const listenings = new Set<Listening>();
  life.atEnd(() => {
    for (const listening of listenings) void listening.close();
    for (const wire of wires) wire.destroy();
  });
  const lived = (wire: Wire): Wire => {
    wires.add(wire);
    return {
      local: wire.local,
      remote: wire.remote,
      start: (events) => wire.start(eventsOf(life, events, () => wires.delete(wire))),
      write: (chunks, sent) => wire.write(chunks, sent && (() => life.run(sent))),
      unsentBytes: () => wire.unsentBytes(),
      pause: () => wire.pause(),
      resume: () => wire.resume(),
      close: () => wire.close(),
      destroy: () => wire.destroy(),
    };
  };
  return {
    async listen(address, accept) {
      const listening = await life.settle(transport.listen(address, (wire) => life.run(() => accept(lived(wire)))));
      listenings.add(listening);
      return {
        address: listening.address,
        close: () => {
          listenings.delete(listening);
          return life.settle(listening.close());
        },
      };
    },
    connect: async (address, timeoutMs) => lived(await life.settle(transport.connect(address, timeoutMs))),
  };
}

function eventsOf(life: Life, events: WireEvents, closed: () => void): WireEvents {
  return {
    data: (chunk) => {
      if (life.isRunning()) events.data(chunk);
      else {
        const copy = Uint8Array.from(chunk); // ours only until we return
        life.run(() => events.data(copy));
      }
    },
    drained: () => life.run(() => events.drained()),
    closed: (error) => {
      closed();
      life.run(() => events.closed(error));
    },
  };
}

/**
 * The store as the broker has it. While the link is paused, what it asks does not arrive, and arrives late. At the end of the life the store is
 * closed without a word to the cluster: its leases run out.
 */
export function storeOf(life: Life, link: Life, store: MetadataStore): MetadataStore {
  life.atEnd(() => void store.close().catch(() => {}));
  const ask = <T>(act: () => Promise<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      link.run(() => {
        link.settle(act()).then(
          (value) => life.run(() => resolve(value)),
          (error: unknown) => life.run(() => reject(error)),
        );
      });
    });
  return {
    maxOps: store.maxOps,
    maxBytes: store.maxBytes,
    get: (key) => ask(() => store.get(key)),
    range: (prefix) => ask(() => store.range(prefix)),
    txn: (conds, ops, options) => ask(() => store.txn(conds, ops, options)),
    watch: (prefix, from, signal) => watched(ask, store.watch(prefix, from, signal)),
    grantLease: async (ttlMs) => leaseOf(life, ask, await ask(() => store.grantLease(ttlMs))),
    compact: (keepFrom) => ask(() => store.compact(keepFrom)),
    close: () => life.settle(store.close()),
  };
}

type Ask = <T>(act: () => Promise<T>) => Promise<T>;

async function* watched(ask: Ask, batches: AsyncIterable<Batch>): AsyncGenerator<Batch> {
  const iterator = batches[Symbol.asyncIterator]();
  for (;;) {
    const next = await ask(() => iterator.next());
    if (next.done) return;
    yield next.value;
  }
}

function leaseOf(life: Life, ask: Ask, lease: Lease): Lease {
  const losing = new AbortController();
  const tell = () => life.run(() => losing.abort(lease.lost.reason));
  if (lease.lost.aborted) losing.abort(lease.lost.reason);
  else lease.lost.addEventListener('abort', tell, { once: true });
  return {
    id: lease.id,
    ttlMs: lease.ttlMs,
    lost: losing.signal,
    validUntil: () => lease.validUntil(),
    revoke: () => ask(() => lease.revoke()),
  };
}
