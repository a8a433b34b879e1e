import { CliError, usageError } from './errors.ts';

export interface LineRules {
  /** Parts key and value; null: a line is the value, the key is null. */
  readonly keySeparator: Buffer | null;
  /** A key or value that is this is null. */
  readonly nullValue: Buffer | null;
}

export interface ParsedLine {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
}

/** @throws CliError (usage) */
export function parseLineRules(flags: { readonly keySeparator?: string | undefined; readonly nullValue?: string | undefined }): LineRules {
  if (flags.keySeparator === '')
    throw usageError('--key-separator is empty; write what stands between key and value, as in --key-separator :');
  return {
    keySeparator: flags.keySeparator === undefined ? null : Buffer.from(unescaped(flags.keySeparator)),
    nullValue: flags.nullValue === undefined ? null : Buffer.from(flags.nullValue),
  };
}

/** `\t` and `\n` as one types them in a shell without thinking of it; `\\` is a backslash. */
export function unescaped(text: string): string {
  return text.replace(/\\([tnr0\\])/g, (_, letter: string) => ESCAPES[letter]!);
}

const ESCAPES: Readonly<Record<string, string>> = { t: '\t', n: '\n', r: '\r', 0: '\0', '\\': '\\' };

/** @param number of the line, from 1. @throws CliError when the separator is missing */
export function parseLine(line: Buffer, number: number, { keySeparator, nullValue }: LineRules): ParsedLine {
  const orNull = (bytes: Buffer) => (nullValue?.equals(bytes) ? null : bytes);
  if (!keySeparator) return { key: null, value: orNull(line) };
  const at = line.indexOf(keySeparator);
  if (at < 0) throw new CliError(`line ${number} has no key separator ${JSON.stringify(keySeparator.toString())}`);
  return { key: orNull(line.subarray(0, at)), value: orNull(line.subarray(at + keySeparator.byteLength)) };
}

/** Of `name=value`s, by name; a name may come again. @throws CliError (usage) */
export function parseHeaders(texts: readonly string[] = []): ReadonlyMap<string, readonly string[]> {
  const headers = new Map<string, string[]>();
  for (const text of texts) {
    const equals = text.indexOf('=');
    if (equals < 1) throw usageError(`--header ${text}: write name=value`);
    const name = text.slice(0, equals);
    const values = headers.get(name) ?? [];
    values.push(text.slice(equals + 1));
    headers.set(name, values);
  }
  return headers;
}
