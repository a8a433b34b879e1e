import { OffsetCommit } from '../protocol/messages/offset-commit.ts';
import { handler } from './handler.ts';
import { failAll, merge, resolve } from './offsets-to-commit.ts';
import type { Needs } from './services.ts';

const GROUP_ID_NOT_FOUND_SINCE = 9; // KIP-848
const TOPIC_IDS_SINCE = 10; // KIP-848

/**
 * OffsetCommit (8): stores how far a group has read.
 *
 * Versions: v1 generation, member id, timestamp (v1 only) · v2-v4 retention time · v6 leader epoch (KIP-320) · v7 static membership
 * (KIP-345) · v8 flexible · v9 member epochs, GROUP_ID_NOT_FOUND (KIP-848) · v10 topic ids
 * Behaviour:
 * - Generation -1 without a member id: from outside the group, taken while it has no members, even if it does not exist yet.
 * - Partitions that do not exist answer UNKNOWN_TOPIC_OR_PARTITION (v10: UNKNOWN_TOPIC_ID), metadata that is too long
 *   OFFSET_METADATA_TOO_LARGE; the others are stored. What is wrong with the sender answers for all of them.
 * - Answered when the commit is in the log.
 * Deviations from Apache Kafka: v0, there for ZooKeeper, stores in the log like every other version.
 */
export const offsetCommit = handler(OffsetCommit, [0, 10], ({ groups, metadata }: Needs<'groups' | 'metadata'>) => ({
  async handle(request, { version }) {
    const { found, failed } = resolve(request.topics, metadata.current, version >= TOPIC_IDS_SINCE);
    if (found.length === 0) return { topics: failed };
    const results = await groups.commit({
      groupId: request.groupId,
      memberId: request.memberId,
      groupInstanceId: request.groupInstanceId,
      generationId: request.generationIdOrMemberEpoch,
      retentionTimeMs: request.retentionTimeMs,
      knowsGroupIdNotFound: version >= GROUP_ID_NOT_FOUND_SINCE,
      topics: found,
    });
    return { topics: merge(failed, results) };
  },
  refuse: (request, error) => ({ topics: request.topics.map((topic) => failAll(topic, error.errorName)) }),
}));
