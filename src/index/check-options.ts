import { LOG_LEVELS } from '../core/logger.ts';

type Check = (value: unknown) => string | null;

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
const isSetting = (value: unknown): boolean => ['string', 'number', 'boolean'].includes(typeof value);
const wholeNumber = (min: number, max: number): Check => {
  return (value) =>
    Number.isInteger(value) && Number(value) >= min && Number(value) <= max ? null : `a whole number from ${min} to ${max}`;
};
const settings: Check = (value) =>
  isRecord(value) && Object.values(value).every(isSetting) ? null : "an object, as in { 'log.retention.ms': 60000 }";

const TOPIC_OPTIONS: Readonly<Record<string, Check>> = {
  partitions: (value) => (typeof value === 'number' ? null : 'a number'), // whether there may be so many, the broker says
  configs: settings,
};

const START_OPTIONS: Readonly<Record<string, Check>> = {
  port: wholeNumber(0, 65_535),
  host: (value) => (typeof value === 'string' ? null : 'the name or address to listen on'),
  topics: (value) => (isRecord(value) ? null : 'an object of topics with their partitions, as in { orders: 3 }'),
  data: (value) => (typeof value === 'string' && value.trim() !== '' ? null : 'the path of a folder'),
  maxBytes: wholeNumber(1, Number.MAX_SAFE_INTEGER),
  config: settings,
  logLevel: (value) => (LOG_LEVELS.some((level) => level === value) ? null : `one of ${LOG_LEVELS.join(', ')}`),
};

/** @throws TypeError that names everything that is wrong: options that do not exist, with those that do, and values of a wrong kind */
export function checkStartOptions(options: unknown): void {
  if (!isRecord(options)) throw new TypeError(`startBroker: give its options as an object, with any of ${names(START_OPTIONS)}`);
  const problems = problemsOf(options, START_OPTIONS);
  const topics = isRecord(options.topics) ? Object.entries(options.topics) : [];
  for (const [name, topic] of topics) problems.push(...topicProblems(name, topic));
  if (problems.length > 0) throw new TypeError(`startBroker: ${problems.join('; ')}`);
}

/** @throws TypeError that names what is wrong */
export function checkTopicOptions(name: unknown, topic: unknown): void {
  if (typeof name !== 'string') throw new TypeError('createTopic: the name of the topic is not a string');
  const problems = topicProblems(name, topic);
  if (problems.length > 0) throw new TypeError(`createTopic: ${problems.join('; ')}`);
}

function topicProblems(name: string, topic: unknown): string[] {
  const options = typeof topic === 'number' ? { partitions: topic } : topic;
  if (!isRecord(options)) return [`topic ${name} must be a number of partitions, or an object with any of ${names(TOPIC_OPTIONS)}`];
  return problemsOf(options, TOPIC_OPTIONS).map((problem) => `topic ${name}: ${problem}`);
}

function problemsOf(options: Record<string, unknown>, checks: Readonly<Record<string, Check>>): string[] {
  return Object.entries(options).flatMap(([name, value]) => {
    if (!Object.hasOwn(checks, name)) return [`there is no option ${name}; there are ${names(checks)}`];
    const expected = value === undefined ? null : checks[name]!(value);
    return expected === null ? [] : [`${name} must be ${expected}, not ${text(value)}`];
  });
}

const names = (checks: object): string => Object.keys(checks).join(', ');

const MAX_SHOWN = 60;
/** The value, short; never throws. */
function text(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, MAX_SHOWN));
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' && value !== null ? 'an object with other values' : String(value);
}
