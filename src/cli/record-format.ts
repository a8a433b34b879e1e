import { isUtf8 } from 'node:buffer';
import { usageError } from './errors.ts';
import { unescaped } from './record-lines.ts';

export interface ConsumedRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** Ms since 1970; -1: none. */
  readonly timestamp: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly { readonly key: string; readonly value: Buffer | null }[];
}

/** Where a record is written to, part by part; text becomes UTF-8. */
export type Put = (part: Uint8Array | string) => void;
/** Writes one record. */
export type RecordFormat = (record: ConsumedRecord, put: Put) => void;

export interface FormatFlags {
  /** `text`, `json`, or a template. */
  readonly format: string;
  readonly printKey?: boolean | undefined;
  /** What stands for null; not in JSON. */
  readonly nullValue: string;
}

/** @throws CliError (usage) */
export function parseFormat({ format, printKey, nullValue }: FormatFlags): RecordFormat {
  if (printKey && format !== 'text') throw usageError('--print-key goes with --format text; JSON has the key, a template has it with %k');
  if (format === 'text') return textFormat(printKey === true, nullValue);
  if (format === 'json') return (record, put) => put(`${toJson(record)}\n`);
  if (/[%\\]/.test(format)) return templateFormat(format, nullValue);
  throw usageError(`--format ${format}: write text, json, or a template as in '%k:%v\\n'`);
}

function textFormat(printKey: boolean, nullText: string): RecordFormat {
  const nullBytes = Buffer.from(nullText);
  return ({ key, value }, put) => {
    if (printKey) {
      put(key ?? nullBytes);
      put('\t');
    }
    put(value ?? nullBytes);
    put('\n');
  };
}

/** One line. Bytes that are UTF-8 are a string, others `{"base64":".."}`, so that neither can be taken for the other. */
export function toJson({ topic, partition, offset, timestamp, key, value, headers }: ConsumedRecord): string {
  return JSON.stringify({
    topic,
    partition,
    offset,
    timestamp: timestamp < 0 ? null : timestamp,
    key: bytesToJson(key),
    value: bytesToJson(value),
    headers: headers.map((header) => ({ key: header.key, value: bytesToJson(header.value) })),
  });
}

function bytesToJson(bytes: Buffer | null): string | { base64: string } | null {
  if (bytes === null) return null;
  return isUtf8(bytes) ? bytes.toString('utf8') : { base64: bytes.toString('base64') };
}

type Piece = (record: ConsumedRecord, nullBytes: Buffer) => Uint8Array | string;

/** By kcat's letters, and %v for kcat's %s. */
const LETTERS: Readonly<Record<string, Piece>> = {
  k: ({ key }, nullBytes) => key ?? nullBytes,
  K: ({ key }) => String(key?.byteLength ?? -1),
  v: ({ value }, nullBytes) => value ?? nullBytes,
  s: ({ value }, nullBytes) => value ?? nullBytes,
  S: ({ value }) => String(value?.byteLength ?? -1),
  o: ({ offset }) => String(offset),
  p: ({ partition }) => String(partition),
  t: ({ topic }) => topic,
  T: ({ timestamp }) => String(timestamp),
  h: ({ headers }, nullBytes) =>
    Buffer.concat(headers.flatMap((header, i) => [Buffer.from(`${i > 0 ? ',' : ''}${header.key}=`), header.value ?? nullBytes])),
  '%': () => '%',
};

function templateFormat(template: string, nullText: string): RecordFormat {
  const nullBytes = Buffer.from(nullText);
  const pieces: Piece[] = [];
  let at = 0;
  for (const match of template.matchAll(/%(.?)/gsu)) {
    const piece = Object.hasOwn(LETTERS, match[1]!) ? LETTERS[match[1]!]! : null;
    if (!piece) throw usageError(`--format: ${match[0]} stands for nothing; there are %${Object.keys(LETTERS).join(' %')}`);
    const text = unescaped(template.slice(at, match.index));
    if (text !== '') pieces.push(() => text);
    pieces.push(piece);
    at = match.index + match[0].length;
  }
  const rest = unescaped(template.slice(at));
  if (rest !== '') pieces.push(() => rest);
  return (record, put) => {
    for (const piece of pieces) put(piece(record, nullBytes));
  };
}
