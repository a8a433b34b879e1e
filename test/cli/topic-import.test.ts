import { beforeEach, describe, expect, test } from 'vitest';
import { InDoubtError } from '../../src/metadata/store.ts';
import { openDataDirectory } from '../../src/storage/data-directory.ts';
import type { Struct } from '../support/interpreter.ts';
import { produced, recordsOf } from '../support/log-fixture.ts';
import { fetchBody, firstPartition, memoryBroker, produceBody } from '../support/memory-broker.ts';
import { breaking, contentOf, type ImportStage, importInto, metadataOf, ORDERS_ID, stage, USERS_ID } from './topic-import-fixture.ts';

let at: ImportStage;
beforeEach(async () => {
  at = await stage();
});
const imported = (flags = {}) => importInto(at, flags);

/** A broker on what was imported. */
async function served({ files, openStore }: ImportStage = at) {
  const running = await memoryBroker({ files, openStore });
  const client = await running.client();
  const { topics } = (await client.call('Metadata', 12, { topics: null })) as { topics: Struct[] };
  const fetch = async (topic: string, partition: number, from: number) => {
    const found: string[] = [];
    for (let fetchOffset = from; ; ) {
      const { errorCode, records } = firstPartition(await client.call('Fetch', 4, fetchBody([{ topic, partition, fetchOffset }])));
      const all = recordsOf((records ?? Buffer.alloc(0)) as Buffer);
      if (errorCode !== 0 || all.length === 0) return { errorCode, records: found };
      found.push(...all.filter(({ offset }) => offset >= from).map(({ offset, key }) => `${offset} ${key}`));
      fetchOffset = all.at(-1)!.offset + 1;
    }
  };
  return { ...running, client, topics: topics.sort((a, b) => (String(a.name) < String(b.name) ? -1 : 1)), fetch };
}
const keys = (name: string, from = 0) => Array.from({ length: 10 - from }, (_, i) => `${i + from} ${name}-${i + from}`);

test('imported topics are served with their ids, partitions, records and log starts', async () => {
  const { out } = await imported();
  expect(out).toMatch(new RegExp(`^orders\t2\t\\d+\t${ORDERS_ID}\nusers\t1\t\\d+\t${USERS_ID}\n$`));
  const { broker, topics, fetch, logged } = await served();
  const ids = topics.map(({ name, topicId, partitions }) => [name, topicId, (partitions as Struct[]).length]);
  expect(ids).toEqual([
    ['orders', ORDERS_ID, 2],
    ['users', USERS_ID, 1],
  ]);
  expect(await fetch('orders', 0, 0)).toEqual({ errorCode: 0, records: keys('orders-0') });
  expect(await fetch('orders', 1, 3)).toEqual({ errorCode: 0, records: keys('orders-1', 3) });
  expect((await fetch('orders', 1, 2)).errorCode).toBe(1); // OFFSET_OUT_OF_RANGE
  expect(await fetch('users', 0, 0)).toEqual({ errorCode: 0, records: keys('users-0') });
  expect(logged.filter(({ level }) => level === 'warn' || level === 'error')).toEqual([]);
  await broker.close();
});

test('the next leader has an epoch above all in the log, also where the epochs were lost or only the batches know the last', async () => {
  at.files.remove('/kafka/orders-1/leader-epoch-checkpoint');
  at.files.replace('/kafka/users-0/leader-epoch-checkpoint', '0\n1\n12 10\n'); // begun, and nothing written in it
  await imported();
  const { broker, topics, client } = await served();
  const epochs = topics.map(({ name, partitions }) => [name, (partitions as Struct[]).map(({ leaderEpoch }) => leaderEpoch)]);
  expect(epochs).toEqual([
    ['orders', [8, 8]],
    ['users', [13]],
  ]);
  const reply = firstPartition(await client.call('Produce', 9, produceBody('orders', produced(['next']), { index: 0 })));
  expect(reply).toMatchObject({ errorCode: 0, baseOffset: 10 });
  await broker.close();
  expect(at.files.read('/data/orders-0/leader-epoch-checkpoint')?.toString()).toBe('0\n2\n7 0\n8 10\n');
});

