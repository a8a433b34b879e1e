import { DeleteTopics, Metadata } from '../../protocol/messages/index.ts';
import type { ResponseOf } from '../../protocol/schema.ts';
import { scenario } from '../scenario.ts';

const UNKNOWN_ID = 'AAAAAAAAAAAAAAAAAAAACQ';
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

  scenario(Metadata, 'names that cannot be created', async (stage) => {
    // Version 0 to 3 always allow it.
    const create = (...names: string[]) => ({ topics: named(...names), allowAutoTopicCreation: true });
    for (const name of ['', '.', '..', 'a/b', 'a:b', 'ä', 'x'.repeat(250)]) await stage.step(`name "${name.slice(0, 5)}"`, create(name));
    await stage.step('two of them', create('a/b', '..'));
    await stage.step('one of them twice', create('a/b', 'a/b'));
    const { name } = await stage.topic('a');
    await stage.step('one beside a topic', create('a/b', name));
    await stage.step('one beside a topic, in the other order', create(name, 'a/b'));
  }),

  scenario(
    Metadata,
    'topics that do not exist, and are not to be created',
    async (stage) => {
      const { name } = await stage.topic('a');
      const [b, c] = [stage.name('b'), stage.name('c')];
      await stage.step('two', { topics: named(b, c), allowAutoTopicCreation: false });
      await stage.step('one twice', { topics: named(b, b), allowAutoTopicCreation: false });
      await stage.step('between topics that do', { topics: named(b, name, c), allowAutoTopicCreation: false });
      await stage.step("Kafka's metadata log", { topics: named('__cluster_metadata'), allowAutoTopicCreation: false });
      await stage.step('they are not there still', { topics: named(b, c), allowAutoTopicCreation: false });
    },
    [4, 13],
  ),

  scenario(
    Metadata,
    'operations that are asked for',
    async (stage) => {
      const { name } = await stage.topic('a', { partitions: 2 });
      const operations = { includeTopicAuthorizedOperations: true };
      await stage.step('of all topics', { topics: null, ...operations }, own(stage.name('')));
      await stage.step('of an invalid name', { topics: named('a b'), ...operations, allowAutoTopicCreation: false });
      await stage.step('not asked for', { topics: named(name), allowAutoTopicCreation: false });
      if (stage.version > 10) return;
      await stage.step('of the cluster, and of topics', { topics: named(name), ...operations, includeClusterAuthorizedOperations: true });
      await stage.step('of the cluster, with all topics', { topics: null, includeClusterAuthorizedOperations: true }, own(stage.name('')));
    },
    [8, 13],
  ),

  scenario(
    Metadata,
    'ids that are gone, and ids twice',
    async (stage) => {
      const a = await stage.topic('a');
      await stage.ask(DeleteTopics, 5, { topicNames: [a.name], timeoutMs: 5000 });
      await stage.until(Metadata, 12, { topics: byId(a.topicId) }, ({ topics }) => topics[0]?.errorCode === 100);
      await stage.step('a topic that was deleted', { topics: byId(a.topicId), allowAutoTopicCreation: true });
      const again = await stage.topic('a');
      await stage.step('created again: its old id', { topics: byId(a.topicId), allowAutoTopicCreation: false });
      await stage.step('created again: its new id', { topics: byId(again.topicId), allowAutoTopicCreation: false });
      await stage.step('an id twice', { topics: byId(again.topicId, again.topicId), allowAutoTopicCreation: false });
      await stage.step('an unknown id twice', { topics: byId(UNKNOWN_ID, UNKNOWN_ID), allowAutoTopicCreation: false });
      await stage.step('an id and another name', {
        topics: [{ topicId: again.topicId, name: stage.name('b') }],
        allowAutoTopicCreation: false,
      });
      await stage.step('an unknown id and a name', { topics: [{ topicId: UNKNOWN_ID, name: again.name }], allowAutoTopicCreation: false });
      await stage.step('with operations', {
        topics: byId(again.topicId, UNKNOWN_ID),
        allowAutoTopicCreation: false,
        includeTopicAuthorizedOperations: true,
      });
    },
    [12, 13],
  ),

  scenario(
    Metadata,
    'ids where they are not served yet',
    async (stage) => {
      const a = await stage.topic('a');
      await stage.step('an id', { topics: byId(a.topicId), allowAutoTopicCreation: false });
      await stage.step('a name and its id', { topics: [a], allowAutoTopicCreation: false });
      await stage.step('neither', { topics: byId(NONE), allowAutoTopicCreation: false });
      await stage.step('a name, and another id', { topics: [...named(a.name), ...byId(UNKNOWN_ID)], allowAutoTopicCreation: false });
    },
    [10, 11],
  ),
];
