import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MetadataImage } from '../../src/metadata/image.ts';
import { applyRange } from '../../src/metadata/image-changes.ts';
import { configKey } from '../../src/metadata/keys.ts';
import { encodeValue } from '../../src/metadata/values.ts';
import { entityName, parseEntityName, type QuotaEntity } from '../../src/security/quota-entity.ts';
import { QuotaLimits } from '../../src/security/quota-limits.ts';

type Quotas = readonly (readonly [entity: Readonly<Record<string, string | null>>, values: Readonly<Record<string, string>>])[];

function limitsOf(quotas: Quotas): QuotaLimits | null {
  const kvs = quotas.map(([entity, values], i) => ({
    key: configKey({ type: 'quota', name: entityName(new Map(Object.entries(entity))) }),
    value: encodeValue(values),
    rev: i + 1,
  }));
  return QuotaLimits.of(applyRange(MetadataImage.empty, kvs, 1000).image);
}

const produce = (limit: number) => ({ producer_byte_rate: String(limit) });

/** The eight kinds of entity, in the order of precedence that Kafka's documentation gives. */
const KINDS: Readonly<Record<string, string | null>>[] = [
  { user: 'u', 'client-id': 'c' },
  { user: 'u', 'client-id': null },
  { user: 'u' },
  { user: null, 'client-id': 'c' },
  { user: null, 'client-id': null },
  { user: null },
  { 'client-id': 'c' },
  { 'client-id': null },
];

/**
 * Which of them Apache Kafka 4.4.0 (ClientQuotaManager.quota) applies where only some are set: bit n of a word's place says that kind n + 1 is set, its
 * digits which one holds for user u with client ids c, d and '', then for user v with the same; 0: none.
 */
// biome-ignore format: a table
const KAFKAS_CHOICE = `
000000 100000 220000 120000 333000 133000 223000 123000 400400 100400 220400 120400 333400 133400 223400 123400
550550 150550 220550 120550 333550 133550 223550 123550 450450 150450 220450 120450 333450 133450 223450 123450
666666 166666 226666 126666 333666 133666 223666 123666 466466 166466 226466 126466 333466 133466 223466 123466
556556 156556 226556 126556 333556 133556 223556 123556 456456 156456 226456 126456 333456 133456 223456 123456
700700 100700 220700 120700 333700 133700 223700 123700 400400 100400 220400 120400 333400 133400 223400 123400
550550 150550 220550 120550 333550 133550 223550 123550 450450 150450 220450 120450 333450 133450 223450 123450
666666 166666 226666 126666 333666 133666 223666 123666 466466 166466 226466 126466 333466 133466 223466 123466
556556 156556 226556 126556 333556 133556 223556 123556 456456 156456 226456 126456 333456 133456 223456 123456
880880 180880 220880 120880 333880 133880 223880 123880 480480 180480 220480 120480 333480 133480 223480 123480
550550 150550 220550 120550 333550 133550 223550 123550 450450 150450 220450 120450 333450 133450 223450 123450
666666 166666 226666 126666 333666 133666 223666 123666 466466 166466 226466 126466 333466 133466 223466 123466
556556 156556 226556 126556 333556 133556 223556 123556 456456 156456 226456 126456 333456 133456 223456 123456
780780 180780 220780 120780 333780 133780 223780 123780 480480 180480 220480 120480 333480 133480 223480 123480
550550 150550 220550 120550 333550 133550 223550 123550 450450 150450 220450 120450 333450 133450 223450 123450
666666 166666 226666 126666 333666 133666 223666 123666 466466 166466 226466 126466 333466 133466 223466 123466
556556 156556 226556 126556 333556 133556 223556 123556 456456 156456 226456 126456 333456 133456 223456 123456
`.trim().split(/\s+/);

const CLIENTS = ['u', 'v'].flatMap((user) => ['c', 'd', ''].map((clientId) => [user, clientId] as const));

test('of all that apply the most specific quota holds, as Apache Kafka chooses, whichever are set', () => {
  expect(KAFKAS_CHOICE).toHaveLength(256);
  const choices = KAFKAS_CHOICE.map((_, set) => {
    const limits = limitsOf(KINDS.flatMap((entity, kind) => ((set >> kind) & 1 ? [[entity, produce(kind + 1)] as const] : [])));
    return CLIENTS.map(([user, clientId]) => limits?.ofClient('producer_byte_rate', user, clientId)?.perSecond ?? 0).join('');
  });
  expect(choices).toEqual(KAFKAS_CHOICE);
});

