/** A record as its producer made it, in text. */
export interface KeyedRecord {
  readonly key: string;
  /** null: a tombstone. */
  readonly value: string | null;
  readonly headers: Readonly<Record<string, string>>;
}

/** A record with the place where it was read. */
export interface ReadRecord extends KeyedRecord {
  readonly partition: number;
  readonly offset: number;
}

const SHOWN = 10;

/** `count` records over `keys` keys, with values of 0 to 200 characters, some of them null. `random` draws from [0, 1). */
export function keyedRecords(random: () => number, count: number, keys: number): KeyedRecord[] {
  const below = (bound: number) => Math.floor(random() * bound);
  return Array.from({ length: count }, (_, n) => {
    const kind = below(50);
    const value = kind === 0 ? null : kind === 1 ? '' : `${n} ${'añ€ '.repeat(below(50))}`;
    const headers: Record<string, string> = { n: String(n) };
    if (below(3) === 0) headers.trace = `t-${below(1_000_000)}`;
    return { key: `key-${below(keys)}`, value, headers };
  });
}

/**
 * What is wrong with the records that were read, against those that were sent: each key's records must be exactly those sent with it, in
 * that order, in one partition; each partition's offsets must be 0, 1, 2, .. The first few differences, in words; none when all is well.
 */
export function differences(sent: readonly KeyedRecord[], read: readonly ReadRecord[]): string[] {
  const wrong: string[] = [];
  const expected = byKey(sent);
  const partitionOf = new Map<string, number>();
  const nextOffset = new Map<number, number>();
  const position = new Map<string, number>();
  if (sent.length !== read.length) wrong.push(`${sent.length} records were sent, ${read.length} were read`);
  for (const record of read) {
    if (wrong.length >= SHOWN) break;
    const at = `partition ${record.partition} offset ${record.offset}`;
    const offset = nextOffset.get(record.partition) ?? 0;
    if (record.offset !== offset) wrong.push(`${at}: offset ${offset} comes next`);
    nextOffset.set(record.partition, record.offset + 1);

    const home = partitionOf.get(record.key) ?? record.partition;
    if (home !== record.partition) wrong.push(`${at}: ${record.key} stands in partition ${home} too`);
    partitionOf.set(record.key, home);

    const index = position.get(record.key) ?? 0;
    position.set(record.key, index + 1);
    const want = text(expected.get(record.key)?.[index]);
    if (text(record) !== want) wrong.push(`${at}: record ${index} of its key is ${text(record)}, sent was ${want}`);
  }
  return wrong.slice(0, SHOWN);
}

function byKey(records: readonly KeyedRecord[]): Map<string, KeyedRecord[]> {
  const groups = new Map<string, KeyedRecord[]>();
  for (const record of records) {
    const group = groups.get(record.key);
    if (group) group.push(record);
    else groups.set(record.key, [record]);
  }
  return groups;
}

function text(record: KeyedRecord | undefined): string {
  return record ? JSON.stringify([record.key, record.value, Object.entries(record.headers)]) : 'nothing';
}
