import type { Context } from '../../src/cli/output.ts';
import { type ExitCode, run } from '../../src/cli/program.ts';

export interface Ran {
  readonly exitCode: ExitCode;
  readonly out: string;
  readonly err: string;
}

/** Runs a command line in this process and catches what it writes. */
export async function runCaptured(args: readonly string[], { terminal = false, colors = false } = {}): Promise<Ran> {
  const written = { out: '', err: '' };
  const output = (name: 'out' | 'err'): Context['out'] => ({
    line: (text) => {
      written[name] += `${text}\n`;
    },
    text: (text) => {
      written[name] += text;
    },
    isTerminal: terminal,
    hasColors: colors,
    columns: terminal ? 80 : undefined,
  });
  const exitCode = await run(args, { out: output('out'), err: output('err'), env: {} });
  return { exitCode, ...written };
}
