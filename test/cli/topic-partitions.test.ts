import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Struct } from '../support/interpreter.ts';
import { runCaptured } from './captured.ts';
import { type ScriptedCluster, scriptedCluster } from './scripted-cluster.ts';

/** Three brokers with topic "orders" of three partitions and "users" of one. What they are asked is kept. */
interface PartitionState {
  readonly replicas: number[];
  readonly leader?: number;
  readonly isr?: number[];
  readonly elr?: number[];
  readonly offline?: number[];
}

let state: Record<string, PartitionState[]>;
/** topic:partition -> replicas that join and leave. */
let moving: Record<string, { adding: number[]; removing: number[] }>;
/** topic:partition -> error code. */
let errors: Record<string, number>;
let asked: { api: string; request: Struct }[];
let cluster: ScriptedCluster;
let directory: string;

const WORDS: Record<number, string> = { 39: 'no broker 9', 80: 'The preferred leader was not available.', 84: 'Not needed.', 85: '' };

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'minikafka-test-'));
  state = {
    orders: [
      [1, 2],
      [2, 3],
      [3, 1],
    ].map((replicas) => ({ replicas })),
    users: [{ replicas: [1] }],
  };
  [moving, errors, asked] = [{}, {}, []];
  const keep = (api: string, request: Struct) => asked.push({ api, request });
  const outcome = (topic: string, partition: number) => {
    const errorCode = errors[`${topic}:${partition}`] ?? 0;
    return { errorCode, errorMessage: WORDS[errorCode] ?? null };
  };
  const partitionsOf = (name: string) =>
    state[name]!.map(({ replicas, leader = replicas[0]!, isr = replicas, elr = [], offline = [] }, partitionIndex) => ({
      errorCode: leader < 0 ? 5 : 0,
      partitionIndex,
      leaderId: leader,
      leaderEpoch: 4,
      replicaNodes: replicas,
      isrNodes: isr,
      eligibleLeaderReplicas: elr,
      lastKnownElr: [],
      offlineReplicas: offline,
    }));
  const topicsOf = (request: Struct) =>
    ((request.topics as Struct[] | null) ?? Object.keys(state).map((name) => ({ name }))).map(({ name }) => {
      const known = state[name as string] !== undefined;
      return { errorCode: known ? 0 : 3, name, isInternal: false, partitions: known ? partitionsOf(name as string) : [] };
    });
  const page = (request: Struct) => {
    const all = topicsOf((request.topics as Struct[]).length > 0 ? request : { topics: null });
    // Page by page: each topic is one.
    const from = request.cursor ? all.findIndex(({ name }) => name === (request.cursor as Struct).topicName) : 0;
    const next = all[from + 1];
    return { topics: [all[from]!], nextCursor: next ? { topicName: next.name, partitionIndex: 0 } : null };
  };
  cluster = await scriptedCluster(3, {
    Metadata: {
      key: 3,
      version: 9,
      answer: (_, request) => ({ brokers: [], clusterId: null, controllerId: 1, topics: topicsOf(request) }),
    },
    CreateTopics: {
      key: 19,
      version: 5,
      answer: (_, request) => {
        keep('create', request);
        return { topics: (request.topics as Struct[]).map(({ name }) => ({ name, errorCode: 0, errorMessage: null, configs: [] })) };
      },
    },
    DescribeConfigs: { key: 32, version: 4, answer: () => ({ results: [] }) },
    DescribeTopicPartitions: { key: 75, version: 0, answer: (_, request) => page(request) },
    AlterPartitionReassignments: {
      key: 45,
      version: 1,
      answer: (_, request) => {
        keep('alter', request);
        const responses = (request.topics as Struct[]).map(({ name, partitions }) => ({
          name,
          partitions: (partitions as Struct[]).map(({ partitionIndex }) => ({
            partitionIndex,
            ...outcome(name as string, partitionIndex as number),
          })),
        }));
        return { errorCode: 0, errorMessage: null, responses };
      },
    },
    ListPartitionReassignments: {
      key: 46,
      version: 0,
      answer: (_, request) => {
        keep('list', request);
        const topics = Object.entries(moving).map(([key, { adding, removing }]) => {
          const [name, partition] = key.split(':');
          const replicas = state[name!]![Number(partition)]!.replicas;
          return {
            name,
            partitions: [{ partitionIndex: Number(partition), replicas, addingReplicas: adding, removingReplicas: removing }],
          };
        });
        return { errorCode: 0, errorMessage: null, topics };
      },
    },
    ElectLeaders: {
      key: 43,
      version: 2,
      answer: (_, request) => {
        keep('elect', request);
        const all = (request.topicPartitions as Struct[] | null) ?? [
          { topic: 'orders', partitions: [1] },
          { topic: 'users', partitions: [] },
        ];
        const results = all.map(({ topic, partitions }) => ({
          topic,
          partitionResult: (partitions as number[]).map((partitionId) => ({ partitionId, ...outcome(topic as string, partitionId) })),
        }));
        return { errorCode: 0, replicaElectionResults: results };
      },
    },
  });
});
afterEach(async () => {
  rmSync(directory, { recursive: true });
  await cluster.close();
});

