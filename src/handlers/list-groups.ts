import { OFFSETS_TOPIC } from '../metadata/internal-topics.ts';
import { ListGroups } from '../protocol/messages/list-groups.ts';
import { handler } from './handler.ts';
import type { Needs } from './services.ts';

/** There are no groups of another type (KIP-848, KIP-932, KIP-1071). */
const GROUP_TYPE = 'classic';

/**
 * ListGroups (16): the groups that this broker coordinates.
 *
 * Versions: v3 flexible · v4 states and a filter for them (KIP-518) · v5 types and a filter for them (KIP-848)
 * Behaviour:
 * - A filter that names nothing lets everything pass; case does not matter, nor do blanks around a state, and what does not exist matches nothing.
 * - All partitions of __consumer_offsets are loaded for the answer; while one is not, COORDINATOR_LOAD_IN_PROGRESS.
 * Deviations from Apache Kafka: none known.
 */
export const listGroups = handler(ListGroups, [0, 5], ({ groups, metadata }: Needs<'groups' | 'metadata'>) => ({
  async handle({ statesFilter, typesFilter }) {
    if (!metadata.current.topic(OFFSETS_TOPIC)) return { errorCode: 0, groups: [] }; // nobody has asked for a coordinator yet
    const hasState = filter(statesFilter.map((state) => state.trim()));
    const hasType = filter(typesFilter);
    const listed = (await groups.list()).filter(({ state }) => hasState(state) && hasType(GROUP_TYPE));
    return { errorCode: 0, groups: listed.map(({ state, ...group }) => ({ ...group, groupState: state, groupType: GROUP_TYPE })) };
  },
  refuse: (_request, error) => ({ errorCode: error.code, groups: [] }),
}));

function filter(names: readonly string[]): (name: string) => boolean {
  const wanted = new Set(names.map((name) => name.toLowerCase()));
  return (name) => wanted.size === 0 || wanted.has(name.toLowerCase());
}
