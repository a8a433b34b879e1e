/**
 * Where our defaults differ from Kafka's (design decision 18). They are applied as static broker configs, so that DescribeConfigs shows
 * them (source 4) and a user's own value goes before them.
 */
export const OUR_DEFAULTS: readonly { readonly key: string; readonly value: string; readonly why: string }[] = [
  { key: 'node.id', value: '1', why: 'One broker needs no number of its own choosing.' },
  { key: 'group.initial.rebalance.delay.ms', value: '0', why: 'A first consumer should read at once: no fleet is starting up.' },
  { key: 'offsets.topic.segment.bytes', value: '4194304', why: 'Groups are read from it at the start: small segments are soon compacted.' },
  { key: 'offsets.topic.replication.factor', value: '1', why: 'One broker can hold one replica.' },
  { key: 'transaction.state.log.replication.factor', value: '1', why: 'One broker can hold one replica.' },
  { key: 'transaction.state.log.min.isr', value: '1', why: 'One replica is all there is to be in sync.' },
  { key: 'share.coordinator.state.topic.replication.factor', value: '1', why: 'One broker can hold one replica.' },
  { key: 'share.coordinator.state.topic.min.isr', value: '1', why: 'One replica is all there is to be in sync.' },
];
