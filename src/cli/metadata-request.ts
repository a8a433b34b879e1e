import { Metadata } from '../protocol/messages/index.ts';
import type { RequestOf } from '../protocol/schema.ts';
import { ZERO_UUID } from '../protocol/wire.ts';
import type { BootstrapConnection } from './bootstrap.ts';

/**
 * Asks for topics by name; null: all of them. A topic that is missing is created only with `createMissing`, and where the broker does so by
 * itself. Where that cannot be forbidden (before v4) all topics are asked for, so more may be answered than was named.
 */
export function metadataRequest(
  broker: BootstrapConnection,
  names: readonly string[] | null,
  createMissing = false,
): Pick<RequestOf<typeof Metadata>, 'allowAutoTopicCreation'> & { topics: { name: string; topicId: string }[] | null } {
  const version = broker.version(Metadata);
  const all = names === null || (version < 4 && !createMissing && names.length > 0);
  const everything = version < 1 ? [] : null; // before v1 an empty list stands for all
  return {
    topics: all ? everything : names.map((name) => ({ name, topicId: ZERO_UUID })),
    allowAutoTopicCreation: createMissing,
  };
}
