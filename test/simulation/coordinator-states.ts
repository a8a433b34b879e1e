import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { fromValue, type Transaction } from '../../src/coordinator/transaction/transaction.ts';
import type { TransactionShard } from '../../src/coordinator/transaction/transaction-shard.ts';
import type { Files } from '../../src/core/files.ts';
import { readTransactionRecord } from '../../src/protocol/messages/internal/transaction-records.ts';
import { BatchView } from '../../src/protocol/records/batch.ts';
import { forEachRecord } from '../../src/protocol/records/walk.ts';
import { Violation } from './ledger.ts';
import type { Machine } from './machine.ts';
import { replicasOf } from './replica-views.ts';

export const STATE_TOPIC = '__transaction_state';

/** What this looks at behind the walls of the TransactionCoordinator. */
interface Inside {
  readonly runtime: {
    readonly active: ReadonlyMap<number, { readonly log: { readonly isOver: boolean }; readonly shard: TransactionShard }>;
  };
}

/** What a coordinator knows by heart, and not by its log: see Transaction. */
type Logged = Omit<Transaction, 'lastProducerEpoch'>;

/** One partition of __transaction_state as the broker that coordinates it has it in its memory. */
export interface CoordinatorState {
  readonly partition: number;
  readonly transactions: ReadonlyMap<string, Logged>;
}

/** The states that a broker would answer from now. */
export function* statesOf({ services }: Machine): Generator<CoordinatorState> {
  const coordinator = services?.transactions as unknown as Inside | undefined;
  for (const [partition, { log, shard }] of coordinator?.runtime.active ?? []) {
    if (log.isOver) continue;
    const transactions = new Map<string, Logged>();
    for (const { lastProducerEpoch: _, ...transaction } of shard.all()) transactions.set(transaction.transactionalId, transaction);
    yield { partition, transactions };
  }
}

/** Holds what a broker has in memory to what the files under it say, record by record. @throws Violation */
export function requireReplayed(machine: Machine): void {
  if (!machine.services || machine.disk.failed !== 'none') return;
  for (const { partition, transactions } of statesOf(machine)) {
    const replica = [...replicasOf(machine.services).values()].flat().find((one) => one?.topic === STATE_TOPIC && one.index === partition);
    const log = replica && (replica as unknown as { log: { nextOffset: number; endOffset: number } }).log;
    if (!log || log.nextOffset !== log.endOffset) continue; // some of it is on its way to the disk
    const replayed = replay(machine, `${STATE_TOPIC}-${partition}`);
    for (const id of new Set([...transactions.keys(), ...replayed.keys()])) {
      if (isDeepStrictEqual(transactions.get(id), replayed.get(id))) continue;
      const living = show(transactions.get(id));
      throw new Violation('STATE', `${machine.host} has ${id} as ${living}, its log says ${show(replayed.get(id))}`);
    }
  }
}

function replay({ directories, disk }: Machine, name: string): Map<string, Logged> {
  const { files } = disk;
  const transactions = new Map<string, Logged>();
  const isKnown = (folder: string) => /topic_id: \S{22}\s*$/.test(files.read(join(folder, 'partition.metadata'))?.toString() ?? '');
  const folder = directories.map((directory) => join(directory, name)).find(isKnown);
  if (!folder) return transactions;
  for (const file of files.list(folder).filter((each) => each.endsWith('.log'))) replayFile(files, join(folder, file), transactions);
  return transactions;
}

function replayFile(files: Files, path: string, transactions: Map<string, Logged>): void {
  const handle = files.open(path, 'r');
  try {
    const bytes = Buffer.alloc(handle.size());
    handle.readSync(bytes, 0);
    for (const batch = new BatchView(bytes); batch.isWhole(); batch.next()) {
      forEachRecord(batch, ({ key, value }) => {
        const record = key && readTransactionRecord(Buffer.from(key), value && Buffer.from(value));
        if (record?.kind !== 'transaction') return true;
        const transaction = record.value && fromValue(record.transactionalId, record.value);
        if (!transaction) transactions.delete(record.transactionalId);
        else {
          const { lastProducerEpoch: _, ...logged } = transaction;
          transactions.set(record.transactionalId, logged);
        }
        return true;
      });
    }
  } finally {
    handle.close();
  }
}

function show(transaction: Logged | undefined): string {
  if (!transaction) return 'nothing';
  const partitions = [...transaction.partitions].map(([topic, ids]) => `${topic}-${[...ids]}`);
  return JSON.stringify({ ...transaction, partitions });
}
