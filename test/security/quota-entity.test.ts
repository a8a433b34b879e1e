import { describe, expect, test } from 'vitest';
import { alterQuotas, checkEntity, type QuotaOp } from '../../src/security/quota-entity.ts';

const entity = (parts: Record<string, string | null>) => new Map(Object.entries(parts));
const USER = entity({ user: 'u' });
const IP = entity({ ip: '192.0.2.1' });
const set = (key: string, value: number): QuotaOp => ({ key, value, remove: false });
const remove = (key: string): QuotaOp => ({ key, value: 0, remove: true });
const refusal = expect.objectContaining({ errorName: 'INVALID_REQUEST' });

describe('entities', () => {
  test.each<[Record<string, string | null>]>([
    [{ user: 'u' }],
    [{ user: null }],
    [{ 'client-id': 'c' }],
    [{ user: 'u', 'client-id': null }],
    [{ user: null, 'client-id': null }],
    [{ ip: null }],
    [{ ip: '192.0.2.1' }],
    [{ ip: '::1' }],
    [{ user: 'x'.repeat(32_767) }],
  ])('%j can have quotas', (parts) => {
    expect(() => checkEntity(entity(parts))).not.toThrow();
  });

  test.each<[Record<string, string | null>]>([
    [{}],
    [{ topic: 't' }],
    [{ '': 't' }],
    [{ user: '' }],
    [{ user: 'u', topic: 't' }],
    [{ ip: '192.0.2.1', user: 'u' }],
    [{ ip: '192.0.2.1', 'client-id': null }],
    [{ ip: '' }],
    [{ ip: 'localhost' }],
    [{ ip: '192.0.2' }],
    [{ user: 'x'.repeat(32_768) }],
  ])('%j cannot', (parts) => {
    expect(() => checkEntity(entity(parts))).toThrow(refusal);
  });
});

describe('values', () => {
  // What Apache Kafka 4.4.0 accepts and refuses.
  test.each<[string, number, boolean]>([
    ['producer_byte_rate', 1, true],
    ['producer_byte_rate', 2 ** 63, true],
    ['producer_byte_rate', 2 ** 63 + 2048, false],
    ['producer_byte_rate', 0, false],
    ['producer_byte_rate', -1, false],
    ['producer_byte_rate', 0.5, false],
    ['producer_byte_rate', 1.000001, true],
    ['producer_byte_rate', 1.0000011, false],
    ['producer_byte_rate', Number.NaN, false],
    ['producer_byte_rate', Number.POSITIVE_INFINITY, false],
    ['consumer_byte_rate', 7, true],
    ['request_percentage', 0.5, true],
    ['request_percentage', 1e300, true],
    ['controller_mutation_rate', 1e-7, true],
    ['controller_mutation_rate', 0, false],
    ['connection_creation_rate', 1, false],
    ['toString', 1, false],
    ['', 1, false],
  ])('%s=%d of a user: %s', (key, value, isTaken) => {
    const alter = () => alterQuotas(USER, new Map(), [set(key, value)]);
    if (isTaken) expect(Number(alter().get(key))).toBe(value);
    else expect(alter).toThrow(refusal);
  });

  test.each<[string, number, boolean]>([
    ['connection_creation_rate', 2 ** 31 - 1, true],
    ['connection_creation_rate', 2 ** 31, false],
    ['connection_creation_rate', 1.5, false],
    ['producer_byte_rate', 1, false],
  ])('%s=%d of an ip: %s', (key, value, isTaken) => {
    const alter = () => alterQuotas(IP, new Map(), [set(key, value)]);
    if (isTaken) expect(Number(alter().get(key))).toBe(value);
    else expect(alter).toThrow(refusal);
  });
});

test('what is set and what is removed, and what was there before', () => {
  const before = new Map([
    ['producer_byte_rate', '5'],
    ['consumer_byte_rate', '6'],
  ]);
  const ops = [remove('producer_byte_rate'), set('request_percentage', 12.5), remove('controller_mutation_rate'), remove('no_such_key')];
  expect(Object.fromEntries(alterQuotas(USER, before, ops))).toEqual({ consumer_byte_rate: '6', request_percentage: '12.5' });
  expect(before.size).toBe(2);
});

test('a key that is changed twice', () => {
  expect(() => alterQuotas(USER, new Map(), [set('producer_byte_rate', 5), remove('producer_byte_rate')])).toThrow(refusal);
});
