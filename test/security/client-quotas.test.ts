import { describe, expect, test } from 'vitest';
import type { KafkaError } from '../../src/core/errors.ts';
import { fakeClock } from '../../src/core/fake-clock.ts';
import { ClientQuotas } from '../../src/security/client-quotas.ts';
import type { ClientQuotaKey } from '../../src/security/quota-entity.ts';
import { limitsOf } from '../support/quota-limits.ts';

const WINDOW = { samples: 11, sampleMs: 1000 };

function setup(perSecond: Partial<Record<ClientQuotaKey | 'ip', number>>, maxMeters?: number) {
  const clock = fakeClock();
  const quotas = new ClientQuotas({ clock, window: WINDOW, controllerWindow: WINDOW, ...(maxMeters !== undefined && { maxMeters }) });
  quotas.set(limitsOf(perSecond));
  return { clock, quotas };
}

const client = (clientId = 'app') => ({ user: 'ANONYMOUS', clientId });

test('nothing is enforced until something is set, and nothing any more once it is gone', () => {
  const { quotas } = setup({ producer_byte_rate: 1 });
  expect(quotas.isEnforced).toBe(true);
  quotas.set(null);
  expect(quotas.isEnforced).toBe(false);
  expect(quotas.noteProduced(client(), 1_000_000)).toBe(0);
});

test('a changed limit counts what was measured before', () => {
  const { quotas } = setup({ producer_byte_rate: 1000 });
  expect(quotas.noteProduced(client(), 10_000)).toBe(0);
  quotas.set(limitsOf({ producer_byte_rate: 500 }));
  expect(quotas.noteProduced(client(), 10_000)).toBe(30_000); // 2,000 a second are three times too much, over ten seconds
});

describe('what consumers fetch', () => {
  test('they get no more than a window allows without its last sample', () => {
    const { quotas } = setup({ consumer_byte_rate: 1000 });
    expect(quotas.mostToFetch(client())).toBe(10_000);
    expect(setup({}).quotas.mostToFetch(client())).toBe(Number.POSITIVE_INFINITY);
  });

  test('what is withheld does not count: it is given once the window has passed what was given before', async () => {
    const { quotas, clock } = setup({ consumer_byte_rate: 1000 });
    expect(quotas.noteFetched(client(), () => 9000)).toBe(0);
    expect(quotas.noteFetched(client(), () => 3000)).toBe(2000);
    expect(quotas.noteFetched(client(), () => 3000)).toBe(2000); // not 5,000
    await clock.advance(10_999);
    expect(quotas.noteFetched(client(), () => 3000)).toBeGreaterThan(0);
    await clock.advance(1);
    expect(quotas.noteFetched(client(), () => 3000)).toBe(0);
  });

  test('without a quota nobody asks how large an answer is', () => {
    const { quotas } = setup({ producer_byte_rate: 1 });
    const asked = () => expect.unreachable();
    expect(quotas.noteFetched(client(), asked)).toBe(0);
  });
});

describe('time', () => {
  test('one percent of the loop is 100 ms in ten seconds, and the wait is one sample at most', () => {
    const { quotas } = setup({ request_percentage: 1 });
    expect(quotas.noteWorked(client(), 100)).toBe(0);
    expect(quotas.noteWorked(client(), 5)).toBe(500); // 1.05 %: five hundredths of ten seconds
    expect(quotas.noteWorked(client(), 1000)).toBe(1000);
  });
});

describe('what is created and deleted', () => {
  const charge = (quotas: ClientQuotas, partitions: number, isStrict: boolean) => {
    const quota = quotas.mutationsOf(client(), isStrict)!;
    try {
      quota.charge(partitions);
      return quota.throttleMs();
    } catch (error) {
      return [(error as KafkaError).errorName, quota.throttleMs()];
    }
  };

  test('newer clients are refused while partitions are owed, older ones wait', async () => {
    const { quotas, clock } = setup({ controller_mutation_rate: 2 });
    expect(charge(quotas, 30, true)).toBe(0); // 22 at hand, 8 owed
    expect(charge(quotas, 1, true)).toEqual(['THROTTLING_QUOTA_EXCEEDED', 4000]);
    await clock.advance(1000);
    expect(charge(quotas, 1, true)).toEqual(['THROTTLING_QUOTA_EXCEEDED', 3000]);
    expect(charge(quotas, 1, false)).toBe(3500);
    await clock.advance(3500);
    expect(charge(quotas, 1, true)).toBe(0);
  });

  test('what is left to wait shrinks while the request is carried out', async () => {
    const { quotas, clock } = setup({ controller_mutation_rate: 2 });
    const quota = quotas.mutationsOf(client(), false)!;
    quota.charge(24);
    expect(quota.throttleMs()).toBe(1000);
    await clock.advance(400);
    expect(quota.throttleMs()).toBe(600);
    await clock.advance(4000);
    expect(quota.throttleMs()).toBe(0);
  });
});

describe('connections', () => {
  test('those that are not served do not count, and wait one sample at most', async () => {
    const { quotas, clock } = setup({ ip: 1 });
    const throttled = Array.from({ length: 13 }, () => quotas.noteConnected('192.0.2.1'));
    expect(throttled).toEqual([...Array(10).fill(0), 1000, 1000, 1000]); // the eleventh: 1.1 a second, a tenth of ten seconds
    expect(quotas.noteConnected('192.0.2.2')).toBe(0);
    await clock.advance(10_999);
    expect(quotas.noteConnected('192.0.2.1')).toBeGreaterThan(0);
    await clock.advance(1);
    expect(quotas.noteConnected('192.0.2.1')).toBe(0);
  });
});

describe('the number of meters is bounded', () => {
  test('a silent client is forgotten when another comes', async () => {
    const { quotas, clock } = setup({ producer_byte_rate: 1000 }, 100);
    quotas.noteProduced(client('a'), 5000);
    quotas.noteProduced(client('b'), 5000);
    await clock.advance(10_999);
    quotas.noteProduced(client('b'), 5000);
    quotas.noteProduced(client('c'), 1);
    expect(quotas.count()).toBe(3);
    await clock.advance(1);
    quotas.noteProduced(client('d'), 1);
    expect(quotas.count()).toBe(3); // a is gone
  });

  test('beyond the limit the one that was silent longest begins anew', () => {
    const { quotas } = setup({ producer_byte_rate: 1000 }, 3);
    for (const id of ['a', 'b', 'c']) quotas.noteProduced(client(id), 10_000);
    quotas.noteProduced(client('a'), 1);
    for (const id of ['d', 'e']) quotas.noteProduced(client(id), 10_000);
    expect(quotas.count()).toBe(3);
    expect(quotas.noteProduced(client('a'), 10_000)).toBeGreaterThan(0);
    expect(quotas.noteProduced(client('b'), 10_000)).toBe(0);
  });

  test('100,000 client ids leave 10,000 meters', () => {
    const { quotas } = setup({ producer_byte_rate: 1000, request_percentage: 10 });
    for (let i = 0; i < 100_000; i++) quotas.noteProduced(client(`app-${i}`), 1);
    expect(quotas.count()).toBe(10_000);
  });
});