test('only the topics that are asked for are taken', async () => {
  expect((await imported({ topic: ['users', 'users'] })).out).toMatch(/^users\t1\t[^\n]*\n$/);
  expect(at.files.exists('/data/orders-0')).toBe(false);
});

test('what Kafka keeps for itself, or has set aside, is left out and named', async () => {
  const gone = 'old-0.0123456789abcdef0123456789abcdef-delete';
  for (const name of ['__consumer_offsets-0', '__cluster_metadata-0', gone, 'lost+found']) at.files.makeDirectory(`/kafka/${name}`);
  const { out, err } = await imported();
  expect(out.split('\n').map((line) => line.split('\t')[0])).toEqual(['orders', 'users', '']);
  for (const name of ['__consumer_offsets-0', '__cluster_metadata-0', gone, 'lost+found']) {
    expect(err).toMatch(new RegExp(`^note: ${name.replace('+', '\\+')} not imported: `, 'm'));
  }
  expect(Object.keys(contentOf(at.files, '/data')).filter((path) => path.endsWith('/'))).toEqual(['orders-0/', 'orders-1/', 'users-0/']);
});

test('leftovers in a folder stay behind', async () => {
  for (const name of ['00000000000000000000.log.deleted', '00000000000000000009.log.cleaned', 'note.txt']) {
    at.files.replace(`/kafka/orders-0/${name}`, 'x');
  }
  await imported();
  expect(at.files.list('/data/orders-0').filter((name) => !/\.(log|index|timeindex|snapshot)$/.test(name))).toEqual([
    'leader-epoch-checkpoint',
    'partition.metadata',
  ]);
});

test('room that Kafka has made in an index beforehand is not taken along', async () => {
  const [index, times] = ['/kafka/orders-0/00000000000000000000.index', '/kafka/orders-0/00000000000000000000.timeindex'];
  const before = at.files.read(times)!;
  expect(before.byteLength).toBeGreaterThan(0);
  at.files.replace(index, Buffer.alloc(100_000));
  at.files.replace(times, Buffer.concat([before, Buffer.alloc(120_000)]));
  await imported();
  expect(at.files.read('/data/orders-0/00000000000000000000.index')?.byteLength).toBe(0);
  expect(at.files.read('/data/orders-0/00000000000000000000.timeindex')).toEqual(before);
});

test('configs are given to every topic, and a topic that was compacted stays so', async () => {
  at.files.replace('/kafka/cleaner-offset-checkpoint', '0\n1\nusers 0 8\n');
  const { err } = await imported({ config: ['retention.ms=-1'] });
  expect(err).toBe('note: compacted at Kafka, with the cleanup.policy that they have here: users (compact)\n');
  const { broker, client } = await served();
  const { results } = (await client.call('DescribeConfigs', 2, {
    resources: ['orders', 'users'].map((resourceName) => ({ resourceType: 2, resourceName, configurationKeys: null })),
    includeSynonyms: false,
  })) as { results: { configs: Struct[] }[] };
  const own = results.map(({ configs }) =>
    configs
      .filter(({ configSource }) => configSource === 1)
      .map(({ name, value }) => `${name}=${value}`)
      .sort(),
  );
  expect(own).toEqual([['retention.ms=-1'], ['cleanup.policy=compact', 'retention.ms=-1']]);
  await broker.close();
});

test('a source that did not end cleanly is said to be one, and its logs are verified', async () => {
  at.files.remove('/kafka/.kafka_cleanshutdown');
  at.files.remove('/kafka/recovery-point-offset-checkpoint');
  const last = at.files.list('/kafka/users-0').findLast((name) => name.endsWith('.log'))!;
  const log = at.files.open(`/kafka/users-0/${last}`, 'rw');
  log.writeSync([Buffer.alloc(30, 1)], log.size()); // half a batch
  log.close();
  expect((await imported()).err).toMatch(/^note: there is no mark of a clean shutdown, so the logs are verified/);
  expect(openDataDirectory(at.files, '/data', 'test')).toMatchObject({ endedCleanly: false });
  at.files.kill();
  const { broker, fetch } = await served();
  expect(await fetch('users', 0, 0)).toEqual({ errorCode: 0, records: keys('users-0') });
  await broker.close();
});

