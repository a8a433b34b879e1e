/**
 * The config table and all that derives from it: parsing, validation, DescribeConfigs, changes, --help and the docs.
 *
 * The rows stand in config/{broker-keys,other-broker-keys,topic-keys,group-keys}.ts, our own defaults in config/our-defaults.ts.
 */
export {
  type ConfigOp,
  type ConfigScope,
  createConfigs,
  incrementalAlter,
  refuseNulls,
  replaceConfigs,
  validateConfigs,
} from './config/alter.ts';
export { BrokerConfig, brokerConfig } from './config/broker-config.ts';
export { ConfigError } from './config/config-error.ts';
export type { ConfigKey, ConfigType } from './config/definition.ts';
export {
  CONFIG_SOURCE,
  type ConfigEntry,
  type ConfigSource,
  type ConfigSynonym,
  type CreatedConfig,
  describeBroker,
  describeClusterDefault,
  describeCreated,
  describeTopic,
} from './config/describe.ts';
export { fromEnvironment } from './config/environment.ts';
export { type ListenerAddress, type ParsedListeners, parseListeners } from './config/listeners.ts';
export { OUR_DEFAULTS } from './config/our-defaults.ts';
export { parseProperties } from './config/properties.ts';
export { actsOn, type BrokerKey, CONFIG_TABLE, isKnownBrokerKey, type TopicConfig, type TopicKey } from './config/table.ts';
export { splitList } from './config/values.ts';
