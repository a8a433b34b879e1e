import { CreatePartitions, CreateTopics, DeleteTopics, Metadata } from '../../protocol/messages/index.ts';
import type { RequestTo } from '../../protocol/schema.ts';
import { scenario } from '../scenario.ts';

type NewTopic = RequestTo<typeof CreateTopics>['topics'][number];

const ZERO = 'AAAAAAAAAAAAAAAAAAAAAA';
const UNKNOWN_ID = 'AAAAAAAAAAAAAAAAAAAACQ';
const topic = (name: string, more: Partial<NewTopic> = {}): NewTopic => ({
  name,
  numPartitions: 1,
  replicationFactor: 1,
  assignments: [],
  configs: [],
  ...more,
});
const seen = (...names: string[]) => ({ topics: names.map((name) => ({ topicId: ZERO, name })), allowAutoTopicCreation: false });

export const createTopicsScenarios = [
  scenario(CreateTopics, 'creating', async (stage) => {
    const name = stage.name('a');
    const configs = [
      { name: 'cleanup.policy', value: 'compact' },
      { name: 'max.message.bytes', value: '2000' },
    ];
    await stage.step('with configs', { topics: [topic(name, { numPartitions: 3, configs })] });
    await stage.ready(name, 3);
    await stage.stepOf(Metadata, 12, 'what was created', seen(name));
    await stage.step('again', { topics: [topic(name)] });
    if (stage.version >= 4)
      await stage.step('with the defaults', { topics: [topic(stage.name('b'), { numPartitions: -1, replicationFactor: -1 })] });
    const assignments = [0, 1].map((partitionIndex) => ({ partitionIndex, brokerIds: [1] }));
    await stage.step('with an assignment', { topics: [topic(stage.name('c'), { numPartitions: -1, replicationFactor: -1, assignments })] });
    await stage.step('two, one of them refused', { topics: [topic(stage.name('d')), topic(stage.name('e'), { numPartitions: 0 })] });
    await stage.step('none', { topics: [] });
    if (stage.version < 1) return;
    await stage.step('validated only', { topics: [topic(stage.name('f'), { numPartitions: 2 })], validateOnly: true });
    await stage.step('validated only, refused', { topics: [topic(name)], validateOnly: true });
    await stage.stepOf(Metadata, 12, 'nothing was created', seen(stage.name('f')));
  }),

  scenario(CreateTopics, 'what is refused', async (stage) => {
    const name = stage.name('a');
    const assigned = (...partitions: [number, number[]][]) => ({
      numPartitions: -1,
      replicationFactor: -1,
      assignments: partitions.map(([partitionIndex, brokerIds]) => ({ partitionIndex, brokerIds })),
    });
    const config = (key: string, value: string | null) => ({ configs: [{ name: key, value }] });
    const refused: [string, NewTopic][] = [
      ['0 partitions', topic(name, { numPartitions: 0 })],
      ['-2 partitions', topic(name, { numPartitions: -2 })],
      ['replication factor 0', topic(name, { replicationFactor: 0 })],
      ['replication factor 2', topic(name, { replicationFactor: 2 })],
      ['replication factor -2', topic(name, { replicationFactor: -2 })],
      ['no name', topic('')],
      ['name "."', topic('.')],
      ['name ".."', topic('..')],
      ['a name with a space', topic('a b')],
      ['a name with a slash', topic('a/b')],
      ['a name of 250 characters', topic('x'.repeat(250))],
      ['an internal name', topic('__consumer_offsets')],
      ['an assignment and a count', topic(name, { ...assigned([0, [1]]), numPartitions: 1 })],
      ['an assignment and a replication factor', topic(name, { ...assigned([0, [1]]), replicationFactor: 1 })],
      ['an assignment to an unknown broker', topic(name, assigned([0, [9]]))],
      ['an assignment with a gap', topic(name, assigned([0, [1]], [2, [1]]))],
      ['an assignment of one partition twice', topic(name, assigned([0, [1]], [0, [1]]))],
      ['an assignment to one broker twice', topic(name, assigned([0, [1, 1]]))],
      ['an assignment to nobody', topic(name, assigned([0, []]))],
      ['an unknown config', topic(name, config('no.such.config', '1'))],
      ['a config of the wrong type', topic(name, config('max.message.bytes', 'many'))],
      ['a config out of range', topic(name, config('max.message.bytes', '-5'))],
      ['a config that is not in the list', topic(name, config('cleanup.policy', 'burn'))],
      ['a config of null', topic(name, config('cleanup.policy', null))],
      ['a config twice', topic(name, { configs: ['1000', '2000'].map((value) => ({ name: 'max.message.bytes', value })) })],
    ];
    await stage.group('any');
    for (const [what, newTopic] of refused) await stage.step(what, { topics: [newTopic], validateOnly: true });
    await stage.step('a name twice', { topics: [topic(name), topic(name), topic(stage.name('b'))] });
    await stage.topic('dots.and_underscores');
    await stage.step('a name that collides in metrics', { topics: [topic(stage.name('dots_and.underscores'))] });
  }),
];

