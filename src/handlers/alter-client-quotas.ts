import { errorCodeOf, KafkaError } from '../core/errors.ts';
import { AlterClientQuotas } from '../protocol/messages/alter-client-quotas.ts';
import type { RequestOf, ResponseTo } from '../protocol/schema.ts';
import { alterQuotas, checkEntity, ENTITY_TYPES, entityName, type QuotaEntity } from '../security/quota-entity.ts';
import { eachOnce } from './each-once.ts';
import { handler } from './handler.ts';
import { inSlices } from './in-slices.ts';
import type { Needs } from './services.ts';

type Entry = RequestOf<typeof AlterClientQuotas>['entries'][number];
type Result = ResponseTo<typeof AlterClientQuotas>['entries'][number];

/**
 * AlterClientQuotas (49; KIP-546): sets and removes the quotas of users, client ids, both together, and ips.
 *
 * Versions: v1 flexible
 * Behaviour:
 * - A quota holds at this broker before it is answered, and at the others when they hear of it. Each broker measures for itself, as in Kafka.
 * - Each entity succeeds or fails for itself; where one of its keys is wrong, none of them is changed. What is not there can be removed.
 * - Without authentication every user is ANONYMOUS: quotas of other users are kept, and hold for nobody.
 * Deviations from Apache Kafka: an ip must be an address in full, as names of hosts are not looked up; of an entity that stands in the request twice
 * nothing is changed (Kafka carries out the first, and answers an error); controller_mutation_rate holds at each broker, as each carries out what it is
 * asked for, and does not count topics that are created by asking for them.
 */
export const alterClientQuotas = handler(AlterClientQuotas, [0, 1], ({ topicAdmin, clock }: Needs<'topicAdmin' | 'clock'>) => ({
  async handle({ entries, validateOnly }) {
    const results: Result[] = [];
    const asked = entries.map(({ entity, ops }) => ({ entity: entityOf(entity), ops }));
    await inSlices(
      clock,
      eachOnce(asked, ({ entity }) => entityName(entity)),
      async ({ item: { entity, ops }, duplicated }) => {
        try {
          if (duplicated) throw new KafkaError('INVALID_REQUEST', 'Each entity must appear at most once.');
          checkEntity(entity);
          const change = (current: ReadonlyMap<string, string>) => alterQuotas(entity, current, ops);
          await topicAdmin.alterConfigs({ type: 'quota', name: entityName(entity) }, change, validateOnly);
          results.push({ errorCode: 0, errorMessage: null, entity: partsOf(entity) });
        } catch (error) {
          results.push(refused(entity, error));
        }
      },
    );
    return { entries: results };
  },
  refuse: (request, error) => ({ entries: request.entries.map(({ entity }) => refused(entityOf(entity), error)) }),
}));

/** As in Kafka, a type that is named twice counts as last named. */
const entityOf = (entity: Entry['entity']): QuotaEntity => new Map(entity.map(({ entityType, entityName: name }) => [entityType, name]));

/** In the order of Kafka's answers. */
export function partsOf(entity: QuotaEntity): { entityType: string; entityName: string | null }[] {
  const types = new Set<string>([...ENTITY_TYPES, ...entity.keys()]);
  return [...types].flatMap((entityType) => {
    const name = entity.get(entityType);
    return name === undefined ? [] : [{ entityType, entityName: name }];
  });
}

function refused(entity: QuotaEntity, error: unknown): Result {
  return { errorCode: errorCodeOf(error), errorMessage: error instanceof KafkaError ? error.message : null, entity: partsOf(entity) };
}
