import { STATUSES } from '../../coordinator/transaction/transaction-status.ts';
import { type ClientFlags, isKafka, refused, type Surroundings, writeJson } from '../broker-session.ts';
import { withCluster } from '../cluster-connections.ts';
import { parseDuration } from '../duration.ts';
import { CliError, usageError } from '../errors.ts';
import { printable, writeTable } from '../output.ts';
import { listTransactions, type TransactionFilter } from './transaction-admin.ts';
import { parseProducerId } from './transaction-options.ts';

export interface ListTransactionsFlags extends ClientFlags {
  /** One or more with commas, each. */
  readonly state?: readonly string[] | undefined;
  readonly producerId?: readonly string[] | undefined;
  readonly longerThan?: string | undefined;
  readonly pattern?: string | undefined;
}

/** In a pipe: transactional id, coordinator, producer id, state. */
export async function list(flags: ListTransactionsFlags, around: Surroundings): Promise<void> {
  const filter: TransactionFilter = {
    states: (flags.state ?? []).flatMap((text) => text.split(',')).map(parseState),
    producerIds: (flags.producerId ?? []).flatMap((text) => text.split(',')).map(parseProducerId),
    longerThanMs: flags.longerThan === undefined ? undefined : parseDuration(flags.longerThan, '--longer-than'),
    pattern: flags.pattern,
  };
  const transactions = await withCluster(flags, around, (cluster) => listTransactions(cluster, filter)).catch((error: unknown) => {
    if (isKafka(error, 'INVALID_REGULAR_EXPRESSION')) throw new CliError(`the broker does not understand --pattern ${flags.pattern}`);
    throw refused(error, 'the transactions cannot be listed');
  });
  const { out } = around;
  if (flags.json) writeJson(out, transactions);
  else if (transactions.length === 0 && out.isTerminal) out.line('There are no such transactional ids.');
  else {
    const rows = transactions.map(({ transactionalId, coordinator, producerId, state }) => [
      printable(transactionalId),
      coordinator,
      producerId,
      printable(state),
    ]);
    writeTable(out, ['Transactional id', 'Coordinator', 'Producer id', 'State'], rows);
  }
}

/** Written in any case. */
function parseState(text: string): string {
  const state = STATUSES.find((each) => each.toLowerCase() === text.trim().toLowerCase());
  if (state !== undefined) return state;
  throw usageError(`--state ${text}: there is no such state; write one of ${STATUSES.join(', ')}`);
}
