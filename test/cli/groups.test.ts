import type { Consumer } from 'kafkajs';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { type RunningBroker, startBroker } from '../../src/index.ts';
import { type KafkaJs, kafkaJs } from '../clients/kafkajs-client.ts';
import { eventually } from '../support/eventually.ts';
import { runCaptured } from './captured.ts';

/** Records of each partition of `orders` are a second apart, from this time on. */
const STARTED_MS = Date.UTC(2026, 4, 31, 14, 30);
const RECORDS = [10, 20, 30];

let broker: RunningBroker;
let client: KafkaJs;
beforeAll(async () => {
  broker = await startBroker({ topics: { orders: RECORDS.length, users: 1, empty: 1 }, config: { 'log.retention.ms': '-1' } });
  client = kafkaJs(broker.bootstrapServers);
  const producer = client.kafka.producer();
  await producer.connect();
  const messages = RECORDS.flatMap((count, partition) =>
    Array.from({ length: count }, (_, i) => ({ partition, value: `v${i}`, timestamp: String(STARTED_MS + i * 1000) })),
  );
  for (const message of messages) await producer.send({ topic: 'orders', messages: [message] });
  await producer.disconnect();
});
afterAll(() => broker.close());

const run = (words: string, options = {}) => runCaptured([...words.split(' '), '--bootstrap-server', broker.bootstrapServers], options);
const refusal = (exitCode: number, message: string) => ({ exitCode, out: '', err: `minikafka: ${message}\n` });
const PLAN = 'Nothing was written: this is the plan. Add --execute to carry it out.\n';

/** What kafkajs says that a group has committed. */
async function committed(groupId: string): Promise<Record<string, Record<number, string>>> {
  const admin = await client.admin();
  const topics = await admin.fetchOffsets({ groupId });
  return Object.fromEntries(
    topics.map(({ topic, partitions }) => [topic, Object.fromEntries(partitions.map(({ partition, offset }) => [partition, offset]))]),
  );
}

/** A group without members that has committed. */
async function withOffsets(groupId: string, scope: string, offset: number): Promise<string> {
  const { exitCode, err } = await run(`groups reset-offsets ${groupId} --topic ${scope} --to-offset ${offset} --execute`);
  expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' });
  return groupId;
}

/** A member that has its assignment. */
async function member(groupId: string, topics: string[]): Promise<{ consumer: Consumer; memberId: () => string }> {
  const consumer = await client.consumer(groupId);
  let memberId = '';
  const joined = new Promise<void>((resolve) => {
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      memberId = payload.memberId;
      resolve();
    });
  });
  await consumer.subscribe({ topics, fromBeginning: true });
  await consumer.run({ autoCommit: false, eachMessage: async () => {} });
  await joined;
  return { consumer, memberId: () => memberId };
}

test('groups are listed with type and state, whether they have members or only offsets', async () => {
  await withOffsets('list-idle', 'users', 0);
  await member('list-live', ['users']);
  const { out } = await run('groups list');
  expect(out).toContain('list-idle\tclassic\t-\tEmpty\n');
  expect(out).toContain('list-live\tclassic\tconsumer\tStable\n');
  const stable = JSON.parse((await run('groups list --state stable --json')).out);
  expect(stable).toContainEqual({ groupId: 'list-live', type: 'classic', protocolType: 'consumer', state: 'Stable' });
  expect((await run('groups list --state Stable,CompletingRebalance')).out).not.toContain('list-idle');
  expect((await run('groups list --state Dead', { terminal: true })).out).toBe('No group is in state Dead.\n');
  expect((await run('groups list', { terminal: true })).out).toMatch(/^Group +Type +Protocol type +State\n/);
});