const topics = (command: string, args: readonly string[] = [], options = {}) =>
  runCaptured(['topics', command, ...args, '--bootstrap-server', cluster.addresses[0]!], options);
const planFile = (text: string | object): string => {
  const path = join(directory, 'plan.json');
  writeFileSync(path, typeof text === 'string' ? text : JSON.stringify(text));
  return path;
};
const plan = (...partitions: [string, number, number[]][]) =>
  planFile({
    version: 1,
    partitions: partitions.map(([topic, partition, replicas]) => ({ topic, partition, replicas, log_dirs: ['any'] })),
  });

test('without --execute the plan is shown and nothing is asked; each partition has another broker first', async () => {
  const shown = 'orders\t0\t1,2\t1,2,3\norders\t1\t2,3\t2,3,1\norders\t2\t3,1\t3,1,2\n';
  const ran = await topics('reassign', ['orders', '--replicas', '1,2,3']);
  expect(ran).toEqual({
    exitCode: 0,
    out: shown,
    err: 'Nothing was moved: this is the plan. Add --execute to carry it out.\n',
  });
  expect((await topics('reassign', ['orders', '--replicas', '1, 2,3', '--dry-run'])).out).toBe(shown);
  expect(asked).toEqual([]);
});

test('with --execute replicas move, of the partitions that are named', async () => {
  const ran = await topics('reassign', ['orders:2', 'users', '--replicas', '2,1', '--execute']);
  expect(ran).toEqual({ exitCode: 0, out: 'orders\t2\t3,1\t2,1\nusers\t0\t1\t2,1\n', err: '' });
  const moved = [
    { name: 'orders', partitions: [{ partitionIndex: 2, replicas: [2, 1] }] },
    { name: 'users', partitions: [{ partitionIndex: 0, replicas: [2, 1] }] },
  ];
  expect(asked).toMatchObject([{ api: 'alter', request: { allowReplicationFactorChange: true, topics: moved } }]);
});

test("a plan is read from Kafka's file, and the way back is given as one", async () => {
  const path = plan(['users', 0, [3]], ['orders', 1, [2, 1]]);
  const terminal = await topics('reassign', ['--plan', path, '--execute'], { terminal: true });
  const wayBack = {
    version: 1,
    partitions: [
      { topic: 'orders', partition: 1, replicas: [2, 3] },
      { topic: 'users', partition: 0, replicas: [1] },
    ],
  };
  expect(terminal.out).toContain('Moving 2 partitions; --verify tells how far that is.');
  expect(JSON.parse(terminal.out.trim().split('\n').at(-1)!)).toEqual(wayBack);
  expect(JSON.parse((await topics('reassign', ['--plan', path, '--json'])).out)).toEqual({
    executed: false,
    partitions: [
      { topic: 'orders', partition: 1, currentReplicas: [2, 3], newReplicas: [2, 1], error: null },
      { topic: 'users', partition: 0, currentReplicas: [1], newReplicas: [3], error: null },
    ],
    wayBack,
  });
});

test('partitions that are refused are named, with the reason; the others move', async () => {
  errors['orders:1'] = 39;
  const ran = await topics('reassign', ['orders', '--replicas', '9', '--execute']);
  expect(ran).toMatchObject({ exitCode: 1, err: 'minikafka: 1 partition of 3 not moved: orders:1: no broker 9\n' });
});

