import { ConfigError } from './config-error.ts';

const ESCAPES: Readonly<Record<string, string>> = { t: '\t', n: '\n', r: '\r', f: '\f' };

/**
 * Reads Java's properties format (java.util.Properties.load): `#` and `!` begin comments, `=`, `:` or white space ends a key, a backslash
 * joins lines and escapes, the last of equal keys wins. Throws ConfigError for a malformed \uXXXX.
 */
export function parseProperties(text: string): Map<string, string> {
  const values = new Map<string, string>();
  for (const line of logicalLines(text)) {
    const end = keyEnd(line);
    const value = line.slice(end).replace(/^[ \t\f]*[=:]?[ \t\f]*/, '');
    values.set(unescaped(line.slice(0, end)), unescaped(value));
  }
  return values;
}

/** Lines without comments and blank ones, continuation lines joined: only an odd number of backslashes at the end continues a line. */
function* logicalLines(text: string): Generator<string> {
  let open: string | null = null;
  for (const natural of text.split(/\r\n|\n|\r/)) {
    const line = natural.replace(/^[ \t\f]+/, '');
    if (open === null && (line === '' || line.startsWith('#') || line.startsWith('!'))) continue;
    const joined: string = (open ?? '') + line;
    const continues = (/\\*$/.exec(line)?.[0].length ?? 0) % 2 === 1;
    open = continues ? joined.slice(0, -1) : null;
    if (!continues) yield joined;
  }
  if (open !== null && open !== '') yield open;
}

/** Where the key ends: at the first separator that no backslash escapes. */
function keyEnd(line: string): number {
  for (let at = 0; at < line.length; at++) {
    if (line[at] === '\\') at++;
    else if (/[=: \t\f]/.test(line[at]!)) return at;
  }
  return line.length;
}

function unescaped(text: string): string {
  if (!text.includes('\\')) return text;
  return text.replace(/\\(u[0-9a-fA-F]{4}|[\s\S]|$)/g, (_, escaped: string) => {
    if (escaped.length === 5) return String.fromCharCode(Number.parseInt(escaped.slice(1), 16));
    if (escaped === 'u') throw new ConfigError([`'${text}': \\u needs four hexadecimal digits; write \\\\ for a backslash`]);
    return ESCAPES[escaped] ?? escaped;
  });
}
