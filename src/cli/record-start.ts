import { usageError } from './errors.ts';

/** Where the reading of a partition begins. */
export type RecordStart =
  | { readonly at: 'earliest' | 'latest' }
  | { readonly at: 'offset'; readonly offset: number }
  /** As many offsets before the end. */
  | { readonly at: 'last'; readonly count: number };

interface StartFlags {
  readonly fromBeginning?: boolean | undefined;
  readonly offset?: string | undefined;
  readonly partition?: number | undefined;
  readonly group?: string | undefined;
}

/** @throws CliError (usage) for flags that contradict each other */
export function parseStart({ fromBeginning, offset, partition, group }: StartFlags): RecordStart {
  if (group !== undefined) {
    const with_ = partition === undefined ? (offset === undefined ? null : '--offset') : '--partition';
    if (with_) throw usageError(`--group and ${with_} do not go together: a group is given its partitions, and goes on where it stopped`);
    if (group === '') throw usageError('--group is empty; write the name of the group');
  }
  if (offset === undefined) return { at: fromBeginning ? 'earliest' : 'latest' };
  if (fromBeginning) throw usageError('--from-beginning and --offset do not go together; choose one');
  if (offset === 'earliest' || offset === 'latest') return { at: offset };
  const number = /^-?\d{1,16}$/.test(offset) ? Number(offset) : Number.NaN;
  if (!Number.isSafeInteger(number)) {
    throw usageError(`--offset ${offset}: write an offset, earliest, latest, or -N for the last N records`);
  }
  if (offset.startsWith('-')) return { at: 'last', count: -number };
  if (partition === undefined) throw usageError(`--offset ${offset} needs --partition: each partition counts its own offsets`);
  return { at: 'offset', offset: number };
}

/** The first offset to read of a partition whose records have the offsets from `earliest` on, before `latest`. */
export function resolveStart(start: RecordStart, earliest: number, latest: number): number | 'out of range' {
  switch (start.at) {
    case 'earliest':
      return earliest;
    case 'latest':
      return latest;
    case 'last':
      return Math.max(earliest, latest - start.count);
    case 'offset':
      return start.offset >= earliest && start.offset <= latest ? start.offset : 'out of range';
  }
}