test('each key is looked for by itself', () => {
  const limits = limitsOf([
    [{ user: 'u', 'client-id': 'c' }, produce(1)],
    [{ 'client-id': null }, { consumer_byte_rate: '2', producer_byte_rate: '3' }],
  ])!;
  expect(limits.ofClient('producer_byte_rate', 'u', 'c')?.perSecond).toBe(1);
  expect(limits.ofClient('consumer_byte_rate', 'u', 'c')?.perSecond).toBe(2);
  expect(limits.ofClient('request_percentage', 'u', 'c')).toBeNull();
});

describe('who shares a quota', () => {
  const sharedAs = (quotas: Quotas, user: string, clientId: string) =>
    limitsOf(quotas)!.ofClient('producer_byte_rate', user, clientId)!.sharedAs;

  test.each<[string, Quotas]>([
    ['a user', [[{ user: 'u' }, produce(1)]]],
    ['the default user', [[{ user: null }, produce(1)]]],
  ])('%s: all client ids of one user, but no two users', (_, quotas) => {
    expect(sharedAs(quotas, 'u', 'c')).toBe(sharedAs(quotas, 'u', 'd'));
    expect(limitsOf(quotas)!.ofClient('producer_byte_rate', 'v', 'c')?.sharedAs).not.toBe(sharedAs(quotas, 'u', 'c'));
  });

  test.each<[string, Quotas]>([
    ['a client id', [[{ 'client-id': 'c' }, produce(1)]]],
    ['the default client id', [[{ 'client-id': null }, produce(1)]]],
  ])('%s: all users of one client id, but no two client ids', (_, quotas) => {
    expect(sharedAs(quotas, 'u', 'c')).toBe(sharedAs(quotas, 'v', 'c'));
    expect(limitsOf(quotas)!.ofClient('producer_byte_rate', 'u', 'd')?.sharedAs).not.toBe(sharedAs(quotas, 'u', 'c'));
  });

  test.each<[string, Quotas]>([
    [
      'a user and a client id',
      [
        [{ user: 'u', 'client-id': 'c' }, produce(1)],
        [{ user: null }, produce(1)],
        [{ 'client-id': null }, produce(1)],
      ],
    ],
    ['default user and default client id', [[{ user: null, 'client-id': null }, produce(1)]]],
  ])('%s: nobody else', (_, quotas) => {
    expect(sharedAs(quotas, 'u', 'c')).not.toBe(sharedAs(quotas, 'u', 'd'));
    expect(sharedAs(quotas, 'u', 'c')).not.toBe(sharedAs(quotas, 'v', 'c'));
  });

  test('names cannot be chosen so that two clients are taken for one', () => {
    const quotas: Quotas = [[{ user: null, 'client-id': null }, produce(1)]];
    const name = fc.string({ unit: fc.constantFrom('a', '1', ' ', '0'), minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(name, name, name, name, (user, clientId, user2, clientId2) => {
        const isSame = user === user2 && clientId === clientId2;
        expect(sharedAs(quotas, user, clientId) === sharedAs(quotas, user2, clientId2)).toBe(isSame);
      }),
    );
  });
});

describe('addresses', () => {
  const rate = (limit: number) => ({ connection_creation_rate: String(limit) });
  const limits = limitsOf([
    [{ ip: '192.0.2.1' }, rate(1)],
    [{ ip: '0:0:0:0:0:0:0:1' }, rate(2)],
    [{ ip: '::ffff:192.0.2.9' }, rate(3)],
  ])!;
  test.each([
    ['192.0.2.1', 1],
    ['::1', 2],
    ['192.0.2.9', 3],
    ['192.0.2.2', null],
  ])('%s, however it is written', (ip, limit) => {
    expect(limits.ofIp(ip)).toBe(limit);
  });
  test('the default holds for all others', () => {
    expect(limitsOf([[{ ip: null }, rate(7)]])!.ofIp('192.0.2.2')).toBe(7);
  });
});

test('where nothing is set there are no limits', () => {
  expect(limitsOf([])).toBeNull();
});

test('any names survive being stored', () => {
  const name = fc.option(fc.string({ unit: 'binary', minLength: 1 }), { nil: null });
  const entities = fc.record({ user: name, 'client-id': name, ip: name }, { requiredKeys: [] });
  fc.assert(
    fc.property(entities, (parts) => {
      fc.pre(Object.keys(parts).length > 0);
      const entity: QuotaEntity = new Map(Object.entries(parts) as [string, string | null][]);
      const stored = entityName(entity);
      expect(stored).toMatch(/^[\x20-\x7e]+$/);
      expect(Object.fromEntries(parseEntityName(stored)!)).toEqual(parts);
    }),
  );
});
