import { AlterConfigs, DescribeConfigs, IncrementalAlterConfigs } from '../../protocol/messages/index.ts';
import type { ResponseOf } from '../../protocol/schema.ts';
import { scenario } from '../scenario.ts';

const TOPIC = 2;
const BROKER = 4;
const SET = 0;
const DELETE = 1;
const APPEND = 2;
const SUBTRACT = 3;
const NODE = '1';

const describe = (resourceType: number, resourceName: string, configurationKeys: string[] | null, more: object = {}) => ({
  resources: [{ resourceType, resourceName, configurationKeys }],
  ...more,
});

export const describeConfigsScenarios = [
  scenario(DescribeConfigs, 'of a topic', async (stage) => {
    const { name } = await stage.topic('a', { configs: { 'max.message.bytes': '2000', 'cleanup.policy': 'compact,delete' } });
    await stage.step('all', describe(TOPIC, name, null));
    await stage.step('an empty list of keys', describe(TOPIC, name, []));
    await stage.step('two keys', describe(TOPIC, name, ['max.message.bytes', 'retention.ms']));
    await stage.step('an unknown key', describe(TOPIC, name, ['max.message.bytes', 'no.such.config']));
    if (stage.version >= 1) await stage.step('with synonyms', describe(TOPIC, name, null, { includeSynonyms: true }));
    if (stage.version >= 3)
      await stage.step('with documentation', describe(TOPIC, name, ['max.message.bytes'], { includeDocumentation: true }));
  }),

  scenario(DescribeConfigs, 'of a broker', async (stage) => {
    await stage.step('all', describe(BROKER, NODE, null));
    await stage.step('two keys', describe(BROKER, NODE, ['message.max.bytes', 'log.retention.ms']));
    if (stage.version >= 1) await stage.step('with synonyms', describe(BROKER, NODE, null, { includeSynonyms: true }));
    await stage.step("the cluster's defaults", describe(BROKER, '', null));
    if (stage.version >= 3)
      await stage.step('with documentation', describe(BROKER, NODE, ['message.max.bytes'], { includeDocumentation: true }));
  }),

  scenario(DescribeConfigs, 'what does not exist', async (stage) => {
    const { name } = await stage.topic('a');
    await stage.step('a topic', describe(TOPIC, stage.name('nowhere'), null));
    await stage.step('an invalid topic name', describe(TOPIC, 'a b', null));
    await stage.step('a topic without a name', describe(TOPIC, '', null));
    await stage.step('another broker', describe(BROKER, '7', null));
    await stage.step('a broker that is no number', describe(BROKER, 'one', null));
    for (const type of [0, 1, 3, 99]) await stage.step(`resource type ${type}`, describe(type, name, null));
    await stage.step('nothing', { resources: [] });
    await stage.step('a topic twice', {
      resources: [1, 2].map(() => ({ resourceType: TOPIC, resourceName: name, configurationKeys: ['retention.ms'] })),
    });
    await stage.step('one that exists beside one that does not', {
      resources: [name, stage.name('nowhere')].map((resourceName) => ({
        resourceType: TOPIC,
        resourceName,
        configurationKeys: ['retention.ms'],
      })),
    });
  }),
];

type Described = ResponseOf<typeof DescribeConfigs>;
/** What the topic itself was given. */
const ownConfigs = ({ results }: Described) =>
  Object.fromEntries((results[0]?.configs ?? []).filter(({ configSource }) => configSource === 1).map(({ name, value }) => [name, value]));
const has = (key: string, value: string | null) => (response: Described) => (ownConfigs(response)[key] ?? null) === value;

export const alterConfigsScenarios = [
  scenario(AlterConfigs, 'of a topic', async (stage) => {
    const { name } = await stage.topic('a', { configs: { 'retention.ms': '5000' } });
    const set = (configs: Record<string, string | null>, validateOnly = false, resourceName = name, resourceType = TOPIC) => ({
      resources: [{ resourceType, resourceName, configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })) }],
      validateOnly,
    });
    const look = describe(TOPIC, name, null);
    await stage.step('validated only', set({ 'max.message.bytes': '1000' }, true));
    await stage.step('what is not named is reset', set({ 'max.message.bytes': '1000' }));
    await stage.until(DescribeConfigs, 2, look, has('max.message.bytes', '1000'));
    await stage.stepOf(DescribeConfigs, 2, 'what holds now', look, ownConfigs);
    await stage.step('an unknown key', set({ 'no.such.config': '1' }));
    await stage.step('an invalid value', set({ 'max.message.bytes': 'many' }));
    await stage.step('a value of null', set({ 'max.message.bytes': null }));
    await stage.step('a topic that does not exist', set({ 'max.message.bytes': '1' }, false, stage.name('nowhere')));
    await stage.step('an invalid topic name', set({ 'max.message.bytes': '1' }, false, 'a b'));
    await stage.step('a resource type that does not exist', set({ 'max.message.bytes': '1' }, false, name, 99));
    await stage.step('another broker', set({ 'message.max.bytes': '1000' }, true, '7', BROKER));
    await stage.step('this broker, validated only', set({ 'message.max.bytes': '2000000' }, true, NODE, BROKER));
    await stage.step('a read-only key of this broker', set({ 'node.id': '3' }, true, NODE, BROKER));
    // Apache Kafka leaves it unanswered: once is enough to wait for that.
    if (stage.version === 2) await stage.step('a topic twice', { resources: [1, 2].map(() => set({}).resources[0]!), validateOnly: true });
    await stage.step('nothing', { resources: [], validateOnly: false });
    await stage.step('everything reset', set({}));
    await stage.until(DescribeConfigs, 2, look, has('max.message.bytes', null));
    await stage.stepOf(DescribeConfigs, 2, 'nothing holds now', look, ownConfigs);
  }),
];

