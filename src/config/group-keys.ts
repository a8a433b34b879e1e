import { boolean, int, list, string } from './definition.ts';

/**
 * Group keys of Apache Kafka 4.4.0. Nothing acts on them yet: classic groups have no configs of their own (KIP-848 brings them).
 */
// biome-ignore format: one key, one line
export const GROUP_KEYS = {
  'consumer.assignment.interval.ms': int('1000', { min: 0, broker: 'group.consumer.assignment.interval.ms' }),
  'consumer.heartbeat.interval.ms': int('5000', { min: 1, broker: 'group.consumer.heartbeat.interval.ms' }),
  'consumer.session.timeout.ms': int('45000', { min: 1, broker: 'group.consumer.session.timeout.ms' }),
  'errors.deadletterqueue.copy.record.enable': boolean('false'),
  'errors.deadletterqueue.topic.name': string(''),
  'share.assignment.interval.ms': int('1000', { min: 0, broker: 'group.share.assignment.interval.ms' }),
  'share.auto.offset.reset': string('latest', { form: 'offset reset' }),
  'share.delivery.count.limit': int('5', { min: 2, broker: 'group.share.delivery.count.limit' }),
  'share.heartbeat.interval.ms': int('5000', { min: 1, broker: 'group.share.heartbeat.interval.ms' }),
  'share.isolation.level': string('read_uncommitted', { oneOf: ['read_committed', 'read_uncommitted'] }),
  'share.partition.max.record.locks': int('2000', { min: 100, broker: 'group.share.partition.max.record.locks' }),
  'share.record.lock.duration.ms': int('30000', { min: 1000, broker: 'group.share.record.lock.duration.ms' }),
  'share.renew.acknowledge.enable': boolean('true'),
  'share.session.timeout.ms': int('45000', { min: 1, broker: 'group.share.session.timeout.ms' }),
  'streams.assignment.interval.ms': int('1000', { min: 0, broker: 'group.streams.assignment.interval.ms' }),
  'streams.assignor.name': string('sticky', { broker: 'group.streams.assignors' }),
  'streams.heartbeat.interval.ms': int('5000', { min: 1, broker: 'group.streams.heartbeat.interval.ms' }),
  'streams.initial.rebalance.delay.ms': int('3000', { min: 0, broker: 'group.streams.initial.rebalance.delay.ms' }),
  'streams.num.standby.replicas': int('0', { min: 0, broker: 'group.streams.num.standby.replicas' }),
  'streams.rack.aware.assignment.tags': list('', { broker: 'group.streams.rack.aware.assignment.tags' }),
  'streams.session.timeout.ms': int('45000', { min: 1, broker: 'group.streams.session.timeout.ms' }),
};
