import type { TopicPartition } from '../groups/group-offsets.ts';
import { printable } from '../output.ts';

export const orDash = (value: string | number | null): string | number => (value === null || value === '' ? '-' : value);

const MAX_DATE_MS = 8.64e15;

/** ISO 8601; - for none. Records may claim any time: one that no date can be is shown as it came. */
export function timeOf(ms: number | null): string {
  if (ms === null) return '-';
  return ms > MAX_DATE_MS ? String(ms) : new Date(ms).toISOString();
}

/** `orders:0,1 users:0`; - for none. */
export function partitionsOf(partitions: readonly TopicPartition[]): string {
  const byTopic = new Map<string, number[]>();
  for (const { topic, partition } of partitions) byTopic.set(topic, [...(byTopic.get(topic) ?? []), partition]);
  const topics = Array.from(byTopic, ([topic, numbers]) => `${printable(topic)}:${numbers.sort((a, b) => a - b).join(',')}`);
  return topics.sort().join(' ') || '-';
}
