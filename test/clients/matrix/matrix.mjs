// What each JavaScript client of the matrix tries: see program.ts for what is printed. A client is an object with the methods that are called
// here and `missing`: feature -> why it is not in this client. Records are { key, value, headers: [name, value][], timestamp }, what is read is
// { partition, offset, record }.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

export const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];
export const DEADLINE_MS = 25_000;
const FIRST_TIMESTAMP = 1_700_000_000_000;
/** What the suite finds out by itself. */
const BY_SUITE = ['read-by-kafkajs', 'transactions-by-kafkajs'];

const RECORDS = Array.from({ length: 20 }, (_, n) => ({
  key: Buffer.from(`key-${n}`),
  value: Buffer.from(Array.from({ length: 100 + 10 * n }, (_, at) => (7 * at + n) % 256)),
  headers: [
    ['number', Buffer.from(`${n}`)],
    ['bytes', Buffer.from([0, 255, n])],
  ],
  timestamp: FIRST_TIMESTAMP + 1000 * n,
}));

const record = (key, value, timestamp = FIRST_TIMESTAMP) => ({
  key: key === null ? null : Buffer.from(key),
  value: value === null ? null : Buffer.from(value),
  headers: [],
  timestamp,
});

/** Of a transaction, for a partition of `transactions`. Of ten, the odd ones abort. */
const transactionRecords = (transaction, partition) => [0, 1].map((n) => record(`${transaction}`, `${transaction}/${partition}/${n}`));
const TRANSACTIONS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
const commits = (transaction) => transaction % 2 === 0;
const TRANSFORMED = RECORDS.slice(0, 10).map((each) => record(each.key, `of ${each.value.length} bytes`));

/** Asks until the answer is true. */
export async function until(what, check) {
  const deadline = performance.now() + DEADLINE_MS;
  while (!(await check())) {
    if (performance.now() > deadline) throw new Error(`not within ${DEADLINE_MS} ms: ${what}`);
    await sleep(20);
  }
}

/** What went wrong, all the way down, and where in our own files. */
function briefly(error) {
  const causes = [error, ...(error.errors ?? []), error.cause].filter(Boolean);
  const frames = (error.stack ?? '').split('\n').filter((line) => /^ +at .*matrix\.mjs/.test(line));
  return [...causes.map((each) => String(each.message ?? each).slice(0, 400)), ...frames.slice(0, 2)].join('\n');
}

const recordsOf = (read) => read.map((each) => each.record);

class Matrix {
  constructor(client, prefix, shared) {
    this.client = client;
    this.prefix = prefix;
    this.shared = shared;
    this.members = [];
    this.readable = null;
  }

  topic(feature) {
    return `${this.prefix}-${feature}`;
  }

  /** Sends, and reads back the very same; the offsets that the producer heard are those of the records, unless acks=0 tells none. */
  async roundTrip(topic, records, partition = 0, settings = {}) {
    const told = await this.client.send(topic, records, partition, settings);
    const read = await this.client.read(topic, partition, 0, records.length);
    assert.deepEqual(recordsOf(read), records);
    assert.deepEqual(
      read.map(({ offset }) => offset),
      records.map((_, n) => n),
    );
    if (settings.acks !== 0) assert.deepEqual(told, { [partition]: 0 });
  }

  codec = (codec) => this.roundTrip(this.topic('codecs'), RECORDS, CODECS.indexOf(codec), { codec });
  acks = (acks) => this.roundTrip(this.topic(`acks-${acks}`), RECORDS, 0, { acks: acks === 'all' ? -1 : Number(acks) });

  async reads(codec) {
    assert.deepEqual(recordsOf(await this.client.read(this.shared, CODECS.indexOf(codec), 0, RECORDS.length)), RECORDS);
  }

