import { expect, test } from 'vitest';
import { problemOf } from '../src/config/values.ts';
import { BrokerConfig, brokerConfig, CONFIG_TABLE, createConfigs } from '../src/config.ts';
import { KafkaError } from '../src/core/errors.ts';
import answers from './config-kafka-answers.json' with { type: 'json' };

function refusal(act: () => unknown): [string, string] | null {
  try {
    act();
    return null;
  } catch (error) {
    if (error instanceof KafkaError) return [error.errorName, error.message];
    throw error;
  }
}

// Kafka takes these two; here nothing could be done with them: a key for its own tests, and hexadecimal floats.
const REFUSED = ['internal.segment.bytes', '0x1p-1'];

test('topic configs are taken or refused as Kafka does, with the same words', () => {
  const broker = brokerConfig();
  const cases = answers.creations.filter(([configs]) => !REFUSED.some((each) => JSON.stringify(configs).includes(each)));
  expect(cases.length).toBeGreaterThan(90);
  for (const [configs, message] of cases as unknown as [Record<string, string>, string | null][]) {
    const entries = Object.entries(configs).map(([name, value]) => ({ name, value }));
    const got = refusal(() => createConfigs(entries, broker));
    expect(got, JSON.stringify(configs)).toEqual(message === null ? null : ['INVALID_CONFIG', message]);
  }
});

test('a topic config without a value is refused', () => {
  const got = refusal(() => createConfigs([{ name: 'retention.ms', value: null }], brokerConfig()));
  expect(got).toEqual(['INVALID_CONFIG', 'Null value not supported for topic configs: retention.ms']);
});

test('lists and strings are checked as Kafka checks them, in every scope', () => {
  for (const [name, value, message] of answers.values as [string, string, string | null][]) {
    const scope = (['topic', 'group', 'broker'] as const).find((each) => CONFIG_TABLE[each].has(name))!;
    expect(problemOf(name, CONFIG_TABLE[scope].get(name)!, value), `${name}=${value}`).toBe(message);
  }
});

test('a value of 32767 characters is the longest, and 1000 configs the most', () => {
  const broker = brokerConfig();
  const replicas = (length: number) => ['leader.replication.throttled.replicas', '1:1,'.repeat(9000).slice(0, length)] as const;
  const create = (length: number) => {
    const [name, value] = replicas(length);
    return refusal(() => createConfigs([{ name, value }], broker));
  };
  expect(create(32767)).toBeNull();
  expect(create(32771)).toEqual([
    'INVALID_CONFIG',
    'The configuration value cannot be added because it exceeds the maximum value size of 32767 bytes.',
  ]);
});

test('getters give typed values; a long beyond 2^53 saturates', () => {
  const config = brokerConfig(
    new Map([
      ['message.max.bytes', ' 007 '],
      ['log.dirs', '/a'],
    ]),
  );
  expect(config.int('message.max.bytes')).toBe(7);
  expect(config.long('log.flush.interval.messages')).toBe(Number.MAX_SAFE_INTEGER);
  expect(config.long('log.retention.bytes')).toBe(-1);
  expect(config.bool('auto.create.topics.enable')).toBe(true);
  expect(config.double('log.cleaner.min.cleanable.ratio')).toBe(0.5);
  expect(config.string('broker.rack')).toBeNull();
  expect(config.list('log.cleanup.policy')).toEqual(['delete']);
  expect(config.int('node.id')).toBe(1);
  expect(config.dataDirectory).toBe('/a');
});

test('a topic takes its values from its own configs, then from the broker: dynamic, static, default', () => {
  const broker = new BrokerConfig(
    new Map([
      ['log.segment.bytes', '2000000'],
      ['log.index.interval.bytes', '1'],
    ]),
  );
  const dynamic = broker.withDynamic(
    new Map([['log.segment.bytes', '3000000']]),
    new Map([
      ['log.segment.bytes', '4000000'],
      ['message.max.bytes', '9'],
    ]),
  );
  const segmentBytes = (config: BrokerConfig) => config.topic().segmentBytes;
  expect([segmentBytes(new BrokerConfig(new Map())), segmentBytes(broker), segmentBytes(dynamic)]).toEqual([1073741824, 2000000, 3000000]);
  const topic = dynamic.topic(
    new Map([
      ['cleanup.policy', 'compact, delete'],
      ['message.timestamp.type', 'LogAppendTime'],
    ]),
  );
  expect(topic).toMatchObject({ indexIntervalBytes: 1, maxMessageBytes: 9, minInsyncReplicas: 1, retentionMs: 604800000 });
  expect(topic).toMatchObject({ cleanupPolicy: ['compact', 'delete'], messageTimestampType: 'LogAppendTime', preallocate: false });
  expect(topic.messageTimestampBeforeMaxMs).toBe(Number.MAX_SAFE_INTEGER);
  expect(Object.keys(topic)).toHaveLength(37);
});

test('ms goes before minutes, and minutes before hours', () => {
  const topic = (values: Record<string, string>) => brokerConfig(new Map(Object.entries(values))).topic();
  const hours = { 'log.retention.hours': '2', 'log.roll.hours': '3', 'log.roll.jitter.hours': '4' };
  expect(topic(hours)).toMatchObject({ retentionMs: 7200000, segmentMs: 10800000, segmentJitterMs: 14400000 });
  expect(topic({ ...hours, 'log.retention.minutes': '5' }).retentionMs).toBe(300000);
  const all = { ...hours, 'log.retention.minutes': '5', 'log.retention.ms': '6', 'log.roll.ms': '7', 'log.roll.jitter.ms': '8' };
  expect(topic(all)).toMatchObject({ retentionMs: 6, segmentMs: 7, segmentJitterMs: 8 });
  expect(topic({ 'log.retention.hours': '-3' }).retentionMs).toBe(-1);
});

test('stored dynamic values that are read-only or not valid are passed over', () => {
  const config = brokerConfig().withDynamic(
    new Map([
      ['num.partitions', '9'],
      ['log.segment.bytes', 'abc'],
    ]),
    new Map(),
  );
  expect(config.int('num.partitions')).toBe(1);
  expect(config.topic().segmentBytes).toBe(1073741824);
  expect(config.topic(new Map([['segment.bytes', '5']])).segmentBytes).toBe(1073741824);
});
