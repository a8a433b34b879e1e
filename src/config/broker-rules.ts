import type { BrokerConfig } from './broker-config.ts';
import { brokerKey } from './table.ts';

/** Pools whose size Kafka lets at most double, or halve, at once. The cleaner is one with rules of its own. */
const POOLS: readonly string[] = [
  'background.threads',
  'log.cleaner.threads',
  'num.io.threads',
  'num.network.threads',
  'num.recovery.threads.per.data.dir',
  'num.replica.fetchers',
  'remote.log.reader.threads',
];
const MIN_DEDUPE_BYTES_PER_THREAD = 1024 * 1024;
const AT_LEAST: Readonly<Record<string, number>> = { 'log.roll.ms': 1, 'log.roll.jitter.ms': 0 };

/**
 * What is wrong with dynamic configs of a broker whose values are each valid: Kafka's rules beyond type and range (KafkaConfig.validateValues,
 * and what its reconfigurables refuse). null: nothing.
 */
export function problemOfBroker(
  configs: ReadonlyMap<string, string>,
  scope: 'broker' | 'cluster default',
  broker: BrokerConfig,
): string | null {
  // As Kafka: the rules look at what would be in force, and that is what this broker has of its own.
  const isHidden = (name: string): boolean => scope === 'cluster default' && broker.layers.perBroker.has(name);
  const set = (name: string): number | undefined => (configs.has(name) && !isHidden(name) ? Number(configs.get(name)) : undefined);
  const now = (name: string): number => Number(broker.text(name));
  if (configs.has('log.retention.ms') && Number(configs.get('log.retention.ms')) === 0)
    return 'requirement failed: log.retention.ms must be unlimited (-1) or, greater than or equal to 1';
  for (const [name, least] of Object.entries(AT_LEAST)) {
    if ((set(name) ?? least) < least) return `requirement failed: ${name} must be greater than or equal to ${least}`;
  }
  for (const name of POOLS) {
    const [wanted, current] = [set(name), now(name)];
    if (wanted === undefined || wanted === current) continue;
    const failed = `Dynamic thread count update validation failed for ${name}=${wanted}, value should`;
    if (wanted <= 0) return `${failed} be at least 1`;
    if (wanted < Math.floor(current / 2)) return `${failed} be at least half the current value ${current}`;
    if (wanted > current * 2) return `${failed} not be greater than double the current value ${current}`;
  }
  const [buffer, threads] = [set('log.cleaner.dedupe.buffer.size'), set('log.cleaner.threads')];
  if (buffer !== undefined && buffer / (threads ?? now('log.cleaner.threads')) <= MIN_DEDUPE_BYTES_PER_THREAD) {
    return 'requirement failed: log.cleaner.dedupe.buffer.size must be at least 1MB per cleaner thread.';
  }
  if (set('max.connection.creation.rate') === 0) return 'Invalid max.connection.creation.rate 0';
  return problemOfOverrides(configs.get('max.connections.per.ip.overrides')) ?? problemOfClasses(configs, broker);
}

/** `host:count,host:count` */
function problemOfOverrides(text = ''): string | null {
  const wrong = text.split(',').find((each) => each.trim() !== '' && !/:\s*[+-]?\d{1,10}\s*$/.test(each));
  return wrong === undefined ? null : `Error parsing configuration property 'max.connections.per.ip.overrides': ${wrong}`;
}

/** No class can be loaded here; one that stands where it stood does no harm. */
function problemOfClasses(configs: ReadonlyMap<string, string>, broker: BrokerConfig): string | null {
  for (const [name, text] of configs) {
    if (brokerKey(name)?.type !== 'class' || text === broker.text(name)) continue;
    return `Invalid value ${text} for configuration ${name}: Class ${text} could not be found.`;
  }
  return null;
}
