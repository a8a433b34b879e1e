/** A failure whose message is written for the person at the terminal: one line that says what to do. */
export class CliError extends Error {
  override name = 'CliError';
  readonly exitCode: 1 | 2;
  /** @param exitCode 1: it could not be done; 2: the command line or a config is wrong, and nothing was touched */
  constructor(message: string, exitCode: 1 | 2 = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** A wrong command line, environment or file. */
export const usageError = (message: string): CliError => new CliError(message, 2);

/** Node's and SQLite's name of a failure, e.g. EADDRINUSE; undefined when there is none. */
export function codeOf(error: unknown): string | undefined {
  const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined;
  return typeof code === 'string' ? code : undefined;
}

/** All that an error says, on one line. */
export function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message || codeOf(error) || error.name : String(error);
  return text.trim().replace(/\s*\n\s*/g, ' ');
}