test('a data directory that ended cleanly stays so with a clean source', async () => {
  await imported({ topic: ['users'] });
  await (await served()).broker.close();
  await imported({ topic: ['orders'] });
  const directory = openDataDirectory(at.files, '/data', 'test');
  expect(directory.endedCleanly).toBe(true);
  directory.release();
  const { broker, fetch } = await served();
  expect(await fetch('users', 0, 9)).toEqual({ errorCode: 0, records: keys('users-0', 9) });
  expect(await fetch('orders', 0, 9)).toEqual({ errorCode: 0, records: keys('orders-0', 9) });
  await broker.close();
});

describe('refused, and nothing is changed', () => {
  const refusals: [what: string, (stage: ImportStage) => unknown, flags: object, message: RegExp][] = [
    [
      'a missing partition',
      ({ files }) => files.remove('/kafka/orders-0'),
      {},
      /^partition 0 of orders is missing in \/kafka, and orders-1 is there;/,
    ],
    [
      'a partition that is set aside',
      ({ files }) => files.rename('/kafka/orders-0', '/kafka/orders-0.0123456789abcdef0123456789abcdef-stray'),
      {},
      /^partition 0 of orders is there as orders-0\.\w+-stray only, which Kafka has set aside,/,
    ],
    [
      'partitions of two topics',
      ({ files }) => writeId(files, 'orders-1', USERS_ID),
      {},
      /orders-0 and orders-1 .* are of different topics/,
    ],
    ['a folder without an id', ({ files }) => files.remove('/kafka/orders-1/partition.metadata'), {}, /orders-1 has no partition.metadata/],
    ['a reserved id', ({ files }) => writeId(files, 'users-0', 'A'.repeat(22)), {}, /users-0 has no partition.metadata that tells/],
    ['a compaction under way', ({ files }) => files.replace('/kafka/users-0/00000000000000000000.log.swap', ''), {}, /while it compacted/],
    ['old messages', ({ files }) => oldMessages(files), {}, /holds messages of format version 1, which this broker does not read/],
    [
      'a damaged checkpoint',
      ({ files }) => files.replace('/kafka/log-start-offset-checkpoint', 'x'),
      {},
      /log-start-offset-checkpoint is damaged/,
    ],
    ['a topic of Kafka by name', () => {}, { topic: ['__consumer_offsets'] }, /Kafka's own topic/],
    ['a topic that is not there', () => {}, { topic: ['nix'] }, /^there is no partition of nix in \/kafka; it has orders, users$/],
    ['a name that is none', () => {}, { topic: ['..'] }, /no topic name/],
    ['a config that is none', () => {}, { config: ['retention=1'] }, /Unknown topic config name: retention/],
    ['a directory into itself', () => {}, { data: '/kafka' }, /imported into itself/],
  ];
  test.each(refusals)('%s', async (_what, spoil, flags, message) => {
    await spoil(at);
    const before = [contentOf(at.files, '/'), await metadataOf(at.openStore)];
    await expect(imported(flags)).rejects.toThrow(message);
    expect([contentOf(at.files, '/'), await metadataOf(at.openStore)]).toEqual(before);
  });

  test('a folder that is no data directory, with a word on what is', async () => {
    const at0 = importInto(at, {}, '/kafka/orders-0');
    await expect(at0).rejects.toThrow('there are no partition folders in /kafka/orders-0; give the directory that orders-0 lies in');
    await expect(importInto(at, {}, '/nix')).rejects.toThrow('there is no directory /nix');
  });

  test('a topic that was imported already', async () => {
    await imported();
    const before = [contentOf(at.files, '/data'), await metadataOf(at.openStore)];
    await expect(imported()).rejects.toThrow("/data: Topic 'orders' already exists. Nothing was imported.");
    expect([contentOf(at.files, '/data'), await metadataOf(at.openStore)]).toEqual(before);
  });

  test('an id that another topic has, a name that only metrics would confuse, and a folder in the way', async () => {
    await imported({ topic: ['users'] });
    at.files.rename('/kafka/users-0', '/kafka/people-0');
    await expect(imported({ topic: ['people'] })).rejects.toThrow(`Topic 'users' has the id ${USERS_ID} of 'people'`);
    at.files.makeDirectory('/data/orders-1');
    await expect(imported({ topic: ['orders'] })).rejects.toThrow('/data/orders-1 exists and belongs to no topic of this broker');
  });

  test('a data directory that a broker uses, by its name', async () => {
    await imported({ topic: ['users'] });
    const { broker } = await served();
    await expect(imported({ topic: ['orders'] })).rejects.toThrow('/data is in use by broker 1; stop it');
    await broker.close();
    await imported({ topic: ['orders'] });
  });
});

describe('broken off at any change', () => {
  /** The directory in use, with a topic of its own. */
  async function used(): Promise<ImportStage> {
    const at = await stage();
    await importInto(at, { topic: ['users'] });
    return at;
  }
  async function changes(): Promise<number> {
    const counting = breaking(await used(), Number.POSITIVE_INFINITY, false);
    await importInto(counting, { topic: ['orders'] });
    return counting.count();
  }
  /** All of it or nothing of it: what the disk holds and what the metadata says belong together. */
  async function check(at: ImportStage, before: { disk: object; metadata: object }, told: string) {
    const { broker, topics, fetch, logged } = await served(at);
    const isThere = topics.some(({ name }) => name === 'orders');
    expect(at.files.exists('/data/.import'), told).toBe(false);
    if (isThere) {
      expect(await fetch('orders', 0, 0), told).toEqual({ errorCode: 0, records: keys('orders-0') });
      expect(await fetch('orders', 1, 3), told).toEqual({ errorCode: 0, records: keys('orders-1', 3) });
    } else {
      expect(
        Object.keys(contentOf(at.files, '/data')).filter((path) => path.includes('orders')),
        told,
      ).toEqual([]);
      for (const name of ['recovery-point-offset-checkpoint', 'log-start-offset-checkpoint']) {
        expect(at.files.read(`/data/${name}`)?.toString() ?? '', told).not.toContain('orders');
      }
    }
    expect(await fetch('users', 0, 0), told).toEqual({ errorCode: 0, records: keys('users-0') });
    expect(
      logged.filter(({ message }) => /not served/.test(message)),
      told,
    ).toEqual([]);
    expect(before.disk, told).toBeDefined();
    await broker.close();
    return isThere;
  }
  const snapshot = async (at: ImportStage) => ({ disk: contentOf(at.files, '/data'), metadata: await metadataOf(at.openStore) });

  test.each(['clean', 'unclean'])('by a failure, with a %s source, the directory is as it was', async (source) => {
    const total = await changes();
    expect(total).toBeGreaterThan(40);
    let refused = 0;
    for (let k = 1; k <= total; k++) {
      const at = await used();
      if (source === 'unclean') at.files.remove('/kafka/.kafka_cleanshutdown');
      const before = await snapshot(at);
      const failed = await importInto(breaking(at, k, false), { topic: ['orders'] }).then(
        () => false,
        () => true,
      );
      if (failed && !at.files.exists('/data/.import')) expect(await snapshot(at), `failure at ${k}`).toEqual(before);
      expect(await check(at, before, `failure at ${k}`), `failure at ${k}`).toBe(!failed);
      if (failed) refused++;
    }
    expect(refused).toBeGreaterThan(30);
  });

  test.each(['killed', 'without power'] as const)('%s, the next start finds all or nothing', async (how) => {
    const total = await changes();
    const outcomes = new Set<boolean>();
    for (let k = 1; k <= total; k++) {
      const at = await used();
      at.files.syncDirectory('/');
      const before = await snapshot(at);
      await importInto(breaking(at, k, true), { topic: ['orders'] }).catch(() => {});
      if (how === 'killed') at.files.kill();
      else at.files.crash();
      outcomes.add(await check(at, before, `${how} at ${k}`));
    }
    expect(outcomes).toEqual(new Set([true, false]));
  });

  test('killed, the next import takes back what the last one left', async () => {
    const total = await changes();
    for (let k = 1; k < total; k += 3) {
      const at = await used();
      await importInto(breaking(at, k, true), { topic: ['orders'] }).catch(() => {});
      at.files.kill();
      await importInto(at, { topic: ['orders'] }).catch((error) => expect(error.message).toContain("'orders' already exists"));
      expect(await check(at, await snapshot(at), `killed at ${k}`)).toBe(true);
    }
  });

  test('with a commit in doubt, the metadata decides', async () => {
    const inDoubt = async () => {
      const store = await at.openStore();
      return {
        ...store,
        txn: async (...args: Parameters<typeof store.txn>) => {
          const result = await store.txn(...args);
          if (args[1].some((op) => 'put' in op && op.put === '/t/users')) throw new InDoubtError('gone');
          return result;
        },
        close: async () => {},
      };
    };
    await expect(importInto({ files: at.files, openStore: inDoubt }, { topic: ['users'] })).rejects.toThrow('did not confirm');
    expect(at.files.exists('/data/users-0')).toBe(true); // it was committed, whatever was told
  });
});

describe('more topics than a transaction holds', () => {
  const names = Array.from({ length: 120 }, (_, i) => `t${String(i).padStart(3, '0')}`);
  beforeEach(() => {
    for (const [i, name] of names.entries()) {
      at.files.makeDirectory(`/kafka/${name}-0`);
      at.files.replace(`/kafka/${name}-0/partition.metadata`, `version: 0\ntopic_id: ${String(i).padStart(22, 'x')}\n`);
    }
  });
  const all = ['orders', ...names, 'users'].sort();

  test('are imported', async () => {
    expect((await imported()).out.split('\n')).toHaveLength(2 + 120 + 1);
    const { broker, topics } = await served();
    expect(topics.map(({ name }) => name)).toEqual(all);
    await broker.close();
  });

  test('or, broken off between two transactions, none of them is', async () => {
    const counting = breaking(at, Number.POSITIVE_INFINITY, false);
    await importInto(counting, { data: '/counted' });
    for (let k = counting.count() - 8; k <= counting.count(); k++) {
      for (const forGood of [true, false]) {
        const { files, openStore } = { files: at.files, openStore: (await stage()).openStore };
        const failed = await importInto(breaking({ files, openStore }, k, forGood), { data: '/data' }).then(
          () => false,
          () => true,
        );
        if (forGood) files.kill();
        const { broker, topics } = await served({ files, openStore });
        expect([[], all], `${k}`).toContainEqual(topics.map(({ name }) => name));
        if (topics.length === 0) expect(failed, `${k}`).toBe(true);
        const folders = Object.keys(contentOf(files, '/data')).filter((path) => /^[^/]+-\d\/$/.test(path));
        expect(folders.length, `${k}`).toBe(topics.length === 0 ? 0 : all.length + 1);
        await broker.close();
        files.remove('/data');
      }
    }
  });
});

test('on a terminal the copy shows how far it is, and a table what came', async () => {
  const { out, err } = await importInto(at, { config: ['retention.ms=-1'] }, '/kafka', true);
  expect(err).toMatch(/^\r\[=* *\] \d+% of \d+\.\d KiB/);
  expect(err.endsWith(' KiB\r\x1b[K')).toBe(true);
  expect(err).toContain('] 100% of ');
  expect(out).toMatch(/^Topic {3}Partitions {2}Size +Topic id\norders {2}2 [\s\S]*\nImported 2 topics into \/data\.\n$/);
});

test('a directory of minikafka can be imported too', async () => {
  await imported();
  await (await served()).broker.close();
  const second = { files: at.files, openStore: (await stage()).openStore };
  await importInto(second, { data: '/second' }, '/data');
  expect(Object.keys(contentOf(at.files, '/second')).filter((path) => path.endsWith('/'))).toEqual(['orders-0/', 'orders-1/', 'users-0/']);
});

function writeId(files: ImportStage['files'], folder: string, id: string) {
  files.replace(`/kafka/${folder}/partition.metadata`, `version: 0\ntopic_id: ${id}\n`);
}

/** A segment that begins with a message of magic 1: offset 0, size 22. */
function oldMessages(files: ImportStage['files']) {
  const message = Buffer.alloc(34);
  message.writeInt32BE(22, 8);
  message[16] = 1;
  files.replace('/kafka/users-0/00000000000000000000.log', message);
}
