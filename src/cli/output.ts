/** Where a command writes to: a terminal gets tables and colours, a pipe gets lines that other programs read. */
export interface Output {
  /** Writes a line; the newline is added. */
  line(text: string): void;
  /** Writes text as it is. */
  text(text: string): void;
  readonly isTerminal: boolean;
  /** A terminal that shows colours, and a user who wants them (NO_COLOR). */
  readonly hasColors: boolean;
  /** Width in characters; undefined when it is no terminal. */
  readonly columns: number | undefined;
}

/** What a command has of the world around it. */
export interface Context {
  readonly out: Output;
  readonly err: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export function streamOutput(stream: NodeJS.WriteStream): Output {
  return {
    line: (text) => void stream.write(`${text}\n`),
    text: (text) => void stream.write(text),
    isTerminal: stream.isTTY === true,
    hasColors: stream.isTTY === true && stream.hasColors(),
    columns: stream.columns,
  };
}

export const bold = (text: string, output: Output): string => (output.hasColors ? `\x1b[1m${text}\x1b[22m` : text);
export const red = (text: string, output: Output): string => (output.hasColors ? `\x1b[31m${text}\x1b[39m` : text);

type Cell = string | number;

/** Aligned columns under a header on a terminal; in a pipe one line per row, cells parted by tabs, no header. */
export function writeTable(output: Output, header: readonly string[], rows: readonly (readonly Cell[])[]): void {
  if (!output.isTerminal) {
    for (const row of rows) output.line(row.join('\t'));
    return;
  }
  const lines = [header, ...rows.map((row) => row.map(String))];
  const widths = header.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
  for (const [i, line] of lines.entries()) {
    const text = line
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd();
    output.line(i === 0 ? bold(text, output) : text);
  }
}

/** Free text in one line: what would break it, or command the terminal, is shown as JSON escapes it. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text.replace(/[\x00-\x1f\x7f-\x9f]/g, (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
