import { KafkaError } from '../core/errors.ts';
import { DescribeClientQuotas } from '../protocol/messages/describe-client-quotas.ts';
import type { RequestOf, ResponseTo } from '../protocol/schema.ts';
import { ENTITY_TYPES, parseEntityName, type QuotaEntity } from '../security/quota-entity.ts';
import { partsOf } from './alter-client-quotas.ts';
import { caughtUp } from './caught-up.ts';
import { handler } from './handler.ts';
import { inSlices } from './in-slices.ts';
import type { Needs } from './services.ts';

type Component = RequestOf<typeof DescribeClientQuotas>['components'][number];
type Entry = NonNullable<ResponseTo<typeof DescribeClientQuotas>['entries']>[number];
/** What an entity's name of a type must be; 'any': there must be one, be it the default. */
type Filter = ReadonlyMap<string, 'any' | { readonly name: string | null }>;

/** match_type on the wire. */
const EXACT = 0;
const DEFAULT = 1;
const SPECIFIED = 2;

/**
 * DescribeClientQuotas (48; KIP-546): the quotas of the entities that a filter lets through.
 *
 * Versions: v1 flexible
 * Behaviour: an entity must match every component; with `strict` it may have no other types. So nothing at all matches what is strict and empty.
 * Deviations from Apache Kafka: none known.
 */
export const describeClientQuotas = handler(
  DescribeClientQuotas,
  [0, 1],
  ({ store, metadata, clock }: Needs<'store' | 'metadata' | 'clock'>) => ({
    async handle({ components, strict }) {
      const filter = filterOf(components);
      await caughtUp({ store, metadata });
      const entries: Entry[] = [];
      await inSlices(clock, metadata.current.configsOf('quota'), ([name, values]) => {
        const entity = parseEntityName(name);
        if (!entity || !matches(entity, filter, strict)) return;
        entries.push({ entity: partsOf(entity), values: Array.from(values, ([key, value]) => ({ key, value: Number(value) })) });
      });
      return { errorCode: 0, errorMessage: '', entries };
    },
    refuse: (_request, error) => ({ errorCode: error.code, errorMessage: error.message, entries: null }),
  }),
);

/** @throws KafkaError INVALID_REQUEST, UNSUPPORTED_VERSION */
function filterOf(components: readonly Component[]): Filter {
  const filter = new Map<string, 'any' | { name: string | null }>();
  for (const component of components) {
    const { entityType } = component;
    if (entityType === '') throw new KafkaError('INVALID_REQUEST', 'Invalid empty entity type.');
    if (filter.has(entityType))
      throw new KafkaError('INVALID_REQUEST', `Entity type ${entityType} cannot appear more than once in the filter.`);
    if (!ENTITY_TYPES.some((known) => known === entityType))
      throw new KafkaError('UNSUPPORTED_VERSION', `There are no quotas of entity type ${entityType}.`);
    filter.set(entityType, wantedBy(component));
  }
  if (filter.has('ip') && filter.size > 1) throw new KafkaError('INVALID_REQUEST', 'An ip cannot be combined with a user or a client id.');
  return filter;
}

function wantedBy({ matchType, match }: Component): 'any' | { name: string | null } {
  if (matchType === EXACT) {
    if (match === null) throw new KafkaError('INVALID_REQUEST', 'An exact match needs a name.');
    return { name: match };
  }
  if (matchType !== DEFAULT && matchType !== SPECIFIED) throw new KafkaError('INVALID_REQUEST', `Unknown match type ${matchType}.`);
  if (match !== null) throw new KafkaError('INVALID_REQUEST', `Match type ${matchType} takes no name.`);
  return matchType === DEFAULT ? { name: null } : 'any';
}

function matches(entity: QuotaEntity, filter: Filter, strict: boolean): boolean {
  if (strict && entity.size !== filter.size) return false;
  for (const [type, wanted] of filter) {
    if (!entity.has(type)) return false;
    if (wanted !== 'any' && entity.get(type) !== wanted.name) return false;
  }
  return true;
}