test('--verify tells what is on the move, what is done, and what never began, and exits 1 until it is done', async () => {
  state.orders![0] = { replicas: [3, 1, 2] };
  moving['orders:0'] = { adding: [3], removing: [2] };
  const path = plan(['orders', 0, [3, 1]], ['orders', 1, [2, 3]]);
  const ran = await topics('reassign', ['--plan', path, '--verify']);
  expect(ran).toEqual({
    exitCode: 1,
    out: 'orders\t0\tmoving\t3,1,2\t3\t2\norders\t1\tdone\t2,3\t-\t-\n',
    err: 'minikafka: 1 partition of 2 still on the move\n',
  });
  moving = {};
  state.orders![0] = { replicas: [3, 1] };
  expect(await topics('reassign', ['--plan', path, '--verify'])).toMatchObject({ exitCode: 0, err: '' });
  state.orders![0] = { replicas: [1, 2] };
  expect(await topics('reassign', ['--plan', path, '--verify'])).toMatchObject({
    exitCode: 1,
    err: 'minikafka: not as planned, and not on the move: orders:0\n',
  });
});

test('--verify alone shows all that is on the move, or that nothing is', async () => {
  expect(await topics('reassign', ['--verify'], { terminal: true })).toEqual({ exitCode: 0, out: 'Nothing is being moved.\n', err: '' });
  moving['users:0'] = { adding: [1], removing: [] };
  const ran = await topics('reassign', ['--verify', '--json']);
  expect(JSON.parse(ran.out)).toEqual({
    done: false,
    partitions: [{ topic: 'users', partition: 0, standing: 'moving', replicas: [1], adding: [1], removing: [] }],
  });
  expect(ran.exitCode).toBe(1);
  expect(asked.map(({ request }) => request.topics)).toEqual([null, null]);
});

test('--cancel takes back what is on the move, and what has just ended is no error', async () => {
  expect((await topics('reassign', ['orders', '--cancel'])).out).toBe('Nothing is being moved.\n');
  moving['orders:0'] = { adding: [3], removing: [2] };
  expect((await topics('reassign', ['orders', '--cancel'])).out).toBe('Took back the move of 1 partition: orders:0.\n');
  expect(asked.at(-1)).toMatchObject({
    api: 'alter',
    request: { topics: [{ name: 'orders', partitions: [{ partitionIndex: 0, replicas: null }] }] },
  });
  errors['orders:0'] = 85; // NO_REASSIGNMENT_IN_PROGRESS
  expect(await topics('reassign', ['orders', '--cancel'])).toMatchObject({ exitCode: 0, err: '' });
});

test.each<[string[], RegExp]>([
  [[], /which partitions\? name topics/],
  [['orders'], /where to\? add --replicas/],
  [['--replicas', '1'], /--replicas of which topic\?/],
  [['orders', '--replicas', '1,1'], /--replicas 1,1: write broker ids, each once/],
  [['orders', '--replicas', 'one'], /--replicas one: write broker ids/],
  [['orders', '--replicas', ''], /--replicas : write broker ids/],
  [['or ders', '--replicas', '1'], /or ders: write topic, or topic:0,1,2 for some of its partitions/],
  [['orders', 'orders:1', '--replicas', '1'], /orders is given twice/],
  [['orders', '--replicas', '1', '--execute', '--dry-run'], /keep one of --execute, --dry-run, --verify and --cancel/],
  [['orders', '--replicas', '1', '--cancel'], /leave out --replicas/],
  [['orders', '--plan', 'x'], /the --plan names topics and replicas/],
  [['--plan', '/nowhere/plan.json'], /--plan \/nowhere\/plan.json: ENOENT/],
])('%j is refused before anything is asked', async (args, message) => {
  const { exitCode, err } = await topics('reassign', args);
  expect([exitCode, err]).toEqual([2, expect.stringMatching(message)]);
  expect(asked).toEqual([]);
});

