import { join } from 'node:path';
import { type ImportFlags, importTopics } from '../../src/cli/topic-import.ts';
import type { FileHandle, Files } from '../../src/core/files.ts';
import { type MemoryFiles, memoryFiles } from '../../src/core/memory-files.ts';
import type { MetadataStore } from '../../src/metadata/store.ts';
import { append, closeStore, openStore, produced, testConfig } from '../support/log-fixture.ts';
import { keptStore } from '../support/memory-broker.ts';

export const ORDERS_ID = 'b3JkZXJzb3JkZXJzb3JkZQ';
export const USERS_ID = 'dXNlcnN1c2Vyc3VzZXJzdQ';

/** Two topics as a broker leaves them at its clean end: orders with two partitions, users with one, records of leader epoch 7. */
export async function sourceDisk(files: MemoryFiles = memoryFiles(), path = '/kafka'): Promise<MemoryFiles> {
  const store = openStore(files, path);
  const log = (topic: string, partition: number, id: string) =>
    store.log({ topic, partition }, id, testConfig({ segmentBytes: 400, fileDeleteDelayMs: 0 }));
  for (const [topic, partition, id] of [
    ['orders', 0, ORDERS_ID],
    ['orders', 1, ORDERS_ID],
    ['users', 0, USERS_ID],
  ] as const) {
    for (let i = 0; i < 10; i++) await append(log(topic, partition, id), produced([`${topic}-${partition}-${i}`]), 7).done;
  }
  log('orders', 1, ORDERS_ID).deleteRecordsBefore(3);
  await closeStore(store);
  return files;
}

/** A data directory at /data, whose metadata outlives its brokers. */
export interface ImportStage {
  readonly files: MemoryFiles;
  readonly openStore: () => Promise<MetadataStore>;
}

export async function stage(): Promise<ImportStage> {
  return { files: await sourceDisk(), openStore: keptStore() };
}

export async function importInto(
  { files, openStore: open }: { files: Files; openStore: () => Promise<MetadataStore> },
  flags: Partial<ImportFlags> = {},
  from = '/kafka',
  terminal = false,
): Promise<{ out: string; err: string }> {
  const written = { out: '', err: '' };
  const output = (name: 'out' | 'err') => ({
    line: (text: string) => void (written[name] += `${text}\n`),
    text: (text: string) => void (written[name] += text),
    isTerminal: terminal,
    hasColors: false,
    columns: undefined,
  });
  const around = { out: output('out'), err: output('err'), files, openStore: open };
  await importTopics(from, { data: '/data', ...flags }, around);
  return written;
}

/** Every file below a folder, but those that tell of locks. */
export function contentOf(files: Files, path: string): Record<string, string> {
  const content: Record<string, string> = {};
  const visit = (folder: string, prefix: string) => {
    for (const name of files.list(folder)) {
      const inner = join(folder, name);
      if (files.isDirectory(inner)) {
        content[`${prefix}${name}/`] = '';
        visit(inner, `${prefix}${name}/`);
      } else {
        const text = files.read(inner)!.toString('latin1');
        const isEmptyCheckpoint = text === '0\n0\n'; // says what none says
        if (!name.startsWith('.lock') && !isEmptyCheckpoint) content[prefix + name] = text;
      }
    }
  };
  visit(path, '');
  return content;
}

export async function metadataOf(open: () => Promise<MetadataStore>): Promise<Record<string, string>> {
  const { kvs } = await (await open()).range('');
  return Object.fromEntries(kvs.map(({ key, value }) => [key, Buffer.from(value).toString()]));
}

export interface Breaking {
  readonly files: Files;
  readonly openStore: () => Promise<MetadataStore>;
  /** Changes that were asked for so far. */
  count(): number;
}

/**
 * Disk and metadata that fail at the `at`th change: once, as a full disk may, or from then on for good, as with a process that was killed.
 */
export function breaking({ files, openStore: open }: ImportStage, at: number, forGood: boolean): Breaking {
  let count = 0;
  const change = (what: string) => {
    count++;
    if (forGood ? count >= at : count === at) throw Object.assign(new Error(`EIO: ${what}`), { code: 'EIO' });
  };
  const handle = (inner: FileHandle): FileHandle =>
    new Proxy(inner, {
      get: (target, name: keyof FileHandle) => {
        const value = target[name];
        if (typeof value !== 'function') return value;
        return (...args: unknown[]) => {
          if (name === 'syncSync' || name === 'writeSync') change(name);
          return Reflect.apply(value, target, args);
        };
      },
    });
  const changing: readonly string[] = ['makeDirectory', 'replace', 'rename', 'copy', 'remove', 'syncDirectory'];
  const breakable = new Proxy<Files>(files, {
    get: (target, name: keyof Files) => {
      const method = target[name];
      return (...args: unknown[]) => {
        if (changing.includes(name)) change(name);
        const result: unknown = Reflect.apply(method, target, args);
        return name === 'open' ? handle(result as FileHandle) : result;
      };
    },
  });
  return {
    files: breakable,
    openStore: async () => {
      const store = await open();
      return {
        ...store,
        txn: async (conds, ops) => {
          change('txn');
          return store.txn(conds, ops);
        },
        close: async () => {},
      };
    },
    count: () => count,
  };
}
