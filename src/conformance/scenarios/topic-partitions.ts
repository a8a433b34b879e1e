import { DescribeTopicPartitions } from '../../protocol/messages/index.ts';
import { scenario } from '../scenario.ts';

const named = (...names: string[]) => names.map((name) => ({ name }));

export const describeTopicPartitionsScenarios = [
  scenario(DescribeTopicPartitions, 'by name', async (stage) => {
    const { name: a } = await stage.topic('a', { partitions: 3 });
    const { name: b } = await stage.topic('b', { partitions: 2 });
    const nowhere = stage.name('nowhere');
    await stage.step('two, out of order', { topics: named(b, a) });
    await stage.step('the same twice', { topics: named(a, a) });
    await stage.step('one that does not exist', { topics: named(nowhere, a) });
    for (const name of ['', '.', 'a b', 'x'.repeat(250)]) await stage.step(`invalid name "${name.slice(0, 5)}"`, { topics: named(name) });
    await stage.step('nothing behind the last topic', { topics: named(a), cursor: { topicName: a, partitionIndex: 3 } });
  }),

  scenario(DescribeTopicPartitions, 'page by page', async (stage) => {
    const { name: a } = await stage.topic('a', { partitions: 3 });
    const { name: b } = await stage.topic('b', { partitions: 2 });
    const { name: c } = await stage.topic('c');
    const topics = named(a, b, stage.name('bb'), c);
    for (const responsePartitionLimit of [-1, 0, 1, 2, 3, 4, 5, 6, 5000])
      await stage.step(`at most ${responsePartitionLimit}`, { topics, responsePartitionLimit });
    await stage.step('from within a topic', { topics, responsePartitionLimit: 2, cursor: { topicName: a, partitionIndex: 2 } });
    await stage.step('from a topic on', { topics, responsePartitionLimit: 2, cursor: { topicName: b, partitionIndex: 0 } });
    await stage.step('a topic that does not exist', { topics, cursor: { topicName: stage.name('bb'), partitionIndex: 1 } });
    await stage.step('a partition that does not exist', { topics, cursor: { topicName: b, partitionIndex: 9 } });
    const all = { topics: [], responsePartitionLimit: 4 };
    await stage.step('of all topics', { ...all, cursor: { topicName: a, partitionIndex: 1 } });
    await stage.step('of all topics, from one that does not exist', { ...all, cursor: { topicName: stage.name('0'), partitionIndex: 1 } });
  }),

  scenario(DescribeTopicPartitions, 'cursors that are refused', async (stage) => {
    const { name } = await stage.topic('a');
    await stage.step('of another topic', { topics: named(name), cursor: { topicName: stage.name('b'), partitionIndex: 0 } });
    await stage.step('a negative partition', { topics: named(name), cursor: { topicName: name, partitionIndex: -1 } });
    await stage.step('a negative partition, of all topics', { topics: [], cursor: { topicName: name, partitionIndex: -1 } });
    await stage.step('without a name', { topics: named(name), cursor: { topicName: '', partitionIndex: 0 } });
  }),

  scenario(DescribeTopicPartitions, 'names that do not exist', async (stage) => {
    const { name: b } = await stage.topic('b', { partitions: 2 });
    const [a, c] = [stage.name('a'), stage.name('c')];
    await stage.step('two, out of order', { topics: named(c, a) });
    await stage.step('one twice', { topics: named(a, a) });
    for (const responsePartitionLimit of [1, 2, 3])
      await stage.step(`around one that does, at most ${responsePartitionLimit}`, { topics: named(a, b, c), responsePartitionLimit });
    await stage.step('from one of them on', { topics: named(a, b, c), cursor: { topicName: a, partitionIndex: 0 } });
    await stage.step('from one of them on, not its first partition', {
      topics: named(a, b, c),
      cursor: { topicName: c, partitionIndex: 5 },
    });
    await stage.step('the cursor alone', { topics: named(a), cursor: { topicName: a, partitionIndex: 0 } });
    await stage.step('an invalid name between', { topics: named(a, stage.name('a b'), '..', b) });
    await stage.step("Kafka's metadata log", { topics: named('__cluster_metadata') });
    await stage.step('a limit of 2147483647', { topics: named(b), responsePartitionLimit: 2_147_483_647 });
    await stage.step('a limit of -2147483648', { topics: named(b), responsePartitionLimit: -2_147_483_648 });
    await stage.step('a cursor far beyond the last partition', {
      topics: named(b),
      cursor: { topicName: b, partitionIndex: 2_000_000_000 },
    });
  }),

  scenario(DescribeTopicPartitions, 'from page to page', async (stage) => {
    const topics = named((await stage.topic('a', { partitions: 3 })).name, (await stage.topic('b', { partitions: 2 })).name);
    let cursor = null as { topicName: string; partitionIndex: number } | null;
    for (let page = 1; page <= 4; page++) {
      const response = await stage.step(`page ${page}`, { topics, responsePartitionLimit: 2, cursor });
      cursor = response?.nextCursor ?? null;
      if (!cursor) return;
    }
  }),
];
