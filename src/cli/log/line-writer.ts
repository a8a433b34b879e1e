import type { Output } from '../output.ts';

/** Lines gathered into writes of this many characters: a write for each of a million records takes a second. */
const CHUNK_CHARACTERS = 32 * 1024;

/** Writes rows as text, or as one JSON object per line. */
export class LineWriter {
  readonly json: boolean;
  private readonly out: Output;
  private waiting = '';

  constructor(out: Output, json: boolean) {
    this.out = out;
    this.json = json;
  }

  /** @param text what a person reads; null: nothing, it is for programs alone */
  row(row: object, text: string | null): void {
    if (this.json) this.add(JSON.stringify(row));
    else if (text !== null) this.add(text);
  }
  flush(): void {
    if (this.waiting !== '') this.out.text(this.waiting);
    this.waiting = '';
  }

  private add(line: string): void {
    this.waiting += `${line}\n`;
    if (this.waiting.length >= CHUNK_CHARACTERS) this.flush();
  }
}

/** `name: value` pairs; what is undefined is left out. */
export function pairs(fields: Readonly<Record<string, string | number | undefined>>): string {
  return Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}: ${value}`)
    .join('  ');
}

/** Ms since 1970 as text, -1 is no time. Times beyond a Date's range stay numbers. */
export function timeText(ms: number): string {
  if (ms === -1) return 'none';
  return Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : String(ms);
}