test('describe shows lag and owner of each partition, and - where nothing is committed', async () => {
  await withOffsets('lag', 'orders:0,2', 4);
  await withOffsets('lag', 'empty', 0);
  const { consumer, memberId } = await member('lag', ['orders']);
  const who = `${memberId()}\t/127.0.0.1\ttest`;
  expect((await run('groups describe lag')).out.replaceAll('/::1', '/127.0.0.1')).toBe(
    [
      `lag\torders\t0\t4\t10\t6\t${who}`,
      `lag\torders\t1\t-\t20\t-\t${who}`,
      `lag\torders\t2\t4\t30\t26\t${who}`,
      'lag\tempty\t0\t0\t0\t0\t-\t-\t-',
      '',
    ].join('\n'),
  );
  const [json] = JSON.parse((await run('groups describe lag --json')).out);
  expect(json).toMatchObject({ groupId: 'lag', state: 'Stable', partitions: { length: 4 } });
  expect(json.partitions[1]).toMatchObject({
    topic: 'orders',
    partition: 1,
    currentOffset: null,
    logEndOffset: 20,
    lag: null,
    clientId: 'test',
  });
  await consumer.disconnect();
  expect((await run('groups describe lag')).out).toBe(
    'lag\tempty\t0\t0\t0\t0\t-\t-\t-\nlag\torders\t0\t4\t10\t6\t-\t-\t-\nlag\torders\t2\t4\t30\t26\t-\t-\t-\n',
  );
  expect((await run('groups describe lag', { terminal: true })).out).toMatch(
    /^lag {2}Empty, no members\nTopic +Partition +Current offset /,
  );
});

test('describe --members decodes what each was assigned, --state names the coordinator', async () => {
  const one = await member('two', ['orders', 'users']);
  const two = await member('two', ['orders', 'users']);
  const rows = await eventually(async () => {
    const lines = (await run('groups describe two --members')).out.trimEnd().split('\n');
    expect(lines.map((line) => line.split('\t')[4])).toEqual(expect.arrayContaining(['2', '2']));
    return lines.map((line) => line.split('\t'));
  });
  expect(rows.map(([group, id]) => [group, id]).sort()).toEqual([one.memberId(), two.memberId()].sort().map((id) => ['two', id]));
  const assigned = rows
    .flatMap((row) => row[5]!.split(' '))
    .flatMap((text) => {
      const [topic, list] = text.split(':');
      return list!.split(',').map((partition) => `${topic}:${partition}`);
    });
  expect(assigned.sort()).toEqual(['orders:0', 'orders:1', 'orders:2', 'users:0']);
  const [json] = JSON.parse((await run('groups describe two --members --json')).out);
  expect(json.members[0]).toMatchObject({ instanceId: null, subscription: ['orders', 'users'] });
  expect((await run('groups describe two --state')).out).toBe(
    `two\t${broker.bootstrapServers} (1)\tRoundRobinAssigner\tStable\tclassic\t2\n`,
  );
});

test('an assignment that is not of consumers is shown as unknown', async () => {
  const garbage = { name: 'x', version: 1, protocol: () => ({ name: 'x', metadata: Buffer.from([0]) }) };
  const consumer = client.kafka.consumer({
    groupId: 'garbage',
    partitionAssigners: [
      () => ({
        ...garbage,
        // Version 5, a thousand topics, and no more.
        assign: async ({ members }) => members.map(({ memberId }) => ({ memberId, memberAssignment: Buffer.from([0, 5, 0, 0, 3, 232]) })),
      }),
    ],
  });
  onTestFinished(() => consumer.disconnect());
  await consumer.connect();
  await consumer.subscribe({ topics: ['users'] });
  consumer.run({ eachMessage: async () => {} }).catch(() => {}); // kafkajs cannot read it either
  await eventually(async () => {
    expect((await run('groups describe garbage --members')).out).toMatch(/\tunknown\tunknown\n$/);
  });
  expect((await run('groups describe garbage')).exitCode).toBe(0);
});

