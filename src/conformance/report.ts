import type { Difference } from './compare.ts';
import type { Json } from './transcript.ts';

/** Values longer than this are cut: what matters is where they are. */
const SHOWN_VALUE_CHARACTERS = 160;

/** Differences for a reader: one line each, the same difference at several versions on one line, under the step in which they are. */
export function describeDifferences(differences: readonly Difference[]): string {
  const bySteps = new Map<string, Map<string, number[]>>();
  for (const difference of differences) {
    const step = `${difference.scenario} / ${difference.step}`;
    const line = `${difference.path || '(step)'}: ${show(difference.expected)} -> ${show(difference.actual)}`;
    const lines = bySteps.get(step) ?? new Map<string, number[]>();
    bySteps.set(step, lines);
    lines.set(line, [...(lines.get(line) ?? []), difference.version]);
  }
  const text: string[] = [];
  for (const [step, lines] of bySteps) {
    text.push(step);
    for (const [line, versions] of lines) text.push(`  ${rangesOf(versions)}  ${line}`);
  }
  return text.join('\n');
}

function show(value: Json | undefined): string {
  if (value === undefined) return '(absent)';
  const text = JSON.stringify(value);
  return text.length > SHOWN_VALUE_CHARACTERS ? `${text.slice(0, SHOWN_VALUE_CHARACTERS)}...` : text;
}

/** [0, 1, 2, 5] as `v0-2,5`. */
export function rangesOf(versions: readonly number[]): string {
  const sorted = [...new Set(versions)].sort((a, b) => a - b);
  const ranges: string[] = [];
  for (let i = 0; i < sorted.length; i++) {
    const first = sorted[i]!;
    while (sorted[i + 1] === sorted[i]! + 1) i++;
    ranges.push(first === sorted[i] ? `${first}` : `${first}-${sorted[i]}`);
  }
  return `v${ranges.join(',')}`;
}
