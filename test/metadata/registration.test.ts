import { expect, test } from 'vitest';
import { fakeClock } from '../../src/core/fake-clock.ts';
import { ensureCluster } from '../../src/metadata/cluster.ts';
import { MetadataFeed } from '../../src/metadata/image-feed.ts';
import { openMemoryStore } from '../../src/metadata/memory-store.ts';
import { Registration } from '../../src/metadata/registration.ts';
import { InDoubtError, type MetadataStore, UnavailableError } from '../../src/metadata/store.ts';
import { seededBytes } from './cluster-fixture.ts';

const LEASE_MS = 9_000;

/** A broker that starts while the store cannot be written. */
async function starting(failures: () => Error | undefined) {
  const clock = fakeClock();
  const inner = openMemoryStore({ clock });
  await ensureCluster(inner, seededBytes(1));
  const metadata = await MetadataFeed.open(inner, {
    clock,
    onError: (error) => {
      throw error;
    },
  });
  const store: MetadataStore = Object.assign(Object.create(inner) as MetadataStore, {
    grantLease: async (ttlMs: number) => {
      const failure = failures();
      if (failure) throw failure;
      return inner.grantLease(ttlMs);
    },
  });
  const outcome: { epoch?: number | undefined; error?: unknown } = {};
  const opening = Registration.open({
    store,
    metadata,
    clock,
    broker: { id: 1, rack: null, listeners: [], liveness: null },
    disk: { directoryId: 'directory', generationToRegister: () => 1, noteRegistered: () => {} },
    onLost: () => {},
    onRegistered: ({ epoch }) => {
      outcome.epoch = epoch;
    },
    onFailure: () => {},
    leaseMs: LEASE_MS,
  });
  const ended = opening.then(
    (registration) => registration.close(),
    (error) => {
      outcome.error = error;
    },
  );
  const close = async () => {
    await ended;
    await metadata.close();
    await inner.close();
  };
  return { clock, outcome, close };
}

test('a broker that starts while the store cannot be written waits for it', async () => {
  const failures = [
    new UnavailableError('database is locked'),
    new InDoubtError('not answered'),
    new UnavailableError('database is locked'),
  ];
  const { clock, outcome, close } = await starting(() => failures.shift());
  await clock.advance(1_000);
  expect(outcome).toEqual({});
  await clock.advance(1_000);
  expect(outcome).toEqual({ epoch: expect.any(Number) });
  await close();
});

test('... but not for ever, and says why', async () => {
  const { clock, outcome, close } = await starting(() => new UnavailableError('database is locked'));
  await clock.advance(2 * LEASE_MS - 1_000);
  expect(outcome).toEqual({});
  await clock.advance(2_000);
  expect(outcome.error).toEqual(new UnavailableError('database is locked'));
  await close();
});
