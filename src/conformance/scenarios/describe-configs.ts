import { DescribeConfigs } from '../../protocol/messages/index.ts';
import { scenario } from '../scenario.ts';
import { BROKER, BROKER_LOGGER, CLIENT_METRICS, describe, GROUP, NODE, TOPIC, unaltered } from './config-support.ts';

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
    await stage.step('all', describe(BROKER, NODE, null), unaltered);
    await stage.step('two keys', describe(BROKER, NODE, ['message.max.bytes', 'log.retention.ms']));
    if (stage.version >= 1) await stage.step('with synonyms', describe(BROKER, NODE, null, { includeSynonyms: true }), unaltered);
    await stage.step("the cluster's defaults", describe(BROKER, '', null), unaltered);
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

const NOWHERE = 'no-such-thing';
const ask = (resourceType: number, resourceName: string, configurationKeys: string[] | null = null) => ({
  resourceType,
  resourceName,
  configurationKeys,
});

export const describeConfigsDetailScenarios = [
  scenario(DescribeConfigs, 'keys', async (stage) => {
    const { name } = await stage.topic('a', { configs: { 'retention.ms': '5000' } });
    await stage.step('a key twice', describe(TOPIC, name, ['retention.ms', 'retention.ms']));
    await stage.step('only keys that do not exist', describe(TOPIC, name, ['no.such.config', '']));
    await stage.step('a key of a broker', describe(TOPIC, name, ['log.retention.ms']));
    await stage.step('a key in capitals', describe(TOPIC, name, ['RETENTION.MS']));
    await stage.step('a key of a topic, of the broker', describe(BROKER, NODE, ['retention.ms']));
    await stage.step('a key of the broker twice', describe(BROKER, NODE, ['num.partitions', 'num.partitions']));
    await stage.step('keys of the broker that do not exist', describe(BROKER, NODE, ['no.such.config', '']));
    await stage.step("keys that are not the cluster's default", describe(BROKER, '', ['num.partitions', 'no.such.config']));
    await stage.step('different keys of two resources', {
      resources: [ask(TOPIC, name, ['retention.ms']), ask(BROKER, NODE, ['num.partitions'])],
    });
    await stage.step('the same topic twice, with different keys', {
      resources: [ask(TOPIC, name, ['retention.ms']), ask(TOPIC, name, ['cleanup.policy'])],
    });
  }),

  scenario(DescribeConfigs, 'values as they are printed', async (stage) => {
    const configs = {
      'cleanup.policy': ' compact , delete ',
      'max.message.bytes': ' 007 ',
      'min.cleanable.dirty.ratio': '1',
      preallocate: 'TRUE',
      'compression.type': 'zstd',
      'retention.ms': '+5',
      'flush.messages': '9223372036854775807',
      'follower.replication.throttled.replicas': '0:1, 1:1',
      'leader.replication.throttled.replicas': '*',
    };
    const { name } = await stage.topic('a', { configs });
    await stage.step('of the topic', describe(TOPIC, name, Object.keys(configs)));
    if (stage.version >= 1) await stage.step('with synonyms', describe(TOPIC, name, Object.keys(configs), { includeSynonyms: true }));
  }),

  scenario(DescribeConfigs, 'synonyms and sensitive values', async (stage) => {
    const { name } = await stage.topic('a', { configs: { 'retention.ms': '5000', 'segment.ms': '70000' } });
    const topicKeys = ['retention.ms', 'segment.ms', 'flush.ms', 'unclean.leader.election.enable', 'remote.storage.enable'];
    const brokerKeys = [
      'log.retention.ms',
      'log.retention.minutes',
      'log.roll.hours',
      'ssl.keystore.password',
      'ssl.key.password',
      'sasl.jaas.config',
    ];
    const more = { includeSynonyms: true, includeDocumentation: true };
    await stage.step('of a topic', describe(TOPIC, name, topicKeys, more));
    await stage.step('of the broker', describe(BROKER, NODE, brokerKeys, more));
    await stage.step('none asked for', describe(BROKER, NODE, brokerKeys));
  }),

  scenario(DescribeConfigs, 'resources without configs here', async (stage) => {
    for (const [what, type] of [
      ['loggers', BROKER_LOGGER],
      ['client metrics', CLIENT_METRICS],
      ['group', GROUP],
    ] as const) {
      await stage.step(`${what}: of what does not exist`, describe(type, NOWHERE, null));
      await stage.step(`${what}: one key`, describe(type, type === BROKER_LOGGER ? NODE : stage.name('g'), ['no.such.config']));
      await stage.step(`${what}: without a name`, describe(type, '', null));
    }
    await stage.step('loggers of another broker', describe(BROKER_LOGGER, '7', null));
    for (const type of [-1, 5, 17, 64, 127]) await stage.step(`resource type ${type}`, describe(type, NODE, null));
  }),

  scenario(DescribeConfigs, 'names of brokers', async (stage) => {
    for (const name of [' 1', '1.0', '-1', '2147483648']) await stage.step(`"${name}"`, describe(BROKER, name, ['num.partitions']));
    await stage.step('this one and the default', {
      resources: [ask(BROKER, NODE, ['num.partitions']), ask(BROKER, '', ['num.partitions'])],
    });
    await stage.step('this one twice', { resources: [ask(BROKER, NODE, ['num.partitions']), ask(BROKER, NODE, ['num.io.threads'])] });
  }),
];
