import { readFileSync } from 'node:fs';
import { CODEC_NAMES, type CodecName } from '../record-client.ts';

/** What each client tries; features.json lists them in the order in which the programs try them. */
export interface Feature {
  /** What the programs call it. */
  readonly id: string;
  /** What follows the name of a client: `kafkajs 2.2.4: sends headers`. */
  readonly title: string;
  /** Of the topic PREFIX-ID that is there when the program starts; none: there is no such topic. */
  readonly partitions?: number;
  /** Of that topic. */
  readonly configs?: Readonly<Record<string, string>>;
}

const sections = JSON.parse(readFileSync(new URL('./features.json', import.meta.url), 'utf8')) as readonly {
  readonly section: string;
  readonly onThreeBrokers?: boolean;
  readonly features: readonly Feature[];
}[];

export const FEATURES: readonly Feature[] = sections.flatMap(({ features }) => features);
/** Those that are tried on three brokers too, each partition on all of them. */
export const FEATURES_ON_THREE = sections.flatMap(({ onThreeBrokers, features }) => (onThreeBrokers ? features : []));

/** The ones that the suite finds out by itself: it reads with kafkajs what the program wrote. */
export const READ_BY_KAFKAJS = 'read-by-kafkajs';
export const TRANSACTIONS_BY_KAFKAJS = 'transactions-by-kafkajs';

/**
 * The partition of a codec: of PREFIX-codecs, which a program fills, and of the topic that kafkajs fills. Each gets matrixRecords(),
 * with the codec, in one order.
 */
export const codecPartition = (codec: CodecName): number => CODEC_NAMES.indexOf(codec);

export interface MatrixRecord {
  readonly key: Buffer;
  readonly value: Buffer;
  readonly timestamp: number;
  readonly headers: readonly (readonly [name: string, value: Buffer])[];
}

const FIRST_TIMESTAMP = 1_700_000_000_000;

/** The 20 records that go into most topics. Each program makes them too, by the same rule. */
export function matrixRecords(): MatrixRecord[] {
  return Array.from({ length: 20 }, (_, n) => ({
    key: Buffer.from(`key-${n}`),
    value: Buffer.from(Array.from({ length: 100 + 10 * n }, (_, at) => (7 * at + n) % 256)),
    timestamp: FIRST_TIMESTAMP + 1000 * n,
    headers: [
      ['number', Buffer.from(`${n}`)],
      ['bytes', Buffer.from([0, 255, n])],
    ],
  }));
}

/** Of the topic `transactions`, each with two records of every transaction. */
export const TRANSACTION_PARTITIONS = [0, 1];
/** Odd ones abort, even ones commit: the last commits, so that its records stand at the end for every reader. */
export const TRANSACTION_NUMBERS: readonly number[] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
export const commits = (transaction: number): boolean => transaction % 2 === 0;

/** What a transaction writes into a partition of `transactions`. Each program makes them too, by the same rule. */
export function transactionRecords(transaction: number, partition: number): MatrixRecord[] {
  return [0, 1].map((n) => ({
    key: Buffer.from(`${transaction}`),
    value: Buffer.from(`${transaction}/${partition}/${n}`),
    timestamp: FIRST_TIMESTAMP,
    headers: [],
  }));
}
