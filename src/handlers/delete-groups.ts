import { KafkaError } from '../core/errors.ts';
import { DeleteGroups } from '../protocol/messages/delete-groups.ts';
import type { ResponseTo } from '../protocol/schema.ts';
import { type Handling, handler } from './handler.ts';
import type { Needs } from './services.ts';

type Result = ResponseTo<typeof DeleteGroups>['results'][number];

/**
 * DeleteGroups (42): deletes groups that have no members, with their offsets.
 *
 * Versions: v2 flexible · v3 a field for the error in words (KIP-1043), which Kafka leaves null
 * Behaviour: GROUP_ID_NOT_FOUND, NON_EMPTY_GROUP for each group by itself. Answered when the deletion is in the log. A name twice is
 * deleted once and answered once.
 * Deviations from Apache Kafka: none known.
 */
export const deleteGroups = handler(
  DeleteGroups,
  [0, 3],
  ({ groups }: Needs<'groups'>): Handling<typeof DeleteGroups> => ({
    async handle({ groupsNames }) {
      const deleted = async (groupId: string): Promise<Result> => {
        try {
          await groups.deleteGroup(groupId);
          return { groupId, errorCode: 0 };
        } catch (error) {
          if (!(error instanceof KafkaError)) throw error;
          return { groupId, errorCode: error.code }; // without words, as Kafka
        }
      };
      return { results: await Promise.all([...new Set(groupsNames)].map(deleted)) };
    },
    refuse: ({ groupsNames }, error) => ({
      results: groupsNames.map((groupId) => ({ groupId, errorCode: error.code })),
    }),
  }),
);
