type Check = (value: unknown) => string | null;

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
const oneOf = (...texts: readonly string[]): Check => {
  return (value) => (texts.some((text) => text === value) ? null : `one of ${texts.join(', ')}`);
};
const object: Check = (value) => (isRecord(value) ? null : 'an object');

/** Each broker is a process, and linked to all others. */
const MAX_BROKERS = 16;

const OPTIONS: Readonly<Record<string, Check>> = {
  brokers: (value) =>
    Number.isInteger(value) && Number(value) >= 1 && Number(value) <= MAX_BROKERS ? null : `a number from 1 to ${MAX_BROKERS}`,
  mode: oneOf('processes', 'in-process'),
  racks: (value) => (Array.isArray(value) && value.every((rack) => typeof rack === 'string') ? null : 'a list of names'),
  topics: object,
  config: object,
  data: (value) => (typeof value === 'string' && value.trim() !== '' ? null : 'the path of a folder'),
  cuttable: oneOf('brokers', 'all', 'none'),
  logLevel: oneOf('debug', 'info', 'warn', 'error'),
  timeoutMs: (value) => (typeof value === 'number' && value > 0 ? null : 'a number of milliseconds'),
};

/** @throws TypeError that names everything that is wrong */
export function checkClusterOptions(options: unknown): void {
  const names = Object.keys(OPTIONS).join(', ');
  if (!isRecord(options)) throw new TypeError(`startCluster: give its options as an object, with any of ${names}`);
  const problems = Object.entries(options).flatMap(([name, value]) => {
    if (!Object.hasOwn(OPTIONS, name)) return [`there is no option ${name}; there are ${names}`];
    const expected = value === undefined ? null : OPTIONS[name]!(value);
    return expected === null ? [] : [`${name} must be ${expected}`];
  });
  if (problems.length > 0) throw new TypeError(`startCluster: ${problems.join('; ')}`);
}
