import { CreateTopics, Metadata } from '../../protocol/messages/index.ts';
import { scenario } from '../scenario.ts';
import { type NewTopic, seen, newTopic as topic } from './topic-support.ts';

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
    else {
      await stage.step('with a default count, which no client of this version knows', {
        topics: [topic(stage.name('g'), { numPartitions: -1 })],
      });
      await stage.step('with a default replication factor', { topics: [topic(stage.name('h'), { replicationFactor: -1 })] });
    }
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

/** Names of every kind; `valid` ones would be created. */
export const createTopicsNamesScenarios = [
  scenario(CreateTopics, 'names', async (stage) => {
    const long = 'x'.repeat(249);
    // Version 0 knows no validation.
    const validateOnly = stage.version >= 1;
    if (validateOnly) {
      const valid = [long, stage.name('A-Z.a_z09'), '...', '-', '__', stage.name('.')];
      for (const name of valid) await stage.step(`valid name "${name.slice(-5)}"`, { topics: [topic(name)], validateOnly });
    }
    const invalid = [`${long}x`, 'ä', 'a,b', 'a:b', '"', 'a\\b', 'a\tb', 'a\n', 'a\0', '*', ' a', 'a ', '<a>', 'a+b', '日本', '../a'];
    for (const name of invalid) await stage.step(`invalid name "${name.slice(-5)}"`, { topics: [topic(name)], validateOnly });
    await stage.step("the name of Kafka's metadata log", { topics: [topic('__cluster_metadata')], validateOnly });
    await stage.step('all of them at once', { topics: invalid.map((name) => topic(name)), validateOnly });
  }),

  scenario(CreateTopics, 'names that collide', async (stage) => {
    await stage.topic('a.b_c');
    for (const own of ['a.b.c', 'a_b_c', 'a_b.c']) await stage.step(own, { topics: [topic(stage.name(own))] });
    await stage.step('two of one request', { topics: [topic(stage.name('d.e')), topic(stage.name('d_e'))] }, (response) => ({
      // Which of the two was first is up to the broker.
      errors: response.topics.map(({ errorCode }) => errorCode).sort((a, b) => a - b),
    }));
    await stage.step('without a dot', { topics: [topic(stage.name('abc'))] });
  }),

  scenario(CreateTopics, 'which error comes first', async (stage) => {
    const { name } = await stage.topic('a');
    const bad = { configs: [{ name: 'no.such.config', value: '1' }] };
    const assigned = { numPartitions: -1, replicationFactor: -1, assignments: [{ partitionIndex: 0, brokerIds: [9] }] };
    const both: [string, NewTopic][] = [
      ['a name that is invalid, and a count', topic('a b', { numPartitions: 0 })],
      ['a name that is taken, and a count', topic(name, { numPartitions: 0 })],
      ['a name that is taken, and a config', topic(name, bad)],
      ['a partition count and a replication factor', topic(stage.name('b'), { numPartitions: 0, replicationFactor: 0 })],
      ['a partition count and a config', topic(stage.name('b'), { numPartitions: 0, ...bad })],
      ['a replication factor and a config', topic(stage.name('b'), { replicationFactor: 5, ...bad })],
      ['an assignment and a config', topic(stage.name('b'), { ...assigned, ...bad })],
      ['an assignment, a count, and an unknown broker', topic(stage.name('b'), { ...assigned, numPartitions: 3 })],
      [
        'two bad configs',
        topic(stage.name('b'), {
          configs: [
            { name: 'retention.ms', value: 'x' },
            { name: 'no.such.config', value: '1' },
          ],
        }),
      ],
    ];
    for (const [what, each] of both) await stage.step(what, { topics: [each], validateOnly: true });
    await stage.step('a name that is invalid, twice', { topics: [topic('a b'), topic('a b')] });
    await stage.step('a name that is taken, twice', { topics: [topic(name), topic(name)] });
    await stage.step('three of four refused', {
      topics: [topic(name), topic(stage.name('c')), topic(stage.name('d'), { numPartitions: 0 }), topic('a b')],
    });
  }),

  scenario(CreateTopics, 'very many partitions', async (stage) => {
    const name = stage.name('a');
    // No more: beside another topic the largest number overflows in Apache Kafka 3.9, which then runs out of memory.
    await stage.step('10001', { topics: [topic(name, { numPartitions: 10_001 })] });
    await stage.step('10001 beside another topic', { topics: [topic(name, { numPartitions: 10_001 }), topic(stage.name('b'))] });
    await stage.step('2147483647', { topics: [topic(name, { numPartitions: 2_147_483_647 })] });
    const halves = [topic(name, { numPartitions: 5001 }), topic(stage.name('b'), { numPartitions: 5000 })];
    await stage.step('10001 in two topics', { topics: halves });
    await stage.step('one of them invalid', { topics: [topic('a b', { numPartitions: 10_001 }), topic(stage.name('c'))] });
    await stage.step('one of them twice', { topics: [halves[0]!, halves[0]!] });
    await stage.step('-2147483648', { topics: [topic(name, { numPartitions: -2_147_483_648 })] });
    await stage.step('a replication factor of 32767', { topics: [topic(name, { replicationFactor: 32_767 })] });
    await stage.step('a replication factor of -32768', { topics: [topic(name, { replicationFactor: -32_768 })] });
  }),

  scenario(CreateTopics, 'no time', async (stage) => {
    const named = (...names: string[]) => names.map((name) => topic(name));
    const name = stage.name('a');
    for (const timeoutMs of [0, -1]) {
      await stage.step(`${timeoutMs} ms`, { topics: named(name), timeoutMs });
      await stage.step(`${timeoutMs} ms, two of the same name beside it`, { topics: named('b', name, 'b'), timeoutMs });
      await stage.step(`${timeoutMs} ms, invalid`, { topics: named('a b'), timeoutMs });
      await stage.step(`${timeoutMs} ms, validated only`, { topics: named(name), timeoutMs, validateOnly: true });
      await stage.step(`${timeoutMs} ms, the same name twice`, { topics: named(name, name), timeoutMs });
      await stage.step(`${timeoutMs} ms, none`, { topics: [], timeoutMs });
    }
    await stage.step('the most there is', { topics: named(name), timeoutMs: 2_147_483_647 });
  }),

  scenario(CreateTopics, 'assignments', async (stage) => {
    const assigned = (...partitions: [number, number[]][]) => ({
      numPartitions: -1,
      replicationFactor: -1,
      assignments: partitions.map(([partitionIndex, brokerIds]) => ({ partitionIndex, brokerIds })),
    });
    await stage.step('out of order', { topics: [topic(stage.name('a'), assigned([2, [1]], [0, [1]], [1, [1]]))] });
    await stage.ready(stage.name('a'), 3);
    await stage.stepOf(Metadata, 12, 'what was created', seen(stage.name('a')));
    const refused: [string, Partial<NewTopic>][] = [
      ['from partition 1 on', assigned([1, [1]])],
      ['a negative partition', assigned([-1, [1]])],
      ['a negative broker', assigned([0, [-1]])],
      ['two replicas, then one', assigned([0, [1, 9]], [1, [1]])],
      ['a broker that is known, and one that is not', assigned([0, [1, 9]])],
      ['0 partitions beside it', { ...assigned([0, [1]]), numPartitions: 0 }],
      ['replication factor 0 beside it', { ...assigned([0, [1]]), replicationFactor: 0 }],
    ];
    for (const [what, more] of refused) await stage.step(what, { topics: [topic(stage.name('b'), more)], validateOnly: true });
  }),
];
