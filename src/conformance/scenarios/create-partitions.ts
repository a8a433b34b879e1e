import { CreatePartitions, Metadata } from '../../protocol/messages/index.ts';
import { scenario } from '../scenario.ts';
import { seen, withoutTime } from './topic-support.ts';

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

export const createPartitionsRefusedScenarios = [
  scenario(CreatePartitions, 'what is refused', async (stage) => {
    const { name } = await stage.topic('a', { partitions: 2 });
    const grown = (topic: string, count: number, assignments: number[][] | null = null) => ({
      name: topic,
      count,
      assignments: assignments?.map((brokerIds) => ({ brokerIds })) ?? null,
    });
    const request = (...topics: ReturnType<typeof grown>[]) => ({ topics, timeoutMs: 5000, validateOnly: true });
    for (const invalid of ['', '.', 'a b', 'x'.repeat(250)]) await stage.step(`name "${invalid.slice(0, 5)}"`, request(grown(invalid, 3)));
    // No more: Apache Kafka 3.9 runs out of memory at the largest number.
    for (const count of [10_003, -2_147_483_648]) await stage.step(`to ${count}`, request(grown(name, count)));
    await stage.step('to 10003 with one assignment', request(grown(name, 10_003, [[1]])));
    await stage.step('a negative broker', request(grown(name, 3, [[-1]])));
    await stage.step('a lower count, and an unknown broker', request(grown(name, 1, [[9]])));
    await stage.step('two assignments, the second unknown', request(grown(name, 4, [[1], [9]])));
    await stage.step('two assignments, the second longer', request(grown(name, 4, [[1], [1, 1]])));
    await stage.step('no assignments at all', request(grown(name, 3, [])));
    await stage.step('a topic that does not exist, twice', request(grown(stage.name('nowhere'), 3), grown(stage.name('nowhere'), 3)));
    const { name: b } = await stage.topic('b');
    await stage.step('good and bad ones', request(grown(b, 2), grown(name, 2), grown(stage.name('nowhere'), 3)));
    await stage.step('good ones beside one twice', request(grown(b, 2), grown(name, 5), grown(name, 6)));
    await stage.step('none', request());
    await stage.stepOf(Metadata, 12, 'nothing has grown', seen(name, b));
  }),

  scenario(CreatePartitions, 'no time', async (stage) => {
    const { name } = await stage.topic('a');
    const request = (timeoutMs: number, ...names: string[]) => ({
      topics: names.map((each) => ({ name: each, count: 2, assignments: null })),
      timeoutMs,
      validateOnly: false,
    });
    await withoutTime(stage, name, request);
  }),
];