test.each([
  ['--topic orders --to-earliest', [0, 0, 0]],
  ['--topic orders --to-latest', RECORDS],
  ['--topic orders:0,2 --to-offset 7', [7, undefined, 7]],
  ['--topic orders:1 --to-datetime 2026-05-31T14:30:05', [undefined, 5, undefined]],
  ['--topic orders:1 --to-datetime 2026-05-31T16:30:04.500+02:00', [undefined, 5, undefined]],
  [`--topic orders:1 --to-datetime ${STARTED_MS + 5001}`, [undefined, 6, undefined]],
  ['--topic orders --by-duration 876000h', [0, 0, 0]],
])('reset-offsets %s', async (flags, offsets) => {
  const group = `reset${flags.replace(/\W/g, '')}`;
  const rows = offsets.flatMap((offset, partition) => (offset === undefined ? [] : `${group}\torders\t${partition}\t-\t${offset}\n`));
  const plan = await run(`groups reset-offsets ${group} ${flags}`);
  expect(plan).toEqual({
    exitCode: 0,
    out: rows.join(''),
    err: expect.stringMatching(/^Nothing was written: .* would be created\. Add --execute/),
  });
  expect((await run(`groups describe ${group}`)).exitCode).toBe(1);
  expect(await run(`groups reset-offsets ${group} ${flags} --execute`)).toEqual({ exitCode: 0, out: rows.join(''), err: '' });
  const wanted = Object.fromEntries(offsets.flatMap((offset, partition) => (offset === undefined ? [] : [[partition, String(offset)]])));
  expect(await committed(group)).toEqual({ orders: wanted });
});

test('reset-offsets shifts what is committed, no further than the records go', async () => {
  const group = await withOffsets('shift', 'orders:0,2', 8);
  expect((await run(`groups reset-offsets ${group} --all-topics --shift-by -3 --execute`)).err).toBe('');
  expect(await committed(group)).toEqual({ orders: { 0: '5', 2: '5' } });
  expect(await run(`groups reset-offsets ${group} --all-topics --shift-by 20 --dry-run`)).toEqual({
    exitCode: 0,
    out: 'shift\torders\t0\t5\t10\nshift\torders\t2\t5\t25\n',
    err: `minikafka: orders:0: 25 is beyond the latest offset; 10 is taken\n${PLAN}`,
  });
  expect((await run(`groups reset-offsets ${group} --topic orders:2 --shift-by -6`)).err).toContain(
    'orders:2: -1 is before the earliest offset; 0 is taken\n',
  );
  expect(await run(`groups reset-offsets ${group} --topic orders --shift-by 1 --execute`)).toEqual(
    refusal(1, 'nothing is committed for orders:1, so there is nothing to shift; name other partitions with --topic'),
  );
  expect(await committed(group)).toEqual({ orders: { 0: '5', 2: '5' } });
});

test('a time after the last record is the end, and it says so', async () => {
  expect(await run('groups reset-offsets late --topic orders:0 --to-datetime 2099-01-01 --json')).toMatchObject({
    exitCode: 0,
    err: expect.stringMatching(/orders:0: no record is as late as that; the end, 10, is taken\n/),
  });
});

test('reset-offsets on a terminal shows a table and what became of it', async () => {
  const plan = (await run('groups reset-offsets tty --topic users --to-latest', { terminal: true })).out;
  expect(plan).toMatch(/^tty\nTopic +Partition +Current offset +New offset\nusers +0 +- +0\nNothing was written: /);
  const done = (await run('groups reset-offsets tty --topic users --to-latest --execute', { terminal: true })).out;
  expect(done).toMatch(/\nReset 1 partition of group "tty"\.\n$/);
});

test('reset-offsets --json tells the plan and whether it was carried out', async () => {
  const { out } = await run('groups reset-offsets json --topic users --to-latest --execute --json');
  const partitions = [{ topic: 'users', partition: 0, currentOffset: null, newOffset: 0, note: null }];
  expect(JSON.parse(out)).toEqual({ groupId: 'json', executed: true, partitions });
});

test('a group with members is neither reset nor deleted; one that has lost them is', async () => {
  const { consumer } = await member('busy', ['users']);
  expect(await run('groups reset-offsets busy --topic users --to-earliest --execute')).toEqual(
    refusal(1, 'the offsets of group "busy" can be reset only while it is inactive, and it is Stable; stop its members first'),
  );
  const kept = 'group "busy" was not deleted: it is Stable, with 1 member; stop them first';
  expect(await run('groups delete busy')).toEqual(refusal(1, kept));
  await consumer.disconnect();
  expect((await run('groups reset-offsets busy --topic users --to-earliest --execute')).exitCode).toBe(0);
  expect(await run('groups delete busy')).toEqual({ exitCode: 0, out: 'Deleted group "busy".\n', err: '' });
});

