import { CODEC_NAMES } from '../record-client.ts';
import {
  codecPartition,
  commits,
  type Feature,
  type MatrixRecord,
  matrixRecords,
  READ_BY_KAFKAJS,
  TRANSACTION_NUMBERS,
  TRANSACTION_PARTITIONS,
  TRANSACTIONS_BY_KAFKAJS,
  transactionRecords,
} from './features.ts';
import type { MatrixKafkaJs } from './kafkajs.ts';
import type { FeatureResult } from './program.ts';

type Results = ReadonlyMap<string, FeatureResult>;

const BY_SUITE: Readonly<Record<string, (kafkaJs: MatrixKafkaJs, prefix: string, said: Results) => Promise<FeatureResult>>> = {
  [READ_BY_KAFKAJS]: codecsBack,
  [TRANSACTIONS_BY_KAFKAJS]: transactionsBack,
};

/** What the suite finds out by itself of a program with a prefix, which has said of the other features what came of them. */
export async function readBack(
  kafkaJs: MatrixKafkaJs,
  prefix: string,
  features: readonly Feature[],
  said: Results,
): Promise<Map<string, FeatureResult>> {
  const found = new Map<string, FeatureResult>();
  for (const { id } of features) {
    const result = await BY_SUITE[id]?.(kafkaJs, prefix, said).catch((error: Error) => ({ ok: false, detail: error.message }));
    if (result) found.set(id, result);
  }
  return found;
}

async function codecsBack(kafkaJs: MatrixKafkaJs, prefix: string, features: Results): Promise<FeatureResult> {
  const sent = CODEC_NAMES.filter((codec) => features.get(`codec-${codec}`)?.ok);
  const read = await kafkaJs.read(`${prefix}-codecs`, sent.length * matrixRecords().length);
  const wrong = sent.filter((codec) => textOf(read.get(codecPartition(codec)) ?? []) !== textOf(matrixRecords()));
  return wrong.length === 0 ? { ok: true } : { ok: false, detail: `differs: ${wrong}` };
}

async function transactionsBack(kafkaJs: MatrixKafkaJs, prefix: string, features: Results): Promise<FeatureResult> {
  const written = features.get('transactions');
  if (!written?.ok) return written ?? { ok: false, detail: 'there are none' };
  const expected = TRANSACTION_PARTITIONS.map((partition) =>
    TRANSACTION_NUMBERS.filter(commits).flatMap((transaction) => transactionRecords(transaction, partition)),
  );
  const read = await kafkaJs.read(`${prefix}-transactions`, expected.flat().length);
  const wrong = TRANSACTION_PARTITIONS.filter((partition) => textOf(read.get(partition) ?? []) !== textOf(expected[partition]!));
  const shown = wrong.map((partition) => `partition ${partition} has ${(read.get(partition) ?? []).map(({ value }) => `${value}`)}`);
  return wrong.length === 0 ? { ok: true } : { ok: false, detail: shown.join('; ') };
}

/** Records in their order; headers by name, for some clients give and take them as a map. */
function textOf(records: readonly MatrixRecord[]): string {
  return JSON.stringify(records.map((each) => ({ ...each, headers: [...each.headers].sort(([a], [b]) => (a < b ? -1 : 1)) })));
}
