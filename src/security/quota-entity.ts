import { KafkaError } from '../core/errors.ts';
import { canonicalIp } from '../core/ip-address.ts';

/** The quotas of a client, of KIP-13, KIP-124 and KIP-599. */
export type ClientQuotaKey = 'producer_byte_rate' | 'consumer_byte_rate' | 'request_percentage' | 'controller_mutation_rate';
export type QuotaKey = ClientQuotaKey | 'connection_creation_rate';
export const ENTITY_TYPES = ['client-id', 'user', 'ip'] as const;

/** Whom quotas are for: a name for each type (user, client-id, ip); null: all that have no quota by name. */
export type QuotaEntity = ReadonlyMap<string, string | null>;

/** One change of an entity's quotas. */
export interface QuotaOp {
  readonly key: string;
  readonly value: number;
  readonly remove: boolean;
}

/** What a value may be, besides above 0. */
interface QuotaKeyRule {
  readonly integral: boolean;
  readonly most: number;
}

const BYTES: QuotaKeyRule = { integral: true, most: 2 ** 63 };
const FRACTION: QuotaKeyRule = { integral: false, most: Number.MAX_VALUE };
const CLIENT_KEYS: Readonly<Record<string, QuotaKeyRule>> = {
  producer_byte_rate: BYTES,
  consumer_byte_rate: BYTES,
  request_percentage: FRACTION,
  controller_mutation_rate: FRACTION,
} satisfies Record<ClientQuotaKey, QuotaKeyRule>;
const IP_KEYS: Readonly<Record<string, QuotaKeyRule>> = { connection_creation_rate: { integral: true, most: 2 ** 31 - 1 } };
/** A request header holds no longer client id. */
const MAX_NAME = 32_767;
/** What counts as no fraction. */
const NEARLY_INTEGRAL = 1e-6;

/** The name under which an entity's quotas are stored: `client-id=app&user` is client id app of any user. */
export function entityName(entity: QuotaEntity): string {
  return [...entity]
    .map(([type, name]) => (name === null ? type : `${type}=${encodeURIComponent(name)}`))
    .sort()
    .join('&');
}

/** undefined: a name that `entityName` does not give. */
export function parseEntityName(text: string): QuotaEntity | undefined {
  try {
    return new Map(
      text.split('&').map((part): [string, string | null] => {
        const [type, name] = part.split('=', 2) as [string, string | undefined];
        return [type, name === undefined ? null : decodeURIComponent(name)];
      }),
    );
  } catch {
    return undefined;
  }
}

/** @throws KafkaError INVALID_REQUEST for what can have no quotas */
export function checkEntity(entity: QuotaEntity): void {
  if (entity.size === 0) throw invalid('An entity must name a user, a client id or an ip.');
  for (const [type, name] of entity) {
    if (!ENTITY_TYPES.some((known) => known === type)) throw invalid(`There are no quotas of entity type "${type}".`);
    if ((name?.length ?? 0) > MAX_NAME) throw invalid(`The ${type} is longer than any can be.`);
    if (name === '') throw invalid(`An empty ${type} is not supported.`);
  }
  const ip = entity.get('ip');
  if (ip === undefined) return;
  if (entity.size > 1) throw invalid('An ip cannot be combined with a user or a client id.');
  if (ip !== null && canonicalIp(ip) === null) throw invalid(`${ip} is not an IP address; names of hosts are not looked up.`);
}

/**
 * What an entity's quotas become. What is not there may be removed, whatever its key.
 * @throws KafkaError INVALID_REQUEST, for one wrong change nothing is changed
 */
export function alterQuotas(
  entity: QuotaEntity,
  current: ReadonlyMap<string, string>,
  ops: readonly QuotaOp[],
): ReadonlyMap<string, string> {
  const next = new Map(current);
  const rules = entity.has('ip') ? IP_KEYS : CLIENT_KEYS;
  const changed = new Set<string>();
  for (const { key, value, remove } of ops) {
    if (changed.has(key)) throw invalid(`${key} is changed twice.`);
    changed.add(key);
    if (remove) {
      next.delete(key);
      continue;
    }
    if (!Object.hasOwn(rules, key)) throw invalid(`Invalid configuration key ${key}.`);
    checkValue(key, value, rules[key]!);
    next.set(key, String(value));
  }
  return next;
}

function checkValue(key: string, value: number, { integral, most }: QuotaKeyRule): void {
  if (!Number.isFinite(value)) throw invalid(`Quota ${key} must be a finite number.`);
  if (value <= 0) throw invalid(`Quota ${key} must be greater than 0.`);
  if (value > most) throw invalid(`Quota ${key} is too large.`);
  if (integral && Math.abs(value % 1) > NEARLY_INTEGRAL) throw invalid(`Quota ${key} cannot be a fractional value.`);
}

const invalid = (message: string) => new KafkaError('INVALID_REQUEST', message);