test('delete deletes what it can and tells of the others', async () => {
  await withOffsets('gone', 'users', 0);
  const none = 'group "never" was not deleted: there is no such group';
  expect(await run('groups delete never gone')).toEqual({ exitCode: 1, out: 'Deleted group "gone".\n', err: `minikafka: ${none}\n` });
  await withOffsets('gone', 'users', 0);
  const json = await run('groups delete gone never --json');
  expect(JSON.parse(json.out)).toEqual([
    { groupId: 'gone', deleted: true },
    { groupId: 'never', deleted: false, error: 'there is no such group' },
  ]);
  expect(json.exitCode).toBe(1);
});

test('what is not there is told as such', async () => {
  const none = `there is no group "nix" at ${broker.bootstrapServers}; "minikafka groups list" shows those that exist`;
  for (const flags of ['', ' --members', ' --state', ' --json']) expect(await run(`groups describe nix${flags}`)).toEqual(refusal(1, none));
  expect(await run('groups reset-offsets nix --all-topics --to-latest')).toEqual(
    refusal(1, 'group "nix" has committed nothing that --all-topics could reset; name topics with --topic'),
  );
  expect((await run('groups reset-offsets nix --topic nope --to-latest --execute')).err).toContain('there is no topic "nope" at ');
  expect(await run('groups reset-offsets nix --topic orders:1,3 --to-latest')).toEqual(
    refusal(1, 'topic "orders" has no partition 3; it has 3, from 0 on'),
  );
});

const TARGETS = '--to-earliest, --to-latest, --to-offset, --shift-by, --to-datetime or --by-duration';
test.each([
  ['list --state dozing', /^--state dozing: there is no such state; write one of PreparingRebalance, /],
  ['describe g --members --state', '--members and --state show different tables; keep one'],
  ['reset-offsets g --to-latest', 'which topics? add --topic name, --topic name:0,1, or --all-topics'],
  ['reset-offsets g --topic t --all-topics --to-latest', '--all-topics names them all; leave out --topic'],
  ['reset-offsets g --topic t', `where to? add one of ${TARGETS}`],
  ['reset-offsets g --topic t --to-latest --to-earliest', `keep one of ${TARGETS}`],
  ['reset-offsets g --topic t --to-latest --execute --dry-run', '--execute writes and --dry-run does not; keep one'],
  ['reset-offsets g --topic t:x --to-latest', /^--topic t:x: write topic, or topic:0,1,2 for some of its partitions/],
  ['reset-offsets g --topic t,u --to-latest', /^--topic t,u: write topic, .* repeat --topic for more topics$/],
  ['reset-offsets g --topic t:1 --topic t:2 --to-latest', '--topic t is given twice; keep one, as in --topic t:0,1'],
  ['reset-offsets g --topic t --to-offset -1', '--to-offset -1: write an offset, as in 42'],
  ['reset-offsets g --topic t --to-offset 9007199254740993', /^--to-offset 9007199254740993: write an offset/],
  ['reset-offsets g --topic t --shift-by 1.5', '--shift-by 1.5: write a number, as in -10 or 10'],
  ['reset-offsets g --topic t --to-datetime yesterday', /^--to-datetime yesterday: write a time, as in 2026-05-31T14:30:00Z or /],
  ['reset-offsets g --topic t --to-datetime 2026-02-30', /^--to-datetime 2026-02-30: write a time/],
  ['reset-offsets g --topic t --by-duration 3', /^--by-duration 3: write a number and its unit/],
  ['reset-offsets g --topic t --by-duration P', /^--by-duration P: write a number and its unit/],
])('groups %s is a usage error', async (words, message) => {
  const { exitCode, out, err } = await run(`groups ${words}`);
  expect({ exitCode, out }).toEqual({ exitCode: 2, out: '' });
  const line = err.replace(/^minikafka: /, '').trimEnd();
  if (typeof message === 'string') expect(line).toBe(message);
  else expect(line).toMatch(message);
});
