import type { CreateTopics } from '../../protocol/messages/index.ts';
import type { RequestTo } from '../../protocol/schema.ts';
import type { Stage } from '../stage.ts';

export type NewTopic = RequestTo<typeof CreateTopics>['topics'][number];

export const ZERO = 'AAAAAAAAAAAAAAAAAAAAAA';
export const UNKNOWN_ID = 'AAAAAAAAAAAAAAAAAAAACQ';

/** An entry of CreateTopics: one partition, one replica. */
export const newTopic = (name: string, more: Partial<NewTopic> = {}): NewTopic => ({
  name,
  numPartitions: 1,
  replicationFactor: 1,
  assignments: [],
  configs: [],
  ...more,
});

/** A Metadata request for topics of these names, whether they exist or not. */
export const seen = (...names: string[]) => ({ topics: names.map((name) => ({ topicId: ZERO, name })), allowAutoTopicCreation: false });

/**
 * Steps of an admin request that has no time: `name` exists.
 * @param request for these names, with so many ms
 */
export async function withoutTime<Q>(
  stage: Pick<Stage<Q, unknown>, 'name' | 'step'>,
  name: string,
  request: (timeoutMs: number, ...names: string[]) => Q,
): Promise<void> {
  const nowhere = stage.name('nowhere');
  for (const timeoutMs of [0, -1]) {
    await stage.step(`${timeoutMs} ms`, request(timeoutMs, name));
    await stage.step(`${timeoutMs} ms, of one that does not exist`, request(timeoutMs, nowhere));
    await stage.step(`${timeoutMs} ms, of one twice`, request(timeoutMs, nowhere, nowhere));
    await stage.step(`${timeoutMs} ms, of one twice and another`, request(timeoutMs, nowhere, nowhere, name));
    await stage.step(`${timeoutMs} ms, none`, request(timeoutMs));
  }
  await stage.step('the most there is', request(2_147_483_647, name));
}
