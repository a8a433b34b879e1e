import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { actsOn, CONFIG_TABLE, type ConfigKey, isKnownBrokerKey, OUR_DEFAULTS } from '../src/config.ts';
import answers from './config-kafka-answers.json' with { type: 'json' };

interface KafkaRow {
  name: string;
  type: string;
  default: string | null;
  readOnly: boolean;
  sensitive: boolean;
  synonyms?: string[];
}
function kafkaRows(scope: string): KafkaRow[] {
  const rows: KafkaRow[] = JSON.parse(readFileSync(new URL(`./kafka-schema/4.4.0/configs-${scope}.json`, import.meta.url), 'utf8'));
  return rows.filter(({ type }) => type !== 'UNKNOWN'); // plug-ins' keys
}

for (const scope of ['broker', 'topic', 'group'] as const) {
  const table = CONFIG_TABLE[scope];

  test(`the ${scope} keys are those of Kafka 4.4, no more and no fewer`, () => {
    const names = kafkaRows(scope).map(({ name }) => name);
    expect([...table.keys()].sort()).toEqual(names.sort());
  });

  test(`every ${scope} key has Kafka's type, default, readOnly, sensitive and broker synonym`, () => {
    for (const kafka of kafkaRows(scope)) {
      const key = table.get(kafka.name)!;
      const ours = {
        name: kafka.name,
        type: key.type.toUpperCase(),
        default: key.default,
        readOnly: scope === 'broker' && key.dynamic !== true,
        sensitive: key.type === 'password',
      };
      const { synonyms, ...row } = kafka;
      expect(ours).toEqual(row);
      if (synonyms !== undefined) expect([key.broker], kafka.name).toEqual(synonyms);
    }
  });

  test(`every ${scope} key has the range and the valid values of Kafka's ConfigDef, and none where Kafka has none`, () => {
    const kafka: Record<string, string> = answers.validators[scope];
    // Checks of their own, not ranges: voters and bootstrap servers belong to controllers; an empty authorizer is the default.
    const own = ['controller.quorum.voters', 'controller.quorum.bootstrap.servers', 'authorizer.class.name'];
    const lists = [...table].filter(([, key]) => key.type === 'list' && !key.oneOf && !key.form).map(([name]) => name);
    for (const [name, key] of table) {
      if (own.includes(name) || lists.includes(name)) continue; // a list without valid values prints nothing; test/config-values.test.ts asks
      expect(validatorText(key), name).toBe(kafka[name]);
    }
  });
}

/** As Kafka's validators print themselves. */
function validatorText({ type, min, max, or, oneOf, ignoreCase, nonEmpty, form }: ConfigKey): string | undefined {
  if (min !== undefined) return `[${min},...${max === undefined ? '' : `,${max}`}]${or === undefined ? '' : ` or ${or}`}`;
  if (oneOf) return `${ignoreCase ? '(case insensitive) ' : ''}[${oneOf.join(', ')}]`;
  if (form === 'replicas') return '[partitionId]:[brokerId],[partitionId]:[brokerId],...';
  if (form === 'offset reset') return '[latest, earliest, by_duration:PnDTnHnMn.nS]';
  return nonEmpty && type === 'string' ? 'non-empty string' : undefined;
}

test('topic keys whose broker key has several units name the one in ms', () => {
  const named = ['retention.ms', 'segment.ms', 'segment.jitter.ms', 'flush.ms'].map((name) => CONFIG_TABLE.topic.get(name)?.broker);
  const kafka = answers.described.then.topic.filter(({ name }) => name !== 'cleanup.policy');
  expect(named.slice(1).sort()).toEqual(kafka.map(({ synonyms }) => synonyms[0]![0]).sort());
  expect(named[0]).toBe('log.retention.ms'); // LogConfig.TOPIC_CONFIG_SYNONYMS
});

test('every topic key, and every broker key that is acted on, says in one line what it is for', () => {
  for (const [name, key] of CONFIG_TABLE.topic) expect(key.doc, name).toMatch(/^[^\n]{10,150}\.$/);
  const acted = [...CONFIG_TABLE.broker].filter(([name]) => actsOn(name));
  expect(acted.length).toBeGreaterThan(30);
  for (const [name, key] of acted) expect(key.doc, name).toMatch(/^[^\n]{10,150}\.$/);
});

test('keys of Kafka 3.9, of listeners and of plug-ins are known; others are not', () => {
  for (const name of answers.keysOf3_9) expect(isKnownBrokerKey(name), name).toBe(true);
  for (const name of ['super.users', 'listener.name.internal.ssl.protocol', 'rsm.config.chunk.size'])
    expect(isKnownBrokerKey(name)).toBe(true);
  for (const name of ['', 'log.retention', 'retention.ms', 'constructor', 'listener.name.', 'toString'])
    expect(isKnownBrokerKey(name)).toBe(false);
});

test('our own defaults are keys of the table, and differ from those of Kafka', () => {
  for (const { key, value } of OUR_DEFAULTS) expect(CONFIG_TABLE.broker.get(key)!.default, key).not.toBe(value);
});
