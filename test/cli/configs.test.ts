import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type RunningBroker, startBroker } from '../../src/index.ts';
import { runCaptured } from './captured.ts';

let broker: RunningBroker;
beforeAll(async () => {
  broker = await startBroker({ topics: { plain: 1 }, config: { 'ssl.keystore.password': 'hush' } });
});
afterAll(() => broker.close());

let topic = '';
let count = 0;
beforeEach(async () => {
  topic = `t${count++}`;
  await broker.createTopic(topic, { configs: { 'retention.ms': 60000 } });
});

const run = (words: string, options = {}) => runCaptured([...words.split(' '), '--bootstrap-server', broker.bootstrapServers], options);
const refusal = (exitCode: number, message: string) => ({ exitCode, out: '', err: `minikafka: ${message}\n` });

test('describe shows what is set, with its source; --all shows the defaults, too', async () => {
  expect(await run(`configs describe topic ${topic}`)).toEqual({
    exitCode: 0,
    out: `topic\t${topic}\tretention.ms\t60000\ttopic\n`,
    err: '',
  });
  const all = (await run(`configs describe topic ${topic} --all`)).out.trimEnd().split('\n');
  expect(all).toContain(`topic\t${topic}\tsegment.bytes\t1073741824\tdefault`);
  expect(all).toContain(`topic\t${topic}\tretention.ms\t60000\ttopic`);
  expect(all.length).toBeGreaterThan(20);
});

test('describe without a name shows every topic', async () => {
  const { out } = await run('configs describe topics --all');
  expect(new Set(out.split('\n').map((line) => line.split('\t')[1]))).toEqual(
    new Set(['plain', ...Array.from({ length: count }, (_, i) => `t${i}`), undefined]),
  );
});

test('on a terminal there is a table for each', async () => {
  expect((await run(`configs describe topic ${topic}`, { terminal: true })).out).toBe(
    `topic ${topic}\nConfig        Value  Source\nretention.ms  60000  topic\n`,
  );
  expect((await run('configs describe topic plain', { terminal: true })).out).toBe(
    'topic plain\nNothing is set; --all shows the defaults.\n',
  );
});

test('set and delete change what they name and nothing else', async () => {
  expect(await run(`configs alter topic ${topic} --set cleanup.policy=compact,delete --set segment.ms=1000`)).toEqual({
    exitCode: 0,
    out: `Altered topic "${topic}": set cleanup.policy=compact,delete, segment.ms=1000.\n`,
    err: '',
  });
  expect((await run(`configs alter topic ${topic} --delete segment.ms --delete retention.ms`)).out).toBe(
    `Altered topic "${topic}": deleted segment.ms, retention.ms.\n`,
  );
  expect(JSON.parse((await run(`configs describe topic ${topic} --json`)).out)).toEqual([
    {
      type: 'topic',
      name: topic,
      configs: [{ name: 'cleanup.policy', value: 'compact,delete', source: 'topic', sensitive: false, readOnly: false }],
    },
  ]);
});

test.each(['--validate-only', '--dry-run'])('%s changes nothing, and refuses what would be refused', async (flag) => {
  expect((await run(`configs alter topic ${topic} --set segment.ms=5 ${flag}`)).out).toBe(
    `Would alter topic "${topic}": set segment.ms=5.\n`,
  );
  expect((await run(`configs alter topic ${topic} --set segment.ms=soon ${flag}`)).exitCode).toBe(1);
  expect((await run(`configs describe topic ${topic}`)).out).toBe(`topic\t${topic}\tretention.ms\t60000\ttopic\n`);
});

test('a broker has its own configs, and those it shares with all', async () => {
  await run('configs alter broker default --set log.retention.ms=7200000');
  expect((await run('configs alter broker 1 --set message.max.bytes=2000000 --json')).out).toBe(
    '{"type":"broker","name":"1","set":{"message.max.bytes":"2000000"},"deleted":[],"validateOnly":false}\n',
  );
  const lines = (await run('configs describe broker')).out.split('\n');
  expect(lines[0]).toBe('broker\tdefault\tlog.retention.ms\t7200000\tdynamic-default-broker');
  expect(lines).toContain('broker\t1\tlog.retention.ms\t7200000\tdynamic-default-broker');
  expect(lines).toContain('broker\t1\tmessage.max.bytes\t2000000\tdynamic-broker');
  expect(lines.find((line) => line.includes('\tlisteners\t'))).toMatch(/static-broker$/);
  await run('configs alter broker default --delete log.retention.ms');
  await run('configs alter broker 1 --delete message.max.bytes');
  expect((await run('configs describe broker default')).out).toBe('');
});