test.each<[unknown, RegExp]>([
  ['no JSON', /JSON/],
  [{}, /write \{"version":1/],
  [{ version: 2, partitions: [] }, /"version" must be 1/],
  [{ version: 1, partitions: [{}] }, /entry 1: "topic" must be/],
  [{ version: 1, partitions: [{ topic: 'a', partition: -1, replicas: [1] }] }, /entry 1: "partition" must be/],
  [{ version: 1, partitions: [{ topic: 'a', partition: 0, replicas: [] }] }, /entry 1: "replicas" must be/],
  [{ version: 1, partitions: [{ topic: 'a', partition: 0, replicas: [2 ** 31] }] }, /entry 1: "replicas" must be/],
  [{ version: 1, partitions: [0, 0].map(() => ({ topic: 'a', partition: 0, replicas: [1] })) }, /entry 2: a:0 stands in it twice/],
])('the plan %j is refused', async (content, message) => {
  const { exitCode, err } = await topics('reassign', ['--plan', planFile(content as object)]);
  expect([exitCode, err]).toEqual([2, expect.stringMatching(message)]);
});

test('a topic or partition that is not there is told before anything moves', async () => {
  const nowhere = plan(['nowhere', 0, [1]]);
  expect(await topics('reassign', ['--plan', nowhere, '--execute'])).toMatchObject({
    exitCode: 1,
    err: expect.stringMatching(/no topic "nowhere"/),
  });
  const beyond = plan(['orders', 3, [1]]);
  expect((await topics('reassign', ['--plan', beyond, '--execute'])).err).toMatch(/topic "orders" has no partition 3; it has 3/);
  expect(asked).toEqual([]);
});

test('preferred leaders are elected; one that leads already is no error, one that is down is', async () => {
  errors = { 'orders:0': 84, 'orders:1': 80 };
  state.orders![1] = { replicas: [2, 3], leader: 3 };
  const ran = await topics('elect-leaders', ['orders']);
  expect(ran).toEqual({
    exitCode: 1,
    out: 'orders\t0\tnot needed\t1\norders\t1\tfailed\t3\norders\t2\telected\t3\n',
    err: 'minikafka: no leader was elected for orders:1: The preferred leader was not available.\n',
  });
  expect(asked).toMatchObject([{ request: { electionType: 0, topicPartitions: [{ topic: 'orders', partitions: [0, 1, 2] }] } }]);
});

test('an unclean election is asked for by name; --all-topics names them all', async () => {
  const ran = await topics('elect-leaders', ['orders:1', '--unclean', '--json']);
  expect(JSON.parse(ran.out)).toEqual([{ topic: 'orders', partition: 1, outcome: 'elected', leader: 2, error: null }]);
  expect((await topics('elect-leaders', ['--all-topics'])).out).toBe('orders\t1\telected\t2\n');
  expect(asked).toMatchObject([
    { request: { electionType: 1, topicPartitions: [{ topic: 'orders', partitions: [1] }] } },
    { request: { electionType: 0, topicPartitions: null } },
  ]);
  expect((await topics('elect-leaders', [])).err).toMatch(/of which partitions\?/);
  expect((await topics('elect-leaders', ['orders', '--all-topics'])).err).toMatch(/--all-topics names them all/);
});

test('topics create takes the brokers of each partition as they are given', async () => {
  expect(await topics('create', ['placed', '--replica-assignment', '1:2,3:1'])).toMatchObject({ exitCode: 0 });
  const assignments = [
    { partitionIndex: 0, brokerIds: [1, 2] },
    { partitionIndex: 1, brokerIds: [3, 1] },
  ];
  expect(asked).toMatchObject([{ request: { topics: [{ name: 'placed', numPartitions: -1, replicationFactor: -1, assignments }] } }]);
  for (const wrong of ['', '1:1', '1:2,3', '1;2', 'a'])
    expect(await topics('create', ['placed', '--replica-assignment', wrong])).toMatchObject({
      exitCode: 2,
      err: expect.stringMatching(/as in 1:2:3,2:3:1/),
    });
  expect(await topics('create', ['placed', '--replica-assignment', '1:2', '--partitions', '2'])).toMatchObject({ exitCode: 2 });
  expect(asked).toHaveLength(1);
});

test('topics describe tells who is in sync, who else may lead, and who is down', async () => {
  state.orders![1] = { replicas: [2, 3], leader: -1, isr: [2], elr: [3], offline: [2, 3] };
  expect((await topics('describe', ['orders'])).out.split('\n').slice(0, 2)).toEqual([
    'orders\t0\t1\t1,2\t1,2\tnone\tnone',
    'orders\t1\tnone\t2,3\t2\t3\t2,3',
  ]);
  const [, users] = JSON.parse((await topics('describe', ['--json'])).out);
  expect(users).toMatchObject({ name: 'users', partitions: [{ eligibleLeaderReplicas: [], offlineReplicas: [] }] });
});
