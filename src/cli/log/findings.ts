import { type Output, red } from '../output.ts';

/** Of one file; a file of noise would fill the screen with them. */
const MAX_SHOWN_PER_FILE = 20;

/** `damage`: what a broker would lose or misread. `note`: worth knowing, and no harm. */
export type Severity = 'damage' | 'note';

export interface FindingsOptions {
  readonly out: Output;
  readonly json: boolean;
  /** Called before something is written: a progress bar goes out of the way. */
  beforeWrite(): void;
}

/** Writes what was found, a line each, as it is found: severity, file, position in it, what; parted by tabs in a pipe. */
export class Findings {
  damaged = 0;
  notes = 0;
  private readonly options: FindingsOptions;
  private file = '';
  private ofFile = 0;

  constructor(options: FindingsOptions) {
    this.options = options;
  }

  damage(file: string, position: number | null, what: string): void {
    this.damaged++;
    this.add('damage', file, position, what);
  }
  note(file: string, position: number | null, what: string): void {
    this.notes++;
    this.add('note', file, position, what);
  }

  /** What follows is of another file, or nothing follows: says how many findings were left out. */
  endFile(): void {
    const leftOut = this.ofFile - MAX_SHOWN_PER_FILE;
    const { file } = this;
    this.ofFile = 0;
    this.file = '';
    if (leftOut > 0) this.write('damage', file, null, `${leftOut} more findings in this file`);
  }

  private add(severity: Severity, file: string, position: number | null, what: string): void {
    if (file !== this.file) {
      this.endFile();
      this.file = file;
    }
    if (++this.ofFile <= MAX_SHOWN_PER_FILE) this.write(severity, file, position, what);
  }

  private write(severity: Severity, file: string, position: number | null, what: string): void {
    const { out, json, beforeWrite } = this.options;
    beforeWrite();
    if (json) out.line(JSON.stringify({ type: severity, file, position, what }));
    else if (!out.isTerminal) out.line([severity, file, position ?? '-', what].join('\t'));
    else
      out.line(`${severity === 'damage' ? red(severity, out) : severity}  ${file}${position === null ? '' : ` at ${position}`}: ${what}`);
  }
}