test('sensitive values are hidden, also those just given', async () => {
  for (const format of ['', ' --json']) expect((await run(`configs describe broker 1 --all${format}`)).out).not.toContain('hush');
  expect((await run('configs describe broker 1')).out).toContain('broker\t1\tssl.keystore.password\t(hidden)\tstatic-broker\n');
  const altered = await run('configs alter broker 1 --set listener.name.plaintext.ssl.keystore.password=quiet --validate-only');
  expect(altered.out + altered.err).not.toContain('quiet');
});

test.each([
  [
    'configs alter topic plain --set segment.ms=soon',
    'topic "plain" was not altered: Invalid value soon for configuration segment.ms: Not a number of type LONG',
  ],
  [
    'configs alter topic plain --set retention.ms=1,segment.ms=5',
    'topic "plain" was not altered: Invalid value 1,segment.ms=5 for configuration retention.ms: Not a number of type LONG (--set takes one pair: write --set retention.ms=1 --set segment.ms=5)',
  ],
  [
    'topics create x --config retention.ms=1,cleanup.policy=compact,delete',
    'topic "x" was not created: Invalid value 1,cleanup.policy=compact,delete for configuration retention.ms: Not a number of type LONG (--config takes one pair: write --config retention.ms=1 --config cleanup.policy=compact,delete)',
  ],
  [
    'configs alter topic plain --delete retention.mss',
    'topic "plain" was not altered: it has no config retention.mss; "minikafka configs describe topic plain --all" shows those there are',
  ],
  ['configs alter broker 1 --set broker.id=3', 'broker 1 was not altered: Cannot update these configs dynamically: [broker.id]'],
])('%s: the refusal is one line', async (words, message) => {
  expect(await run(words)).toEqual(refusal(1, message));
});

test('what is not there is told as such', async () => {
  const none = `there is no topic "nix" at ${broker.bootstrapServers}; "minikafka topics list" shows those that exist`;
  for (const words of ['configs describe topic nix', 'configs alter topic nix --set segment.ms=5', 'topics alter nix --partitions 3']) {
    expect(await run(words)).toEqual(refusal(1, none));
  }
  expect(await run('configs describe broker 7')).toEqual(
    refusal(1, `there is no broker 7 at ${broker.bootstrapServers}; those that are up: 1`),
  );
});

test.each([
  ['configs alter topic plain', 'nothing to change; add --set key=value or --delete key'],
  ['configs alter topic plain --set a', '--set a: write key=value'],
  ['configs alter topic plain --delete a,b', '--delete a,b: write the name of one config, and repeat --delete for more'],
  ['configs alter topic plain --set a=1 --delete a', 'a is given twice; keep one'],
  ['configs alter topic plain --set a=1 b=2', '"b=2" stands alone; write --set b=2'],
  ['configs alter users bob --set a=1', '"users" has no configs here; write topic or broker'],
  ['configs alter broker one --set a=1', 'broker one: write the number of a broker, or default for what holds for all'],
  ['topics alter plain', 'nothing to change; add --partitions, --config or --delete-config'],
])('%s is a usage error', async (words, message) => {
  expect(await run(words)).toEqual(refusal(2, message));
});

test('topics alter adds partitions and changes configs', async () => {
  const altered = await run(`topics alter ${topic} --partitions 3 --config segment.ms=5000 --delete-config retention.ms`);
  expect(altered).toEqual({
    exitCode: 0,
    out: `Altered topic "${topic}": 3 partitions; set segment.ms=5000; deleted retention.ms.\n`,
    err: '',
  });
  const [described] = JSON.parse((await run(`topics describe ${topic} --json`)).out);
  expect(described).toMatchObject({ configs: { 'segment.ms': '5000' }, partitions: [{}, {}, {}] });
});

test.each([
  ['--partitions 3 --config segment.ms=soon', /Invalid value soon/],
  ['--partitions 1 --config segment.ms=5', /Topic already has 1 partition/],
  ['--partitions 3 --delete-config nix', /it has no config nix/],
])('topics alter does all or nothing: %s', async (flags, message) => {
  const { exitCode, err } = await run(`topics alter ${topic} ${flags}`);
  expect(exitCode).toBe(1);
  expect(err).toMatch(message);
  expect(err.trimEnd().split('\n')).toHaveLength(1);
  const [described] = JSON.parse((await run(`topics describe ${topic} --json`)).out);
  expect(described).toMatchObject({ configs: { 'retention.ms': '60000' }, partitions: [{ partition: 0 }] });
  expect(described.partitions).toHaveLength(1);
  expect(described.configs).not.toHaveProperty('segment.ms');
});

test('topics alter --dry-run changes nothing', async () => {
  expect((await run(`topics alter ${topic} --partitions 3 --dry-run`)).out).toBe(`Would alter topic "${topic}": 3 partitions.\n`);
  expect(JSON.parse((await run(`topics describe ${topic} --json`)).out)[0].partitions).toHaveLength(1);
});
