import { AlterClientQuotas, DescribeClientQuotas } from '../../protocol/messages/index.ts';
import type { RequestTo, ResponseOf } from '../../protocol/schema.ts';
import type { Stage } from '../stage.ts';

export type AlterStage = Stage<RequestTo<typeof AlterClientQuotas>, ResponseOf<typeof AlterClientQuotas>>;
export type DescribeStage = Stage<RequestTo<typeof DescribeClientQuotas>, ResponseOf<typeof DescribeClientQuotas>>;
type Staging = Pick<Stage<never, never>, 'name' | 'ask' | 'until' | 'stepOf' | 'pause'>;

/** Whom a quota is for; null: the default. */
export type Parts = Readonly<Record<string, string | null | undefined>>;
/** null: removed. */
export type Values = Readonly<Record<string, number | null>>;

/** Around its own API, a version that both Kafkas speak. */
const AROUND = 1;
const KEYS = ['producer_byte_rate', 'consumer_byte_rate', 'request_percentage', 'controller_mutation_rate'];

export const entityOf = (parts: Parts) =>
  Object.entries(parts).map(([entityType, entityName]) => ({ entityType, entityName: entityName ?? null }));

export const alteration = (parts: Parts, values: Values) => ({
  entity: entityOf(parts),
  ops: Object.entries(values).map(([key, value]) => ({ key, value: value ?? 0, remove: value === null })),
});

export const exactly = (entityType: string, match: string | null) => ({ entityType, matchType: match === null ? 1 : 0, match });

const look = (parts: Parts) => ({ components: Object.entries(parts).map(([type, name]) => exactly(type, name ?? null)), strict: true });

interface Entity {
  readonly entity: readonly { readonly entityType: string; readonly entityName: string | null }[];
}

/** Entities as objects, in an order that means nothing: Kafka answers from hash maps. */
function inOrder<T extends Entity>(entries: readonly T[], prefix: string) {
  return entries
    .map((entry) => ({ ...entry, entity: Object.fromEntries(entry.entity.map(({ entityType, entityName }) => [entityType, entityName])) }))
    .map((entry) => ({ entry, key: JSON.stringify(Object.entries(entry.entity).sort()).replaceAll(prefix, '~') }))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .map(({ entry }) => entry);
}

export const showAltered = (stage: Staging) => (response: ResponseOf<typeof AlterClientQuotas>) => ({
  ...response,
  entries: inOrder(response.entries, stage.name('')),
});

/** Without what others have set. */
export function showDescribed(stage: Staging, addresses: readonly string[] = []) {
  const prefix = stage.name('');
  const isOwn = ({ entity }: Entity) =>
    entity.some(({ entityName }) => entityName?.startsWith(prefix) || addresses.includes(entityName ?? ''));
  return ({ entries, ...rest }: ResponseOf<typeof DescribeClientQuotas>) => ({
    ...rest,
    entries: entries && inOrder(entries.filter(isOwn), prefix).map(({ entity, values }) => ({ entity, values: valuesOf(values) })),
  });
}

const valuesOf = (values: readonly { key: string; value: number }[]) =>
  Object.fromEntries([...values].sort((a, b) => (a.key < b.key ? -1 : 1)).map(({ key, value }) => [key, value]));

/** The addresses of a scenario, which are others in each run, by their number. */
export function withAddresses<T>(addresses: readonly string[], show: (response: T) => unknown): (response: T) => unknown {
  if (addresses.length === 0) return show;
  const renamed = (text: string) => addresses.reduce((all, address, i) => all.replaceAll(`"${address}"`, `"address ${i}"`), text);
  return (response) => JSON.parse(renamed(JSON.stringify(show(response))));
}

/** An address that nobody has (RFC 5737, RFC 3849), and that other runs hardly use. */
export function ownAddress(stage: Staging, kind: number): string {
  let hash = kind;
  for (const char of stage.name('address')) hash = (hash * 31 + char.charCodeAt(0)) % 65_521;
  return kind === 6 ? `2001:db8::${(hash + 1).toString(16)}` : `198.51.100.${(hash % 254) + 1}`;
}

/** Waits until an entity has these quotas; null: whatever it has. */
export async function describedBy(stage: Staging, parts: Parts, values: Values | null): Promise<void> {
  if (values === null) return;
  const wanted = JSON.stringify(Object.entries(values).sort());
  await stage.until(DescribeClientQuotas, AROUND, look(parts), ({ entries }) => {
    const found = Object.entries(valuesOf(entries?.[0]?.values ?? []));
    return JSON.stringify(found) === wanted;
  });
}

/** Records the quotas of an entity, once they are those. */
export async function lookAt(
  stage: Staging,
  name: string,
  parts: Parts,
  values: Values | null,
  addresses: readonly string[] = [],
): Promise<void> {
  await describedBy(stage, parts, values);
  const show = ({ entries }: ResponseOf<typeof DescribeClientQuotas>) => ({ values: valuesOf(entries?.[0]?.values ?? []) });
  await stage.stepOf(DescribeClientQuotas, AROUND, name, look(parts), withAddresses(addresses, show));
}

/** Removes all that these entities have. */
export async function clearQuotas(stage: Staging, ...entities: readonly Parts[]): Promise<void> {
  const keys = (parts: Parts) => ('ip' in parts ? ['connection_creation_rate'] : KEYS);
  const entries = entities.map((parts) => alteration(parts, Object.fromEntries(keys(parts).map((key) => [key, null]))));
  await stage.ask(AlterClientQuotas, AROUND, { entries, validateOnly: false });
}

/** Sets the quotas of client ids, plays, and takes them back. The broker may enforce them a moment after it shows them. */
export async function withQuotas(stage: Staging, clientIds: readonly string[], values: Values, play: () => Promise<void>): Promise<void> {
  const entities = clientIds.map((clientId) => ({ 'client-id': clientId }));
  try {
    await stage.ask(AlterClientQuotas, AROUND, { entries: entities.map((each) => alteration(each, values)), validateOnly: false });
    for (const entity of entities) await describedBy(stage, entity, values);
    await stage.pause(100);
    await play();
  } finally {
    await clearQuotas(stage, ...entities);
  }
}
