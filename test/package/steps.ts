import { type ChildProcess, spawn } from 'node:child_process';
import { delimiter } from 'node:path';

const STEP_DEADLINE_MS = 60_000;

const groups = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of groups) endGroup(child, 'SIGKILL');
});

export interface Step {
  readonly output: string;
  readonly code: number | null;
}

export interface StepOptions {
  readonly cwd: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly deadlineMs?: number;
  /** Takes the step for done when its output matches. What runs then is told to end. */
  readonly until?: RegExp;
}

/**
 * Runs a program to its end, as the head of a process group: npx and npm start others, and none of them may stay.
 * @throws Error with its output, when the deadline passes first
 */
export function step(command: string, args: readonly string[], options: StepOptions): Promise<Step> {
  const { cwd, env = {}, deadlineMs = STEP_DEADLINE_MS, until } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env: environment(env), stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    groups.add(child);
    let output = '';
    let late = false;
    const collect = (text: string) => {
      output += text;
      if (until?.test(output)) endGroup(child, 'SIGTERM');
    };
    child.stdout.setEncoding('utf8').on('data', collect);
    child.stderr.setEncoding('utf8').on('data', collect);
    const timer = setTimeout(() => {
      late = true;
      endGroup(child, 'SIGKILL');
    }, deadlineMs);
    child.once('error', reject);
    child.once('close', (code) => {
      clearTimeout(timer);
      endGroup(child, 'SIGKILL');
      groups.delete(child);
      if (late) reject(new Error(`${[command, ...args].join(' ')}: not done after ${deadlineMs} ms\n${output.slice(-4000)}`));
      else resolve({ output, code });
    });
  });
}

/** The same, for a step that has to succeed. @throws Error with its output */
export async function succeed(command: string, args: readonly string[], options: StepOptions): Promise<string> {
  const { output, code } = await step(command, args, options);
  if (code !== 0) throw new Error(`${[command, ...args].join(' ')}: exit code ${code}\n${output.slice(-8000)}`);
  return output;
}

/** What a fresh shell has: `npm run` and vitest set variables (npm_config_local_prefix) and a PATH that lead npx back to this repository. */
function environment(more: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(
    ([name]) => !/^(npm_(?!config_)|npm_config_(local_)?prefix|VITEST|NODE_ENV|KAFKA_|JEST_)/i.test(name),
  );
  const path = (process.env.PATH ?? '').split(delimiter).filter((folder) => !folder.includes('node_modules'));
  return { ...Object.fromEntries(own), PATH: path.join(delimiter), NO_COLOR: '1', ...more };
}

function endGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, signal);
  } catch {
    // it ended before
  }
}