export const deleteTopicsScenarios = [
  scenario(
    DeleteTopics,
    'by name',
    async (stage) => {
      const a = await stage.topic('a', { partitions: 2 });
      const b = await stage.topic('b');
      await stage.step('one', { topicNames: [a.name], timeoutMs: 5000 });
      await stage.until(Metadata, 12, seen(a.name), ({ topics }) => topics[0]?.errorCode === 3);
      await stage.stepOf(Metadata, 12, 'it is gone', seen(a.name));
      await stage.step('one that is not there, and one that is', { topicNames: [a.name, b.name], timeoutMs: 5000 });
      await stage.step('an invalid name', { topicNames: ['a b'], timeoutMs: 5000 });
      await stage.step('none', { topicNames: [], timeoutMs: 5000 });
      const c = await stage.topic('c');
      await stage.step('a name twice', { topicNames: [c.name, c.name], timeoutMs: 5000 });
      const again = await stage.topic('a');
      await stage.step('a name that was deleted and created again', { topicNames: [again.name], timeoutMs: 5000 });
    },
    [0, 5],
  ),

  scenario(
    DeleteTopics,
    'by name and by id',
    async (stage) => {
      const a = await stage.topic('a');
      const b = await stage.topic('b');
      const c = await stage.topic('c');
      const request = (...topics: { name: string | null; topicId: string }[]) => ({ topics, timeoutMs: 5000 });
      await stage.step('by name', request({ name: a.name, topicId: ZERO }));
      await stage.step('by id', request({ name: null, topicId: b.topicId }));
      await stage.until(Metadata, 12, seen(b.name), ({ topics }) => topics[0]?.errorCode === 3);
      await stage.step('by an id that is gone', request({ name: null, topicId: b.topicId }));
      await stage.step('by an unknown id', request({ name: null, topicId: UNKNOWN_ID }));
      await stage.step('by an unknown name', request({ name: stage.name('nowhere'), topicId: ZERO }));
      await stage.step('by neither', request({ name: null, topicId: ZERO }));
      await stage.step('by both', request(c));
      await stage.step('twice, by name and by id', request({ name: c.name, topicId: ZERO }, { name: null, topicId: c.topicId }));
      await stage.step('by id twice', request({ name: null, topicId: c.topicId }, { name: null, topicId: c.topicId }));
    },
    [6, 6],
  ),
];

export const createPartitionsScenarios = [
  scenario(CreatePartitions, 'more partitions', async (stage) => {
    const { name } = await stage.topic('a', { partitions: 2 });
    const request = (count: number, assignments: number[][] | null = null, validateOnly = false) => ({
      topics: [{ name, count, assignments: assignments?.map((brokerIds) => ({ brokerIds })) ?? null }],
      timeoutMs: 5000,
      validateOnly,
    });
    await stage.step('validated only', request(4, null, true));
    await stage.step('from 2 to 3', request(3));
    await stage.ready(name, 3);
    await stage.stepOf(Metadata, 12, 'there are 3', seen(name));
    await stage.step('with an assignment', request(5, [[1], [1]]));
    await stage.ready(name, 5);
    for (const count of [5, 4, 0, -1]) await stage.step(`to ${count}, from 5`, request(count));
    await stage.step('fewer assignments than partitions', request(7, [[1]]));
    await stage.step('more assignments than partitions', request(6, [[1], [1]]));
    await stage.step('an assignment to an unknown broker', request(6, [[9]]));
    await stage.step('an assignment to more replicas than the others have', request(6, [[1, 2]]));
    await stage.step('an assignment to one broker twice', request(6, [[1, 1]]));
    await stage.step('an assignment to nobody', request(6, [[]]));
    await stage.step('an empty assignment', request(6, []));
    const other = (topics: string[]) => ({
      topics: topics.map((each) => ({ name: each, count: 9, assignments: null })),
      timeoutMs: 5000,
      validateOnly: false,
    });
    await stage.step('a topic that does not exist', other([stage.name('nowhere')]));
    await stage.step('a topic twice', other([name, name]));
    await stage.step('nothing', other([]));
  }),
];
