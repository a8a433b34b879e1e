import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** One time at which the event loop of another process let its timers wait. */
export interface Stall {
  readonly atMs: number;
  readonly ms: number;
  /** Of that, the thread ran; the rest of it neither ran nor waited for a processor, but for a disk say. */
  readonly runningMs: number;
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
    const [atMs, ms, runningMs, withoutProcessorMs] = line.split(' ').map(Number);
    if (atMs! >= fromMs && atMs! <= toMs)
      stalls.push({ atMs: atMs!, ms: ms!, runningMs: runningMs!, withoutProcessorMs: withoutProcessorMs! });
  }
  return stalls;
}

/** What the process itself made its timers wait for. */
export const ownMs = ({ ms, withoutProcessorMs }: Stall): number => Math.max(ms - withoutProcessorMs, 0);

/** The longest, for people: when they ended, how long they were, and what of that the process itself took. */
export function stallsText(stalls: readonly Stall[], fromMs: number): string {
  const longest = Math.max(0, ...stalls.map(({ ms }) => ms));
  const own = [...stalls].sort((a, b) => ownMs(b) - ownMs(a)).slice(0, 3);
  const texts = own.map((stall) => `${ownMs(stall).toFixed(1)} (${stall.runningMs.toFixed(1)} running; at ${stall.atMs - fromMs})`);
  return `longest ${longest.toFixed(1)} ms; own work ${texts.join(', ') || 'none'} ms; ${stalls.filter((each) => ownMs(each) >= 20).length} of 20 ms and more`;
}
