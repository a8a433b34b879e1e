import { ListConfigResources, ListPartitionReassignments } from '../../protocol/messages/index.ts';
import type { ResponseOf } from '../../protocol/schema.ts';
import { scenario } from '../scenario.ts';

const TOPIC = 2;
const BROKERS = [4, 8];
const CLIENT_METRICS = 16;
const GROUP = 32;

/** Brokers and their loggers, and what this scenario has made. */
const own = (prefix: string) => (response: ResponseOf<typeof ListConfigResources>) => ({
  ...response,
  configResources: response.configResources.filter(
    ({ resourceType, resourceName }) => BROKERS.includes(resourceType) || resourceName.startsWith(prefix),
  ),
});

export const listConfigResourcesScenarios = [
  scenario(ListConfigResources, 'all', async (stage) => {
    await stage.topic('a');
    await stage.topic('b');
    await stage.step('no type is named', {}, own(stage.name('')));
  }),

  scenario(
    ListConfigResources,
    'by type',
    async (stage) => {
      await stage.topic('a');
      for (const type of [TOPIC, ...BROKERS, CLIENT_METRICS, GROUP])
        await stage.step(`type ${type}`, { resourceTypes: [type] }, own(stage.name('')));
      await stage.step('a type twice', { resourceTypes: [4, 4] });
      for (const type of [0, 1, 99]) await stage.step(`type ${type}, which does not exist`, { resourceTypes: [4, type] });
    },
    [1, 1],
  ),
];

export const listPartitionReassignmentsScenarios = [
  scenario(ListPartitionReassignments, 'none is under way', async (stage) => {
    const { name } = await stage.topic('a');
    await stage.step('null: all', { topics: null });
    await stage.step('an empty list', { topics: [] });
    await stage.step('of a topic', { topics: [{ name, partitionIndexes: [0] }] });
    await stage.step('of a topic that does not exist', { topics: [{ name: stage.name('nowhere'), partitionIndexes: [0] }] });
    await stage.step('of a partition that does not exist', { topics: [{ name, partitionIndexes: [7] }] });
  }),

  scenario(ListPartitionReassignments, 'what does not exist, and what stands there twice', async (stage) => {
    const { name } = await stage.topic('a', { partitions: 2 });
    const of = (...topics: [string, ...number[]][]) => ({
      topics: topics.map(([each, ...partitionIndexes]) => ({ name: each, partitionIndexes })),
    });
    await stage.step('a topic without a name', of(['', 0]));
    await stage.step('an invalid name', of(['a b', 0]));
    await stage.step('no partitions', of([name]));
    await stage.step('a negative partition', of([name, -1]));
    await stage.step('a topic twice', of([name, 0], [name, 0, 1, 1]));
    for (const timeoutMs of [0, -1]) await stage.step(`${timeoutMs} ms`, { ...of([name, 0]), timeoutMs });
    await stage.step('0 ms, all', { topics: null, timeoutMs: 0 }, (response) => ({
      errorCode: response.errorCode,
      errorMessage: response.errorMessage,
    }));
  }),
];
