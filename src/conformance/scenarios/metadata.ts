import { Metadata } from '../../protocol/messages/index.ts';
import type { ResponseOf } from '../../protocol/schema.ts';
import { scenario } from '../scenario.ts';

const NONE = 'AAAAAAAAAAAAAAAAAAAAAA';
const named = (...names: string[]) => names.map((name) => ({ topicId: NONE, name }));
const byId = (...ids: string[]) => ids.map((topicId) => ({ topicId, name: null }));

/** Other scenarios' topics are none of this one's business. */
const own = (prefix: string) => (response: ResponseOf<typeof Metadata>) => ({
  ...response,
  topics: response.topics.filter(({ name }) => name?.startsWith(prefix) || name === '__consumer_offsets'),
});

export const metadataScenarios = [
  scenario(Metadata, 'all and none', async (stage) => {
    await stage.topic('a', { partitions: 3 });
    await stage.topic('b');
    await stage.group('any');
    await stage.step(
      stage.version === 0 ? 'an empty list: all' : 'null: all',
      { topics: stage.version === 0 ? [] : null },
      own(stage.name('')),
    );
    if (stage.version > 0) await stage.step('an empty list: none', { topics: [] });
  }),

  scenario(Metadata, 'by name', async (stage) => {
    const a = await stage.topic('a', { partitions: 3 });
    const b = await stage.topic('b');
    await stage.step('one', { topics: named(a.name), allowAutoTopicCreation: false });
    await stage.step('two', { topics: named(b.name, a.name), allowAutoTopicCreation: false });
    await stage.step('the same twice', { topics: named(a.name, a.name), allowAutoTopicCreation: false });
    // Versions 0-3 cannot say that a topic must not be created.
    if (stage.version >= 4)
      await stage.step('one that does not exist', { topics: named(a.name, stage.name('nowhere')), allowAutoTopicCreation: false });
    for (const name of ['', '.', '..', 'a b', 'a/b', 'ä', 'x'.repeat(250)]) {
      await stage.step(`invalid name "${name.slice(0, 5)}"`, { topics: named(name), allowAutoTopicCreation: false });
    }
    await stage.step('__consumer_offsets', { topics: named('__consumer_offsets'), allowAutoTopicCreation: false }, ({ topics }) =>
      topics.map(({ errorCode, isInternal, partitions }) => ({ errorCode, isInternal, partitions: partitions.length })),
    );
  }),

  scenario(Metadata, 'a topic that is created by asking for it', async (stage) => {
    const name = stage.name('auto');
    await stage.step('the first answer', { topics: named(name) }, ({ topics }) =>
      topics.map(({ errorCode, partitions }) => ({ errorCode, partitions })),
    );
    await stage.ready(name);
    await stage.eventually('once it is there', { topics: named(name) }, ({ topics }) => topics[0]?.errorCode === 0);
    for (const invalid of ['', 'a b']) await stage.step(`invalid name "${invalid}"`, { topics: named(invalid) });
  }),

  scenario(
    Metadata,
    'by id',
    async (stage) => {
      const a = await stage.topic('a', { partitions: 2 });
      await stage.step('known', { topics: byId(a.topicId), allowAutoTopicCreation: false });
      await stage.step('unknown', { topics: byId('AAAAAAAAAAAAAAAAAAAACQ'), allowAutoTopicCreation: false });
      await stage.step('known and unknown', { topics: byId('AAAAAAAAAAAAAAAAAAAACQ', a.topicId), allowAutoTopicCreation: true });
      await stage.step('the zero id and no name', { topics: byId(NONE), allowAutoTopicCreation: false });
      await stage.step('id and name', { topics: [{ topicId: a.topicId, name: a.name }], allowAutoTopicCreation: false });
      await stage.step('an id beside a name', {
        topics: [...byId(a.topicId), ...named(stage.name('nowhere'))],
        allowAutoTopicCreation: false,
      });
    },
    [10, 13],
  ),

  scenario(
    Metadata,
    'authorized operations',
    async (stage) => {
      const { name } = await stage.topic('a');
      await stage.step('of topics', { topics: named(name), includeTopicAuthorizedOperations: true, allowAutoTopicCreation: false });
      await stage.step('of a topic that does not exist', {
        topics: named(stage.name('nowhere')),
        includeTopicAuthorizedOperations: true,
        allowAutoTopicCreation: false,
      });
      if (stage.version <= 10) await stage.step('of the cluster', { topics: [], includeClusterAuthorizedOperations: true });
    },
    [8, 13],
  ),
];
