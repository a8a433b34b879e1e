import { DescribeLogDirs, Produce } from '../../protocol/messages/index.ts';
import type { ResponseOf } from '../../protocol/schema.ts';
import { batchBytes } from '../batch-bytes.ts';
import { scenario } from '../scenario.ts';

/** Other scenarios' topics are none of this one's business. */
const own = (prefix: string) => (response: ResponseOf<typeof DescribeLogDirs>) => ({
  ...response,
  results: response.results.map((directory) => ({ ...directory, topics: directory.topics.filter(({ name }) => name.startsWith(prefix)) })),
});

export const describeLogDirsScenarios = [
  scenario(DescribeLogDirs, 'what partitions take up', async (stage) => {
    const { name } = await stage.topic('a', { partitions: 2 });
    await stage.topic('b');
    const records = batchBytes({ values: ['a', 'b', 'c'] });
    await stage.ask(Produce, 8, { acks: -1, timeoutMs: 5000, topicData: [{ name, partitionData: [{ index: 1, records }] }] });
    await stage.step('null: all', { topics: null }, own(stage.name('')));
    await stage.step('one partition', { topics: [{ topic: name, partitions: [1] }] });
    await stage.step('a partition twice', { topics: [1, 2].map(() => ({ topic: name, partitions: [0, 0] })) });
  }),

  scenario(DescribeLogDirs, 'what does not exist', async (stage) => {
    const { name } = await stage.topic('a');
    await stage.step('no topics', { topics: [] });
    await stage.step('a topic without partitions', { topics: [{ topic: name, partitions: [] }] });
    await stage.step('a topic', { topics: [{ topic: stage.name('nowhere'), partitions: [0] }] });
    await stage.step('a partition beside one that does', { topics: [{ topic: name, partitions: [0, 7, -1] }] });
  }),

  scenario(DescribeLogDirs, 'what is asked for', async (stage) => {
    const { name: a } = await stage.topic('a', { partitions: 3 });
    const { name: b } = await stage.topic('b');
    const records = batchBytes({ values: ['a', 'b', 'c'] });
    const partitionData = [0, 2].map((index) => ({ index, records }));
    await stage.ask(Produce, 8, { acks: -1, timeoutMs: 5000, topicData: [{ name: a, partitionData }] });
    await stage.step('two topics', {
      topics: [
        { topic: b, partitions: [0] },
        { topic: a, partitions: [2, 1, 0] },
      ],
    });
    await stage.step('partitions of one topic in two entries', {
      topics: [
        { topic: a, partitions: [0] },
        { topic: a, partitions: [2] },
      ],
    });
    await stage.step('a topic without a name', { topics: [{ topic: '', partitions: [0] }] });
    await stage.step('an invalid name', { topics: [{ topic: 'a b', partitions: [0] }] });
  }),
];
