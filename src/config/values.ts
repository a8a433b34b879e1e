import type { ConfigKey, ConfigType } from './definition.ts';

/** A parsed value: long saturates at +-(2^53 - 1), because config values stay text wherever they are printed (design decision 2). */
export type ConfigValue = boolean | number | string | readonly string[];

const LIMITS = {
  short: [-(2n ** 15n), 2n ** 15n - 1n],
  int: [-(2n ** 31n), 2n ** 31n - 1n],
  long: [-(2n ** 63n), 2n ** 63n - 1n],
} as const;
const INTEGER = /^[+-]?\d{1,40}$/; // 40 digits: no type holds more, and BigInt of a long text is slow
// Java's Double.parseDouble, save for hexadecimal floats.
const DOUBLE = /^[+-]?(NaN|Infinity|(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?[fFdD]?)$/;

/** The elements of a list value: trimmed, blank text is no element at all. */
export function splitList(text: string): string[] {
  const trimmed = text.trim();
  return trimmed === '' ? [] : trimmed.split(/\s*,\s*/);
}

/** Null if `text` is a value of this key, else Kafka's sentence on what is wrong (ConfigDef.parseType and its validators). */
export function problemOf(name: string, key: ConfigKey, text: string): string | null {
  const invalid = (value: string, why: string) => `Invalid value ${value} for configuration ${name}: ${why}`;
  switch (key.type) {
    case 'boolean':
      return /^(true|false)$/i.test(text.trim()) ? null : invalid(text, 'Expected value to be either true or false');
    case 'short':
    case 'int':
    case 'long': {
      const value = integerOf(key.type, text);
      if (value === null) return invalid(text, `Not a number of type ${key.type.toUpperCase()}`);
      const why = rangeProblem(key, value);
      return why === null ? null : invalid(String(value), why);
    }
    case 'double': {
      if (!DOUBLE.test(text.trim())) return invalid(text, 'Not a number of type DOUBLE');
      const why = rangeProblem(key, doubleOf(text));
      return why === null ? null : invalid(javaDouble(doubleOf(text)), why);
    }
    case 'list':
      return listProblem(name, key, text);
    default: {
      const why = stringProblem(name, key, text.trim());
      return why === null ? null : invalid(text.trim(), why);
    }
  }
}

/** The value of a text that problemOf found nothing wrong with. */
export function parsed(key: ConfigKey, text: string): ConfigValue {
  const trimmed = text.trim();
  switch (key.type) {
    case 'boolean':
      return trimmed.toLowerCase() === 'true';
    case 'short':
    case 'int':
      return Number(trimmed);
    case 'long':
      return Math.max(-Number.MAX_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, Number(trimmed)));
    case 'double':
      return doubleOf(text);
    case 'list': // Kafka 4.x drops repeated elements, except from the lists of throttled replicas
      return key.form === 'replicas' ? splitList(text) : [...new Set(splitList(text))];
    default:
      return trimmed;
  }
}

/** A valid text as DescribeConfigs prints it: `007` is 7, `TRUE` is true, `1` of a double is 1.0, `a , b` is a,b. */
export function printed(key: ConfigKey, text: string): string {
  if (key.type === 'long') return String(BigInt(text.trim())); // 9223372036854775807 prints as it is
  const value = parsed(key, text);
  if (key.type === 'double') return javaDouble(Number(value));
  if (typeof value === 'object') return value.join(',');
  return value === 0 ? '0' : String(value);
}

function integerOf(type: Extract<ConfigType, 'short' | 'int' | 'long'>, text: string): bigint | null {
  const trimmed = text.trim();
  if (!INTEGER.test(trimmed)) return null;
  const value = BigInt(trimmed);
  const [min, max] = LIMITS[type];
  return value < min || value > max ? null : value;
}

function doubleOf(text: string): number {
  return Number(text.trim().replace(/[fFdD]$/, ''));
}

function rangeProblem(key: ConfigKey, value: bigint | number): string | null {
  const { min, max, or } = key;
  if (or !== undefined && min !== undefined && max !== undefined) {
    const fits = value === BigInt(or) || (value >= min && value <= max);
    return fits ? null : `Value must be between ${min} and ${max} or equal to ${or}`;
  }
  if (min !== undefined && value < min) return `Value must be at least ${min}`;
  if (max !== undefined && value > max) return `Value must be no more than ${max}`;
  return null;
}

function stringProblem(name: string, key: ConfigKey, value: string): string | null {
  if (key.nonEmpty && value === '') return 'String must be non-empty';
  if (key.form === 'offset reset' && !/^(earliest|latest|by_duration:P(?=.)[\dDTHMS.]+)$/i.test(value)) {
    return `Invalid value \`${value}\` for configuration ${name}. The value must be either 'earliest', 'latest' or of the format 'by_duration:<PnDTnHnMn.nS>'.`;
  }
  if (key.oneOf === undefined) return null;
  const same = key.ignoreCase ? (each: string) => each.toLowerCase() === value.toLowerCase() : (each: string) => each === value;
  return key.oneOf.some(same) ? null : `String must be one of${key.ignoreCase ? ' (case insensitive)' : ''}: ${key.oneOf.join(', ')}`;
}

function listProblem(name: string, key: ConfigKey, text: string): string | null {
  const elements = splitList(text);
  if (key.form === 'replicas') {
    const fits = elements.join('') === '*' || elements.every((each) => /^(\d+:\d+)?$/.test(each));
    const why = `${name} must be the literal '*' or a list of replicas in the following format: [partitionId]:[brokerId],[partitionId]:[brokerId],...`;
    return fits ? null : `Invalid value [${elements.join(', ')}] for configuration ${name}: ${why}`;
  }
  if (key.nonEmpty && elements.length === 0) {
    return `Configuration '${name}' must not be empty. Valid values include: ${key.oneOf ? `[${key.oneOf.join(', ')}]` : 'any non-empty value'}`;
  }
  for (const each of elements) {
    if (each === '') return `Configuration '${name}' values must not be empty.`;
    const why = stringProblem(name, { ...key, nonEmpty: false }, each);
    if (why !== null) return `Invalid value ${each} for configuration ${name}: ${why}`;
  }
  return null;
}

/** Java's Double.toString: at least one digit after the point, and an exponent below 0.001 and from 10^7 on. */
function javaDouble(value: number): string {
  const size = Math.abs(value);
  if (Number.isNaN(value) || size === Number.POSITIVE_INFINITY) return String(value);
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0';
  const withPoint = (digits: string) => (digits.includes('.') ? digits : `${digits}.0`);
  if (size >= 1e-3 && size < 1e7) return withPoint(String(value));
  const [digits, exponent] = value.toExponential().split('e') as [string, string];
  return `${withPoint(digits)}E${Number(exponent)}`;
}
