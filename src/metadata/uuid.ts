import type { RandomBytes } from '../core/bytes.ts';

export type { RandomBytes } from '../core/bytes.ts';

/**
 * A version 4 UUID in Kafka's text form, 22 characters of base64url. Never one that starts with "-", which command lines would take for an
 * option, nor one of Kafka's two reserved ids (whose version is 0, so that a version 4 never is one).
 */
export function randomUuid(randomBytes: RandomBytes): string {
  for (;;) {
    const bytes = Buffer.from(randomBytes(16));
    bytes[6] = (bytes[6]! & 0x0f) | 0x40;
    bytes[8] = (bytes[8]! & 0x3f) | 0x80;
    const text = bytes.toString('base64url');
    if (!text.startsWith('-')) return text;
  }
}

/** A version 4 UUID in its usual form: `8-4-4-4-12` hexadecimal digits. */
export function uuidText(randomBytes: RandomBytes): string {
  const bytes = Buffer.from(randomBytes(16));
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