export const incrementalAlterConfigsScenarios = [
  scenario(IncrementalAlterConfigs, 'of a topic', async (stage) => {
    const { name } = await stage.topic('a', { configs: { 'retention.ms': '5000', 'cleanup.policy': 'delete' } });
    const change = (changes: [string, number, string | null][], validateOnly = false, resourceName = name, resourceType = TOPIC) => ({
      resources: [
        { resourceType, resourceName, configs: changes.map(([key, configOperation, value]) => ({ name: key, configOperation, value })) },
      ],
      validateOnly,
    });
    const look = describe(TOPIC, name, null);
    const settled = async (step: string, key: string, value: string | null) => {
      await stage.until(DescribeConfigs, 2, look, has(key, value));
      await stage.stepOf(DescribeConfigs, 2, step, look, ownConfigs);
    };
    await stage.step('validated only', change([['max.message.bytes', SET, '1']], true));
    await stage.step('set', change([['max.message.bytes', SET, '1000']]));
    await settled('after set', 'max.message.bytes', '1000');
    await stage.step('append', change([['cleanup.policy', APPEND, 'compact']]));
    await settled('after append', 'cleanup.policy', 'delete,compact');
    await stage.step('append what is there', change([['cleanup.policy', APPEND, 'compact']]));
    await stage.step('subtract', change([['cleanup.policy', SUBTRACT, 'delete']]));
    await settled('after subtract', 'cleanup.policy', 'compact');
    await stage.step('subtract what is not there', change([['cleanup.policy', SUBTRACT, 'delete']]));
    await stage.step(
      'delete',
      change([
        ['max.message.bytes', DELETE, null],
        ['retention.ms', DELETE, ''],
      ]),
    );
    await settled('after delete', 'max.message.bytes', null);
    await stage.step('delete what is not there', change([['retention.bytes', DELETE, null]]));
    await stage.step('append to a number', change([['retention.ms', APPEND, '1']]));
    await stage.step('subtract from a number', change([['retention.ms', SUBTRACT, '1']]));
    await stage.step('an operation that does not exist', change([['retention.ms', 9, '1']]));
    await stage.step('set to null', change([['retention.ms', SET, null]]));
    await stage.step('an unknown key', change([['no.such.config', SET, '1']]));
    await stage.step('delete an unknown key', change([['no.such.config', DELETE, null]]));
    await stage.step('an invalid value', change([['retention.ms', SET, 'long']]));
    await stage.step(
      'an invalid value beside a good one',
      change([
        ['retention.ms', SET, 'long'],
        ['max.message.bytes', SET, '3000'],
      ]),
    );
    await stage.step(
      'a key twice',
      change([
        ['retention.ms', SET, '1'],
        ['retention.ms', SET, '2'],
      ]),
    );
    await stage.step('a topic that does not exist', change([['retention.ms', SET, '1']], false, stage.name('nowhere')));
    await stage.step('an invalid topic name', change([['retention.ms', SET, '1']], false, 'a b'));
    await stage.step('a resource type that does not exist', change([['retention.ms', SET, '1']], false, name, 99));
    await stage.step('a topic twice', {
      resources: [1, 2].map(() => change([['retention.ms', SET, '1']]).resources[0]!),
      validateOnly: false,
    });
    await stage.step('no changes', change([]));
    await stage.step('nothing', { resources: [], validateOnly: false });
    await stage.stepOf(DescribeConfigs, 2, 'what holds in the end', look, ownConfigs);
  }),

  // Validated only: a broker's configs are everybody's.
  scenario(IncrementalAlterConfigs, 'of a broker', async (stage) => {
    const change = (key: string, value: string, resourceName = NODE) => ({
      resources: [{ resourceType: BROKER, resourceName, configs: [{ name: key, configOperation: SET, value }] }],
      validateOnly: true,
    });
    await stage.step('a dynamic key', change('message.max.bytes', '2000000'));
    await stage.step("a dynamic key, the cluster's default", change('message.max.bytes', '2000000', ''));
    await stage.step('an invalid value', change('message.max.bytes', 'many'));
    await stage.step('a read-only key', change('num.partitions', '3'));
    await stage.step('a read-only key of the broker alone', change('node.id', '3'));
    await stage.step('an unknown key', change('no.such.config', '3'));
    await stage.step('another broker', change('message.max.bytes', '2000000', '7'));
    await stage.step('a broker that is no number', change('message.max.bytes', '2000000', 'one'));
  }),
];
