import { DescribeConfigs, IncrementalAlterConfigs } from '../../protocol/messages/index.ts';
import { scenario } from '../scenario.ts';
import { APPEND, BROKER, DELETE, describe, has, NODE, ownConfigs, SET, SUBTRACT, TOPIC } from './config-support.ts';

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
