import { usageError } from '../errors.ts';
import type { TopicPartition } from '../groups/group-offsets.ts';
import { parseScopes } from '../groups/reset-target.ts';

const MAX_INT16 = 2 ** 15 - 1;
const MAX_INT32 = 2 ** 31 - 1;

/** @throws CliError (usage) */
export function parseWhole(text: string, flag: string, most = Number.MAX_SAFE_INTEGER): number {
  const number = Number(text.trim());
  if (/^\d{1,16}$/.test(text.trim()) && number <= most) return number;
  throw usageError(`${flag} ${text}: write a number from 0 to ${most}`);
}

export const parseProducerId = (text: string): number => parseWhole(text, '--producer-id');
export const parseProducerEpoch = (text: string): number => parseWhole(text, '--producer-epoch', MAX_INT16);
export const parseCoordinatorEpoch = (text: string): number => parseWhole(text, '--coordinator-epoch', MAX_INT32);

/** @throws CliError (usage) unless it is one partition, as in orders:0 */
export function parsePartition(text: string): TopicPartition {
  const { topic, partitions } = parseScopes([text], '')[0]!;
  if (partitions?.length === 1) return { topic, partition: partitions[0]! };
  throw usageError(`${text}: write one partition, as in ${topic}:0`);
}