  tries = {
    headers: async () => {
      const bytes = Buffer.from(Array.from({ length: 256 }, (_, n) => n));
      const headers = [
        ['first', Buffer.from('1')],
        ['twice', Buffer.from('a')],
        ['twice', Buffer.from('b')],
        ['empty', Buffer.alloc(0)],
        ['bytes', bytes],
      ];
      await this.roundTrip(this.topic('headers'), [{ ...record('k', 'v'), headers }, record('k', 'v')]);
    },
    timestamps: () => {
      const times = [FIRST_TIMESTAMP + 5, FIRST_TIMESTAMP, 1, FIRST_TIMESTAMP + 86_400_000];
      const possible = this.client.possibleTimestamps?.(times) ?? times;
      return this.roundTrip(
        this.topic('timestamps'),
        possible.map((time) => record('k', 'v', time)),
      );
    },
    'log-append-time': async () => {
      const topic = this.topic('log-append-time');
      const before = Date.now();
      await this.client.send(topic, RECORDS, 0, {});
      const read = recordsOf(await this.client.read(topic, 0, 0, RECORDS.length));
      assert.deepEqual(
        read.map((each, n) => ({ ...each, timestamp: RECORDS[n].timestamp })),
        RECORDS,
      );
      for (const { timestamp } of read) assert(timestamp >= before - 1000 && timestamp <= Date.now() + 1000, `${timestamp}`);
    },
    keys: async () => {
      const topic = this.topic('keys');
      // One after the other: then each answer tells the place of one record.
      const places = [];
      const sent = [...RECORDS, ...RECORDS.map((each) => ({ ...each, value: Buffer.from('again') }))];
      for (const each of sent) places.push(...Object.entries(await this.client.send(topic, [each], null, {})));
      const partitionsOfKey = new Map();
      for (const partition of [0, 1, 2]) {
        const mine = sent.filter((_, n) => Number(places[n][0]) === partition);
        if (mine.length === 0) continue;
        assert.deepEqual(recordsOf(await this.client.read(topic, partition, 0, mine.length)), mine);
        for (const { key } of mine) partitionsOfKey.set(`${key}`, [...(partitionsOfKey.get(`${key}`) ?? []), partition]);
      }
      assert.equal(partitionsOfKey.size, RECORDS.length);
      for (const partitions of partitionsOfKey.values()) assert.equal(new Set(partitions).size, 1);
      assert(new Set([...partitionsOfKey.values()].flat()).size > 1, 'all keys are in one partition');
    },
    nulls: () => this.roundTrip(this.topic('nulls'), [record('k', null), record(null, 'v'), record('', '')]),
    large: () => {
      const value = Buffer.from(Array.from({ length: 900_000 }, (_, at) => (at * at + Math.floor(at / 256)) % 256));
      return this.roundTrip(this.topic('large'), [record('k', value)]);
    },
    idempotence: () => this.roundTrip(this.topic('idempotence'), RECORDS, 0, { idempotent: true }),

    assign: () => this.filled(),
    seek: async () => {
      const topic = await this.filled();
      assert.deepEqual(
        await this.client.read(topic, 0, 13, 7),
        RECORDS.slice(13).map((each, n) => ({ partition: 0, offset: 13 + n, record: each })),
      );
    },
    position: async () => assert.deepEqual(await this.client.positions(await this.filled(), 0, 5), [5, 20]),
    'beginning-and-end': async () => assert.deepEqual(await this.client.beginningAndEnd(await this.filled(), 1), [0, 20]),
    'offsets-for-times': async () => {
      const topic = await this.filled();
      const times = [FIRST_TIMESTAMP - 1, FIRST_TIMESTAMP + 4500, FIRST_TIMESTAMP + 19_000, FIRST_TIMESTAMP + 19_001];
      const found = [];
      for (const time of times) found.push(await this.client.offsetForTime(topic, 0, time));
      assert.deepEqual(found, [0, 5, 19, null]);
    },

    'group-share': async () => {
      const topic = this.topic('group-share');
      for (const partition of [0, 1]) await this.client.send(topic, RECORDS, partition, {});
      this.members = [await this.client.member(this.topic('group'), topic), await this.client.member(this.topic('group'), topic)];
      await until('two members share two partitions and have read 40 records', () => {
        for (const { failure } of this.members) if (failure) throw failure;
        const owned = this.members.map(({ partitions }) => [...partitions].join()).sort();
        return owned.join(' ') === '0 1' && this.readByMembers().size === 40;
      });
      const expected = [0, 1].flatMap((partition) => RECORDS.map((each, n) => [`${partition}/${n}`, each]));
      assert.deepEqual(this.readByMembers(), new Map(expected));
      // From now on each reads its own; a fetch that was under way may still bring the other's.
      for (const partition of [0, 1]) await this.client.send(topic, RECORDS.slice(0, 1), partition, {});
      await until('the new records', () =>
        this.members.every(({ read, partitions }) => read.some((each) => partitions.has(each.partition) && each.offset === 20)),
      );
    },
    'group-commit': async () => {
      for (const member of this.members) await member.commit();
      assert.deepEqual(await this.client.committed(this.topic('group'), this.topic('group-share'), [0, 1]), { 0: 21, 1: 21 });
    },
    'group-resume': async () => {
      const topic = this.topic('group-share');
      await this.stopMembers();
      for (const partition of [0, 1]) await this.client.send(topic, RECORDS.slice(1, 3), partition, {});
      this.members = [await this.client.member(this.topic('group'), topic)];
      await until('four new records', () => this.members[0].failure || this.readByMembers().size >= 4);
      const expected = [0, 1].flatMap((partition) => [1, 2].map((n) => [`${partition}/${20 + n}`, RECORDS[n]]));
      assert.deepEqual(this.readByMembers(), new Map(expected));
      await this.members[0].commit();
      await this.stopMembers();
    },
    'list-groups': async () => assert((await this.client.listGroups()).includes(this.topic('group'))),
    'describe-group': async () => assert.equal((await this.client.groupState(this.topic('group'))).toLowerCase(), 'empty'),
    'list-group-offsets': async () =>
      assert.deepEqual(await this.client.groupOffsets(this.topic('group'), this.topic('group-share')), { 0: 23, 1: 23 }),
    'delete-group-offsets': async () => {
      const [group, topic] = [this.topic('group'), this.topic('group-share')];
      await this.client.deleteGroupOffset(group, topic, 0);
      assert.deepEqual(await this.client.committed(group, topic, [0, 1]), { 0: null, 1: 23 });
    },
    'delete-group': async () => {
      await this.client.deleteGroup(this.topic('group'));
      assert(!(await this.client.listGroups()).includes(this.topic('group')));
    },

    transactions: async () => {
      const topic = this.topic('transactions');
      const producer = await this.client.transactional(topic);
      try {
        for (const number of TRANSACTIONS) {
          await producer.begin();
          for (const partition of [0, 1]) await producer.send(topic, partition, transactionRecords(number, partition));
          await (commits(number) ? producer.commit() : producer.abort());
        }
      } finally {
        await producer.close();
      }
      if (this.readsCommitted) await this.readsTransactions(topic, commits);
      await this.readsTransactions(topic, () => true);
    },
    'transaction-offsets': async () => {
      const [topic, group, transformed] = [this.topic('transaction-offsets'), this.topic('transforming'), this.topic('transformed')];
      await this.client.send(topic, RECORDS, 0, {});
      const producer = await this.client.transactional(group);
      this.members = [await this.client.member(group, topic)];
      try {
        await until('20 records', () => this.members[0].failure || this.readByMembers().size === 20);
        await producer.begin();
        await producer.send(transformed, 0, TRANSFORMED);
        await producer.offset(this.members[0], topic, 7);
        await producer.abort();

        await producer.begin();
        await producer.send(transformed, 0, TRANSFORMED);
        await producer.offset(this.members[0], topic, 10);
        // Of the first nothing is left, of the second there is nothing yet.
        assert.deepEqual(await this.client.committed(group, topic, [0]), { 0: null });
        await producer.commit();
        await until('the offset is committed', async () => (await this.client.committed(group, topic, [0]))[0] === 10);
      } finally {
        await producer.close();
        await this.stopMembers();
      }
      const first = 11; // ten records and the marker of the first
      const read = await this.client.read(transformed, 0, this.readsCommitted ? 0 : first, 10, { committed: this.readsCommitted });
      assert.deepEqual(
        read,
        TRANSFORMED.map((each, n) => ({ partition: 0, offset: first + n, record: each })),
      );
    },
    'transaction-fencing': async () => {
      const topic = this.topic('transaction-fencing');
      const older = await this.client.transactional(topic);
      await older.begin();
      await older.send(topic, 0, [record('k', 'of the older')]);
      const newer = await this.client.transactional(topic);
      try {
        await newer.begin();
        await newer.send(topic, 0, [record('k', 'of the newer')]);
        await newer.commit();
        const error = await older.commit().then(
          () => null,
          (failed) => failed,
        );
        assert(error !== null && this.client.isFenced(error), `the older: ${error ?? 'has committed'}`);
      } finally {
        await newer.close();
        await older.close();
      }
      // Its own record, and the marker that aborts it, come before the other's.
      const read = await this.client.read(topic, 0, this.readsCommitted ? 0 : 2, 1, { committed: this.readsCommitted });
      assert.deepEqual(read, [{ partition: 0, offset: 2, record: record('k', 'of the newer') }]);
    },
    'committed-of-kafkajs': () => this.readsTransactions(`${this.shared}-transactions`, commits),
    'uncommitted-of-kafkajs': () => this.readsTransactions(`${this.shared}-transactions`, () => true),

    'create-topic': async () => {
      await this.client.createTopic(this.topic('created'), 3, { 'retention.ms': '12345' });
      await this.hasPartitions(3);
    },
    'list-topics': async () => assert((await this.client.listTopics()).includes(this.topic('created'))),
    'describe-topic': () => this.hasPartitions(3),
    'create-partitions': async () => {
      await this.client.createPartitions(this.topic('created'), 5);
      await this.hasPartitions(5);
    },
    'describe-configs': () => this.hasRetention('12345'),
    'alter-configs': async () => {
      await this.client.setConfig(this.topic('created'), 'retention.ms', '54321');
      await this.hasRetention('54321');
    },
    'delete-topic': async () => {
      await this.client.deleteTopic(this.topic('created'));
      await until('the topic is gone', async () => !(await this.client.listTopics()).includes(this.topic('created')));
    },
    'delete-records': async () => {
      const topic = this.topic('delete-records');
      await this.client.send(topic, RECORDS, 0, {});
      await this.client.deleteRecords(topic, 0, 7);
      assert.deepEqual(await this.client.beginningAndEnd(topic, 0), [7, 20]);
      assert.deepEqual(recordsOf(await this.client.read(topic, 0, 7, 13)), RECORDS.slice(7));
    },
    'describe-cluster': async () => {
      const { clusterId, brokers, controller } = await this.client.cluster();
      assert(typeof clusterId === 'string' && clusterId !== '', `cluster id ${clusterId}`);
      assert.equal(brokers.length, 1);
      assert(brokers.includes(controller), 'the controller is one of the brokers');
    },
  };

