import { isKnownBrokerKey } from './table.ts';

// What the apache/kafka and confluent images use KAFKA_* names for besides configs.
const NOT_CONFIGS =
  /^KAFKA_(HEAP_OPTS|OPTS|JVM_PERFORMANCE_OPTS|GC_LOG_OPTS|DEBUG|CLASSPATH|HOME|VERSION|USER|MODE|CLUSTER_ID|(LOG4J|JMX|TOOLS|DEBUG)_.*|SSL_.*_(FILENAME|CREDENTIALS)|MOUNTED_CONF_DIR)$/;

const PREFIX = 'KAFKA_';

/** This process's environment without what would configure a broker: for one that is to be told everything. */
export function environmentWithoutConfigs(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith(PREFIX)));
}

/**
 * Broker keys from `KAFKA_*` environment names as the Kafka images spell them: `___` is `-`, `__` is `_`, `_` is `.`, so that
 * KAFKA_LOG_RETENTION_MS is log.retention.ms. `names` has the name by key, for messages; `unknown` lists the names that are no key of Kafka 3.9 or 4.4: worth a warning.
 */
export function fromEnvironment(env: Readonly<Record<string, string | undefined>>): {
  values: Map<string, string>;
  names: Map<string, string>;
  unknown: string[];
} {
  const values = new Map<string, string>();
  const names = new Map<string, string>();
  const unknown: string[] = [];
  for (const [name, value] of Object.entries(env)) {
    if (!name.startsWith(PREFIX) || value === undefined || NOT_CONFIGS.test(name)) continue;
    const key = name.slice(PREFIX.length).toLowerCase().replace(/_+/g, separators);
    if (!isKnownBrokerKey(key)) unknown.push(name);
    else {
      values.set(key, value);
      names.set(key, name);
    }
  }
  return { values, names, unknown };
}

function separators(underscores: string): string {
  return underscores.replaceAll('___', '-').replaceAll('__', '\0').replaceAll('_', '.').replaceAll('\0', '_');
}
