import { usageError } from './errors.ts';

/** `key=value` of --config. @throws CliError (usage) */
export function parseConfig(text: string): [string, string] {
  const equals = text.indexOf('=');
  const key = text.slice(0, equals).trim();
  if (equals < 0 || key === '') throw usageError(`--config ${text}: write key=value`);
  return [key, text.slice(equals + 1).trim()];
}
