import type { Parser } from 'binary-parser';
import type { FileHandle } from '../../core/files.ts';

/** An entry of a file of fixed-size entries, its fields as numbers (int64 beyond 2^53 comes out inexact). */
export type Entry<Field extends string> = Readonly<Record<Field, number>>;

type FieldType = 'int16' | 'int32' | 'int64';
const BYTES = { int16: 2, int32: 4, int64: 8 } satisfies Record<FieldType, number>;

/** How the entries of a file lie. `decode` reads whole entries. */
export interface EntryLayout<Field extends string> {
  readonly bytes: number;
  decode(bytes: Uint8Array): Entry<Field>[];
}

/** The fixed layouts of Kafka's index and snapshot files (wire order). */
export interface EntryLayouts {
  /** .index: offset less the segment's base offset, and where its batch begins in the .log. */
  readonly offsetIndex: EntryLayout<'relativeOffset' | 'position'>;
  readonly timeIndex: EntryLayout<'timestamp' | 'relativeOffset'>;
  /** .txnindex: aborted transactions. */
  readonly transactionIndex: EntryLayout<'version' | 'producerId' | 'firstOffset' | 'lastOffset' | 'lastStableOffset'>;
  /** .snapshot, behind its header. */
  readonly producer: EntryLayout<
    | 'producerId'
    | 'producerEpoch'
    | 'lastSequence'
    | 'lastOffset'
    | 'offsetDelta'
    | 'timestamp'
    | 'coordinatorEpoch'
    | 'currentTxnFirstOffset'
  >;
}

let loaded: EntryLayouts | undefined;

/** Loads binary-parser, which only these commands need. */
export async function entryLayouts(): Promise<EntryLayouts> {
  if (loaded) return loaded;
  const { Parser } = await import('binary-parser');
  const layout = <Field extends string>(fields: Readonly<Record<Field, FieldType>>) =>
    layoutOf(() => new Parser().endianness('big'), fields);
  loaded = {
    offsetIndex: layout({ relativeOffset: 'int32', position: 'int32' }),
    timeIndex: layout({ timestamp: 'int64', relativeOffset: 'int32' }),
    transactionIndex: layout({
      version: 'int16',
      producerId: 'int64',
      firstOffset: 'int64',
      lastOffset: 'int64',
      lastStableOffset: 'int64',
    }),
    producer: layout({
      producerId: 'int64',
      producerEpoch: 'int16',
      lastSequence: 'int32',
      lastOffset: 'int64',
      offsetDelta: 'int32',
      timestamp: 'int64',
      coordinatorEpoch: 'int32',
      currentTxnFirstOffset: 'int64',
    }),
  };
  return loaded;
}

function layoutOf<Field extends string>(create: () => Parser, fields: Readonly<Record<Field, FieldType>>): EntryLayout<Field> {
  const names = Object.keys(fields) as Field[];
  const entry = create();
  for (const name of names) entry[fields[name]](name);
  const parser = create().array('entries', { type: entry, readUntil: 'eof' });
  return {
    bytes: names.reduce((sum, name) => sum + BYTES[fields[name]], 0),
    decode(bytes) {
      const { entries } = parser.parse(bytes) as { entries: Record<Field, number | bigint>[] };
      return entries.map((parsed) => Object.fromEntries(names.map((name) => [name, Number(parsed[name])])) as Entry<Field>);
    },
  };
}

const ENTRIES_PER_READ = 4096;

/**
 * Reads the entries of an index file one by one, holding some thousands of them. Zeros at the end are no entries: Kafka makes an index as
 * large as it may get (10 MiB) and cuts it when the segment is rolled or closed.
 */
export class EntryReader<Field extends string> {
  /** Entries in the file. */
  readonly count: number;
  /** Bytes behind the last whole entry: a file of a broker has none. */
  readonly restBytes: number;
  /** Zeros behind the last entry. */
  readonly zeroBytes: number;
  private readonly file: FileHandle;
  private readonly layout: EntryLayout<Field>;
  private entries: Entry<Field>[] = [];
  private loadedFrom = 0;
  private next = 0;

  constructor(file: FileHandle, layout: EntryLayout<Field>) {
    const size = file.size();
    this.file = file;
    this.layout = layout;
    this.count = Math.ceil(endOfContent(file, size - (size % layout.bytes)) / layout.bytes);
    this.restBytes = size % layout.bytes;
    this.zeroBytes = size - this.restBytes - this.count * layout.bytes;
  }

  /** Number of the entry that `peek` shows. */
  get index(): number {
    return this.next;
  }
  /** Where in the file that entry is. */
  get position(): number {
    return this.next * this.layout.bytes;
  }

  /** The next entry, or one some steps behind it; undefined behind the last. */
  peek(ahead = 0): Entry<Field> | undefined {
    if (this.next + ahead >= this.count) return undefined;
    if (this.next + ahead >= this.loadedFrom + this.entries.length) this.load();
    return this.entries[this.next + ahead - this.loadedFrom];
  }
  skip(): void {
    this.next++;
  }

  private load(): void {
    const bytes = Buffer.alloc(Math.min(ENTRIES_PER_READ, this.count - this.next) * this.layout.bytes);
    const read = this.file.readSync(bytes, this.next * this.layout.bytes);
    if (read < bytes.byteLength) throw new Error('the file became shorter while it was read');
    this.entries = this.layout.decode(bytes);
    this.loadedFrom = this.next;
  }
}

const ZEROS_BLOCK_BYTES = 64 * 1024;

/** Where the zeros at the end of a file's first `size` bytes begin. */
function endOfContent(file: FileHandle, size: number): number {
  const block = Buffer.alloc(ZEROS_BLOCK_BYTES);
  for (let end = size; end > 0; ) {
    const from = Math.max(0, end - ZEROS_BLOCK_BYTES);
    const bytes = block.subarray(0, end - from);
    file.readSync(bytes, from);
    const last = bytes.findLastIndex((byte) => byte !== 0);
    if (last >= 0) return from + last + 1;
    end = from;
  }
  return 0;
}