  get readsCommitted() {
    return this.client.missing['committed-of-kafkajs'] === undefined;
  }

  /** Those of some transactions, at their offsets: each has two records and its marker in either partition. The last one is there for all readers. */
  async readsTransactions(topic, shown) {
    const committed = !shown(1);
    for (const partition of [0, 1]) {
      const expected = TRANSACTIONS.filter(shown).flatMap((number) =>
        transactionRecords(number, partition).map((each, n) => ({ partition, offset: 3 * (number - 1) + n, record: each })),
      );
      assert.deepEqual(await this.client.read(topic, partition, 0, expected.length, { committed }), expected);
    }
  }

  /** The topic of `assign`, its two partitions filled and read back. */
  async filled() {
    const topic = this.topic('assign');
    this.readable ??= Promise.all([0, 1].map((partition) => this.roundTrip(topic, RECORDS, partition)));
    await this.readable;
    return topic;
  }

  readByMembers() {
    const read = this.members.flatMap((member) => member.read);
    return new Map(read.map(({ partition, offset, record }) => [`${partition}/${offset}`, record]).sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  async stopMembers() {
    const members = this.members;
    this.members = [];
    for (const member of members) await member.stop();
  }

  async hasPartitions(count) {
    await until(`${count} partitions, each with a leader`, async () => {
      const partitions = await this.client.describeTopic(this.topic('created')).catch(() => []); // not yet
      const numbers = partitions.map(({ partition }) => partition).sort();
      return (
        numbers.join() === Array.from({ length: count }, (_, n) => n).join() &&
        partitions.every(({ leader, replicas, isr }) => `${leader}` === replicas.join() && `${leader}` === isr.join())
      );
    });
  }

  async hasRetention(value) {
    await until(`retention.ms is ${value}`, async () => (await this.client.config(this.topic('created'), 'retention.ms')) === value);
  }

  attempt(feature) {
    const [, family, rest] = /^(codec|reads|acks)-(.*)$/.exec(feature) ?? [];
    return family === undefined ? this.tries[feature]() : this[family](rest);
  }

  async run(features) {
    for (const feature of features) {
      const { missing = {}, notes = {} } = this.client;
      let result = { ok: true };
      if (missing[feature] !== undefined) result = { ok: null, detail: missing[feature] };
      else await this.attempt(feature).catch((error) => (result = { ok: false, detail: briefly(error) }));
      console.log(JSON.stringify({ feature, ...result, note: notes[feature] }));
    }
    await this.stopMembers();
  }
}

/** Tries everything with the client that `connect` gives for bootstrap addresses, whose package.json is named. */
export async function run(name, manifest, connect) {
  const [bootstrap, prefix, shared, features] = process.argv.slice(2);
  console.log(JSON.stringify({ client: name, version: JSON.parse(readFileSync(manifest, 'utf8')).version }));
  const client = await connect(bootstrap.split(','));
  await new Matrix(client, prefix, shared).run(features.split(',').filter((feature) => !BY_SUITE.includes(feature)));
  await client.close();
  // What a client leaves open keeps no program.
  setTimeout(() => process.exit(), 1000).unref();
}
