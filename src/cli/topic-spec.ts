import { whyNotToName } from '../metadata/internal-topics.ts';
import { usageError } from './errors.ts';

/** A topic that a broker creates at start, unless it exists. */
export interface TopicSpec {
  readonly name: string;
  readonly partitions: number;
  readonly configs: Readonly<Record<string, string>>;
}

const FORM = 'write name:partitions, or name:partitions:config=value,config=value';
/** A comma begins the next config only where `key=` follows: the others belong to the value, as in cleanup.policy=compact,delete. */
const NEXT_CONFIG = /,(?=\s*[A-Za-z][\w.-]*=)/;
const MAX_PARTITIONS = 2 ** 31 - 1; // an int32 on the wire
/** Kafka's rule for topic names, which may not be . or .. either. */
export const TOPIC_NAME = /^(?!\.{1,2}$)[a-zA-Z0-9._-]{1,249}$/;

/** @throws CliError (usage) that says how it is written */
export function parseTopicSpec(text: string): TopicSpec {
  // A value may hold colons (throttled replicas do), a name and a number cannot.
  const [, name, count, configs] = /^([^:]*):([^:]*)(?::(.*))?$/s.exec(text) ?? [];
  if (!name || count === undefined) throw usageError(`--topic ${text}: ${FORM}`);
  if (!TOPIC_NAME.test(name)) {
    throw usageError(`--topic ${text}: "${name}" is no topic name; use up to 249 letters, digits, dots, underscores and hyphens`);
  }
  const whyNot = whyNotToName(name);
  if (whyNot !== null) throw usageError(`--topic ${text}: ${whyNot}`);
  const partitions = /^\d+$/.test(count.trim()) ? Number(count) : 0;
  if (partitions < 1 || partitions > MAX_PARTITIONS) {
    throw usageError(`--topic ${text}: "${count}" is no number of partitions; ${FORM}`);
  }
  return { name, partitions, configs: configs === undefined ? {} : parseConfigs(configs, text) };
}

/** @throws CliError (usage) when a topic is named twice */
export function parseTopicSpecs(texts: readonly string[]): TopicSpec[] {
  const specs = texts.map(parseTopicSpec);
  const names = new Set<string>();
  for (const { name } of specs) {
    if (names.has(name)) throw usageError(`--topic ${name} is given twice; keep one`);
    names.add(name);
  }
  return specs;
}

function parseConfigs(text: string, whole: string): Record<string, string> {
  const configs: Record<string, string> = Object.create(null);
  for (const part of text.split(NEXT_CONFIG)) {
    const equals = part.indexOf('=');
    if (equals < 1) throw usageError(`--topic ${whole}: "${part}" is no config=value; ${FORM}`);
    const key = part.slice(0, equals).trim();
    if (key in configs) throw usageError(`--topic ${whole}: ${key} is given twice; keep one`);
    configs[key] = part.slice(equals + 1).trim();
  }
  return { ...configs };
}
