import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** One time at which the event loop of another process let its timers wait. */
export interface Stall {
  readonly atMs: number;
  readonly ms: number;
  /** Of that, the system gave the thread no processor: others had it. 0 where the system does not tell. */
  readonly withoutProcessorMs: number;
}

const WATCH = pathToFileURL(fileURLToPath(new URL('stall-watch.mjs', import.meta.url))).href;

/** What a Node process needs in its environment to note its stalls in `file`. */
export const watchingStalls = (file: string): NodeJS.ProcessEnv => ({ NODE_OPTIONS: `--import=${WATCH}`, STALL_FILE: file });

/** Those between two times; what others on this machine took is not counted as the process's own. */
export function stallsBetween(file: string, fromMs: number, toMs: number): Stall[] {
  if (!existsSync(file)) return [];
  const stalls: Stall[] = [];
  for (const line of readFileSync(file, 'latin1').split('\n').slice(0, -1)) {
    const [atMs, ms, , withoutProcessorMs] = line.split(' ').map(Number);
    if (atMs! >= fromMs && atMs! <= toMs) stalls.push({ atMs: atMs!, ms: ms!, withoutProcessorMs: withoutProcessorMs! });
  }
  return stalls;
}

/** What the process itself made its timers wait for. */
export const ownMs = ({ ms, withoutProcessorMs }: Stall): number => Math.max(ms - withoutProcessorMs, 0);

/** `longest 12.3 ms (own 8.1), own 99.9% 6.2 ms, over 20 ms: 0`, for people. */
export function stallsText(stalls: readonly Stall[]): string {
  const own = stalls.map(ownMs).sort((a, b) => b - a);
  const longest = Math.max(0, ...stalls.map(({ ms }) => ms));
  const over = own.filter((ms) => ms >= 20).length;
  return `longest ${longest.toFixed(1)} ms, own work ${(own[0] ?? 0).toFixed(1)} ms, then ${own
    .slice(1, 4)
    .map((ms) => ms.toFixed(1))
    .join(', ')}; ${over} of 20 ms and more`;
}
