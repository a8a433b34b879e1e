import type { GroupDescription } from '../coordinator/group/group-admin.ts';
import { KafkaError } from '../core/errors.ts';
import { DescribeGroups } from '../protocol/messages/describe-groups.ts';
import type { ResponseTo } from '../protocol/schema.ts';
import { type Handling, handler } from './handler.ts';
import { GROUP_OPERATIONS, NO_OPERATIONS } from './operations.ts';
import type { Needs } from './services.ts';

type Described = ResponseTo<typeof DescribeGroups>['groups'][number];

const GROUP_ID_NOT_FOUND_SINCE = 6; // KIP-1043

/**
 * DescribeGroups (15): the state of groups and their members, with what these told each other.
 *
 * Versions: v3 authorized operations (KIP-430) · v4 static members (KIP-345) · v5 flexible · v6 GROUP_ID_NOT_FOUND and its words (KIP-1043)
 * Behaviour:
 * - A group that does not exist is Dead, before v6 without an error.
 * - Metadata is shown while the group is Stable; before, it is not agreed on. Assignments are shown until there are others.
 * Deviations from Apache Kafka: none known.
 */
export const describeGroups = handler(
  DescribeGroups,
  [0, 6],
  ({ groups }: Needs<'groups'>): Handling<typeof DescribeGroups> => ({
    async handle({ groups: groupIds, includeAuthorizedOperations }, { version }) {
      const authorizedOperations = includeAuthorizedOperations ? GROUP_OPERATIONS : NO_OPERATIONS;
      const describe = async (groupId: string): Promise<Described> => {
        try {
          return { ...described(groupId, await groups.describe(groupId)), authorizedOperations };
        } catch (error) {
          if (!(error instanceof KafkaError)) throw error;
          if (error.errorName !== 'GROUP_ID_NOT_FOUND') return { ...blank(groupId, ''), errorCode: error.code };
          if (version < GROUP_ID_NOT_FOUND_SINCE) return { ...blank(groupId, 'Dead'), authorizedOperations };
          return { ...blank(groupId, 'Dead'), errorCode: error.code, errorMessage: error.message };
        }
      };
      return { groups: await Promise.all(groupIds.map(describe)) };
    },
    refuse: ({ groups: groupIds }, error) => ({ groups: groupIds.map((groupId) => ({ ...blank(groupId, ''), errorCode: error.code })) }),
  }),
);

function described(groupId: string, { state, protocolType, protocolName, members }: GroupDescription): Described {
  return {
    errorCode: 0,
    groupId,
    groupState: state,
    protocolType,
    protocolData: protocolName,
    members: members.map(({ metadata, assignment, ...member }) => ({ ...member, memberMetadata: metadata, memberAssignment: assignment })),
  };
}

function blank(groupId: string, groupState: string): Described {
  return { errorCode: 0, groupId, groupState, protocolType: '', protocolData: '', members: [] };
}
