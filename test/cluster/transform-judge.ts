import type { ReadPartition } from './ledger.ts';

const SHOWN = 5;
/** As clients call them: OUT_OF_ORDER_SEQUENCE_NUMBER, UNKNOWN_PRODUCER_ID, INVALID_PRODUCER_ID_MAPPING, UNKNOWN_SERVER_ERROR, and what Java does not expect. */
const IMPOSSIBLE =
  /out ?of ?order ?sequence|unknown ?producer|not currently assigned to its transactional|unexpected server error|unexpected error in/i;

/** What brokers may tell no worker, whatever died: that they have lost what it sent before, or never heard of it. The first few. */
export function impossible(outputs: readonly string[]): string[] {
  const lines = outputs.flatMap((output) => output.split('\n'));
  return lines.filter((line) => IMPOSSIBLE.test(line)).slice(0, SHOWN);
}

/** How often each kind of complaint is in what the workers wrote. */
export function troubles(outputs: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const line of outputs.flatMap((output) => output.split('\n'))) {
    const [, complaint] = /Z ((?:aborts|begins again|crashed|partition \d+): ?.*)$/.exec(line) ?? [];
    const kind = complaint?.replace(/[\d.]+/g, 'N').slice(0, 200);
    if (kind) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  const sorted = [...counts].sort(([, a], [, b]) => b - a);
  return sorted.map(([kind, count]) => `${String(count).padStart(6)} ${kind}`).join('\n');
}

/** What of the input is not in the output exactly once, in order and from where it was; the first few, in words. */
export function mistakes(input: readonly ReadPartition[], output: readonly (readonly string[])[]): string[] {
  const wrong: string[] = [];
  const seen = input.map(({ numbers }) => new Uint8Array(numbers.length));
  for (const [outputPartition, values] of output.entries()) {
    const last = new Array<number>(input.length).fill(-1);
    for (const value of values) {
      const [partition, n, offset] = value.split(' ').map(Number) as [number, number, number];
      if (value.endsWith('aborted')) wrong.push(`${value} is visible`);
      else if (input[partition]?.numbers[offset] !== n) wrong.push(`${value} is of nothing in the input`);
      else if (outputPartition !== n % output.length) wrong.push(`${value} is in partition ${outputPartition}`);
      else if (n <= last[partition]!) wrong.push(`${value} comes behind record ${last[partition]}`);
      else seen[partition]![offset]!++;
      last[partition] = n;
    }
  }
  for (const [partition, times] of seen.entries()) {
    for (const [offset, count] of times.entries())
      if (count !== 1) wrong.push(`record ${offset} of partition ${partition}: ${count} times`);
  }
  return wrong.length > SHOWN ? [`${wrong.length} mistakes`, ...wrong.slice(0, SHOWN)] : wrong;
}
