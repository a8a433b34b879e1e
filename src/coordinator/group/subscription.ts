import { DecodeError, Reader } from '../../protocol/wire.ts';
import type { ClassicGroup } from './classic-group.ts';

/** The protocol type of consumers: of these groups alone the broker reads what members say to each other. */
export const CONSUMER = 'consumer';

/** The topics that a group's members have subscribed to in its generation; undefined: nobody can tell. */
export function subscribedTopics(group: ClassicGroup): ReadonlySet<string> | undefined {
  if (group.protocolType !== CONSUMER) return undefined;
  const topics = new Set<string>();
  if (group.members.size === 0) return topics;
  if (group.protocolName === null) return undefined;
  for (const member of group.members.values()) {
    const named = topicsOf(member.metadataFor(group.protocolName));
    if (!named) return undefined;
    for (const topic of named) topics.add(topic);
  }
  return topics;
}

/** Whether commits for a topic are still in use. A group of consumers that nobody understands may use any. */
export function isSubscribedTo(group: ClassicGroup, topic: string): boolean {
  return subscribedTopics(group)?.has(topic) ?? group.protocolType === CONSUMER;
}

/** A consumer's subscription begins, in every version, with that version and the names of its topics (ConsumerProtocolSubscription). */
function topicsOf(metadata: Buffer): string[] | undefined {
  try {
    const reader = new Reader(metadata);
    if (reader.int16() < 0) return undefined;
    const count = reader.int32();
    const topics: string[] = [];
    for (let i = 0; i < count; i++) topics.push(reader.string());
    return topics;
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}
