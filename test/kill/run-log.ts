/** What a broker has logged from one start to its end, as JSON lines. */
export interface RunLog {
  /** Lines at warn and error that a sound restart does not write, and whatever is no line of a log. */
  readonly wrong: readonly string[];
  readonly compactions: number;
  readonly retentions: number;
  readonly moves: number;
  /** Ends of logs that were half written when the broker died, and were cut off. */
  readonly tornEnds: number;
}

/** More than a request of the loads: a torn end is one write. */
const MAX_TORN_BYTES = 256 * 1024;

/** @param killedBefore the run before it did not end cleanly */
export function readRunLog(output: string, killedBefore: boolean): RunLog {
  const wrong: string[] = [];
  let unclean = 0;
  const count = { compactions: 0, retentions: 0, moves: 0, tornEnds: 0 };
  for (const line of output.split('\n').slice(0, -1)) {
    const entry = parsed(line);
    const message = String(entry?.msg ?? '');
    const isLoud = !entry || !['debug', 'info'].includes(String(entry.level));
    if (/compact/i.test(message) && !isLoud) count.compactions++;
    if (/old segments deleted/.test(message)) count.retentions++;
    if (/has moved to another log directory/.test(message)) count.moves++;
    if (!isLoud) continue;
    if (/last run did not end cleanly/.test(message)) unclean++;
    else if (/damaged end of the log/.test(message) && entry?.droppedSegments === 0 && Number(entry.cutBytes) < MAX_TORN_BYTES)
      count.tornEnds++;
    else wrong.push(line.slice(0, 1000));
  }
  if (unclean > (killedBefore ? 1 : 0)) wrong.push(`it says ${unclean} times that the last run did not end cleanly`);
  return { wrong, ...count };
}

function parsed(line: string): Record<string, unknown> | null {
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return null;
  }
}
