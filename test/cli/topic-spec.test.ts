import { expect, test } from 'vitest';
import { parseTopicSpec, parseTopicSpecs } from '../../src/cli/topic-spec.ts';

test('a topic is a name and a number of partitions', () => {
  expect(parseTopicSpec('orders:3')).toEqual({ name: 'orders', partitions: 3, configs: {} });
});

test('configs follow after a second colon, parted by commas', () => {
  expect(parseTopicSpec('orders:3:retention.ms=60000,segment.bytes=1048576')).toEqual({
    name: 'orders',
    partitions: 3,
    configs: { 'retention.ms': '60000', 'segment.bytes': '1048576' },
  });
});

test('a comma that no key= follows belongs to the value', () => {
  expect(parseTopicSpec('users:1:cleanup.policy=compact,delete,retention.ms=5').configs).toEqual({
    'cleanup.policy': 'compact,delete',
    'retention.ms': '5',
  });
  expect(parseTopicSpec('users:1:retention.ms=5,cleanup.policy=compact,delete').configs).toEqual({
    'retention.ms': '5',
    'cleanup.policy': 'compact,delete',
  });
});

test('a value may hold colons and equals signs', () => {
  expect(parseTopicSpec('t:1:leader.replication.throttled.replicas=0:1,1:2').configs).toEqual({
    'leader.replication.throttled.replicas': '0:1,1:2',
  });
  expect(parseTopicSpec('t:1:a=b=c').configs).toEqual({ a: 'b=c' });
});

test('a key of __proto__ is a key like others', () => {
  expect(Object.entries(parseTopicSpec('t:1:__proto__=x').configs)).toEqual([['__proto__', 'x']]);
});

test.each(['orders', '', ':3', 'orders:', 'orders:0', 'orders:-1', 'orders:x', 'orders:1.5', 'orders:2147483648', 'orders:1e3'])(
  '"%s" is refused with the form that is expected',
  (text) => {
    expect(() => parseTopicSpec(text)).toThrow(
      expect.objectContaining({
        exitCode: 2,
        message: expect.stringMatching(/^--topic .*write name:partitions, or name:partitions:config=value,config=value$/),
      }),
    );
  },
);

test('the largest number of partitions is that of an int32', () => {
  expect(parseTopicSpec('orders:2147483647').partitions).toBe(2147483647);
});

test.each(['a:1:', 'a:1:x', 'a:1:=x', 'a:1:,b=c'])('"%s" is refused: what stands there is no config', (text) => {
  expect(() => parseTopicSpec(text)).toThrow('is no config=value');
});

// Kafka's rule for names: at most 249 of these characters, and not the two names that mean folders.
test('names that Kafka refuses are refused', () => {
  expect(parseTopicSpec(`${'n'.repeat(249)}:1`).partitions).toBe(1);
  expect(parseTopicSpec('...:1').name).toBe('...');
  for (const name of ['n'.repeat(250), '.', '..', 'a b', 'a/b', 'ä']) {
    expect(() => parseTopicSpec(`${name}:1`), name).toThrow('is no topic name');
  }
});

test('a config, or a topic, that is given twice is refused', () => {
  expect(() => parseTopicSpec('a:1:x=1,x=2')).toThrow('--topic a:1:x=1,x=2: x is given twice; keep one');
  expect(() => parseTopicSpecs(['a:1', 'b:1', 'a:2'])).toThrow('--topic a is given twice; keep one');
});
