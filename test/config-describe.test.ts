import { expect, test } from 'vitest';
import { CONFIG_TYPE_CODE } from '../src/config/describe.ts';
import {
  BrokerConfig,
  brokerConfig,
  CONFIG_TABLE,
  type ConfigEntry,
  describeBroker,
  describeClusterDefault,
  describeCreated,
  describeTopic,
} from '../src/config.ts';
import answers from './config-kafka-answers.json' with { type: 'json' };

const { static: staticValues, topics, then } = answers.described;
const asked = new BrokerConfig(new Map([...Object.entries(staticValues), ['node.id', '1'], ['broker.id', '1']]));
const map = (values: object) => new Map(Object.entries(values) as [string, string][]);

/** Our entry in the form in which Kafka's answers are written down. */
function comparable(entry: ConfigEntry): object {
  const { documentation: _, synonyms, type, ...rest } = entry;
  const name = Object.entries(CONFIG_TYPE_CODE)
    .find(([, code]) => code === type)![0]
    .toUpperCase();
  return { ...rest, type: name, synonyms: synonyms.map((each) => [each.name, each.value, each.source]) };
}
const byName = (entries: readonly { name: string }[]) => [...entries].sort((a, b) => (a.name < b.name ? -1 : 1));

test("a topic's configs are described as Kafka describes them: values, sources, synonyms", () => {
  for (const { configs, described } of topics) {
    const names = described.map(({ name }) => name);
    expect(byName(describeTopic(map(configs), asked, names).map((each) => comparable(each) as { name: string }))).toEqual(
      byName(described),
    );
  }
});

test('dynamic broker values show up in a topic before static ones', () => {
  const broker = asked.withDynamic(map(then.perBroker), map(then.clusterDefault));
  const names = then.topic.map(({ name }) => name);
  const entries = describeTopic(map(then.topicConfigs), broker, names).map((each) => comparable(each) as { name: string });
  expect(byName(entries)).toEqual(byName(then.topic));
});

test("a broker's configs are described as Kafka describes them; passwords and unknown keys without their values", () => {
  const broker = asked.withDynamic(map(then.perBroker), map(then.clusterDefault));
  const names = then.broker.map(({ name }) => name);
  const entries = describeBroker(broker, names).map((each) => comparable(each) as { name: string });
  expect(byName(entries)).toEqual(byName(then.broker));
});

test('all configs of a topic and of a broker are described, with the documentation of the table', () => {
  expect(describeTopic(new Map(), brokerConfig()).map(({ name }) => name)).toEqual([...CONFIG_TABLE.topic.keys()]);
  const broker = describeBroker(brokerConfig());
  expect(broker.map(({ name }) => name)).toEqual([...CONFIG_TABLE.broker.keys()]);
  expect(broker.find(({ name }) => name === 'num.partitions')?.documentation).toMatch(/Partitions of a topic/);
});

test('our own defaults are static broker configs', () => {
  const [entry] = describeBroker(brokerConfig(), ['group.initial.rebalance.delay.ms']);
  expect(entry).toMatchObject({ value: '0', source: 4, isDefault: false, readOnly: true });
  expect(entry?.synonyms.map(({ value, source }) => [value, source])).toEqual([
    ['0', 4],
    ['3000', 5],
  ]);
  expect(brokerConfig(new Map([['group.initial.rebalance.delay.ms', '7']])).int('group.initial.rebalance.delay.ms')).toBe(7);
});

test('the default of all brokers lists what was set there alone', () => {
  const entries = describeClusterDefault(asked.withDynamic(map(then.perBroker), map(then.clusterDefault)));
  expect(entries.map(({ name, value, source }) => [name, value, source])).toEqual([
    ['log.flush.interval.ms', '5', 3],
    ['log.roll.ms', '0', 3],
    ['zookeeper.connect', null, 3],
  ]);
});

test('CreateTopics answers all configs, as they were written', () => {
  for (const { configs, created } of topics) {
    const answered = Object.fromEntries(describeCreated(map(configs), asked).map(({ name, value, source }) => [name, [value, source]]));
    expect(Object.keys(answered)).toHaveLength(37);
    expect(answered).toMatchObject(created); // for a topic with configs of its own Kafka's non-defaults are written down
  }
});
