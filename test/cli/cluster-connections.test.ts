import { expect, onTestFinished, test } from 'vitest';
import { forAll, withCluster } from '../../src/cli/cluster-connections.ts';
import { realClock } from '../../src/core/clock.ts';
import { tcpTransport } from '../../src/core/tcp-transport.ts';
import { DescribeGroups, ListGroups } from '../../src/protocol/messages/index.ts';
import { eventually } from '../support/eventually.ts';
import type { Struct } from '../support/interpreter.ts';
import { runCaptured } from './captured.ts';
import { type ScriptedApi, type ScriptedCluster, scriptedCluster } from './scripted-cluster.ts';

const AROUND = { transport: tcpTransport, clock: realClock };
const COORDINATOR_NOT_AVAILABLE = 15;
const NOT_COORDINATOR = 16;

async function cluster(count: number, apis: Record<string, ScriptedApi>): Promise<ScriptedCluster> {
  const started = await scriptedCluster(count, apis);
  onTestFinished(() => started.close());
  return started;
}

const listGroups = (groupsOf: (id: number) => string[]): ScriptedApi => ({
  key: 16,
  version: 4,
  answer: (id) => ({
    errorCode: 0,
    groups: groupsOf(id).map((groupId) => ({ groupId, protocolType: 'consumer', groupState: 'Empty' })),
  }),
});

/** FindCoordinator, which leads to the brokers in turn, and may fail at first. */
function findCoordinator(found: readonly (number | 'none')[], addresses: () => readonly string[]): ScriptedApi {
  let asked = 0;
  return {
    key: 10,
    version: 3,
    answer: () => {
      const id = found[Math.min(asked++, found.length - 1)]!;
      if (id === 'none') return { errorCode: COORDINATOR_NOT_AVAILABLE, errorMessage: null, nodeId: -1, host: '', port: -1 };
      const [host, port] = addresses()[id - 1]!.split(':');
      return { errorCode: 0, errorMessage: null, nodeId: id, host: host!, port: Number(port) };
    },
  };
}

const describeAt = (coordinator: number): ScriptedApi => ({
  key: 15,
  version: 4,
  answer: (id, { groups }) => ({
    groups: (groups as string[]).map(
      (groupId): Struct => ({
        errorCode: id === coordinator ? 0 : NOT_COORDINATOR,
        groupId,
        groupState: id === coordinator ? 'Empty' : '',
        protocolType: 'consumer',
        protocolData: '',
        members: [],
        authorizedOperations: 0,
      }),
    ),
  }),
});

test('the groups of every broker are listed, by name', async () => {
  const { addresses } = await cluster(3, { ListGroups: listGroups((id) => [`g${4 - id}`, `only${id}`]) });
  expect(await runCaptured(['groups', 'list', '--bootstrap-server', addresses[0]!])).toEqual({
    exitCode: 0,
    out: ['g1', 'g2', 'g3', 'only1', 'only2', 'only3'].map((group) => `${group}\t-\tconsumer\tEmpty\n`).join(''),
    err: '',
  });
});

test('a group is described by its coordinator, also when that comes up late, and has moved since it was found', async () => {
  let addresses: readonly string[] = [];
  const started = await cluster(3, {
    FindCoordinator: findCoordinator(['none', 3, 2], () => addresses),
    DescribeGroups: describeAt(2),
  });
  addresses = started.addresses;
  expect(await runCaptured(['groups', 'describe', 'g', '--state', '--bootstrap-server', addresses[0]!])).toEqual({
    exitCode: 0,
    out: `g\t${addresses[1]} (2)\t-\tEmpty\tclassic\t0\n`,
    err: '',
  });
});

test('a broker that does not answer where it says is named', async () => {
  const started = await cluster(1, {
    Metadata: {
      key: 3,
      version: 8,
      answer: () => ({
        brokers: [
          { nodeId: 1, host: '127.0.0.1', port: Number(started.addresses[0]!.split(':')[1]), rack: null },
          { nodeId: 7, host: '127.0.0.1', port: 1, rack: null },
        ],
        clusterId: null,
        controllerId: 1,
        topics: [],
      }),
    },
    ListGroups: listGroups(() => []),
  });
  expect(await runCaptured(['groups', 'list', '--bootstrap-server', started.addresses[0]!])).toEqual({
    exitCode: 1,
    out: '',
    err: 'minikafka: broker 7 does not answer at 127.0.0.1:1 (connection refused), the address that it advertises\n',
  });
});

test('of a large cluster no more than 32 brokers and the first are connected to at once, each once, and none in the end', async () => {
  const started = await cluster(40, { ListGroups: listGroups((id) => [`g${id}`]) });
  const [first, ...others] = started.addresses;
  const connected = await withCluster({ bootstrapServer: first! }, AROUND, async (connections) => {
    const ask = () =>
      forAll([...started.addresses.keys()], (i) =>
        connections.atLeader(i + 1, async (connection) => (await connection.request(ListGroups, {})).groups[0]!.groupId),
      );
    expect(await ask()).toEqual(started.addresses.map((_, i) => `g${i + 1}`));
    await eventually(() => expect(started.open.reduce((sum, each) => sum + each)).toBe(33));
    expect(await ask()).toHaveLength(40);
    return started.open.filter((each) => each > 0).length;
  });
  expect(connected).toBeLessThanOrEqual(others.length);
  // Those at work when one more is opened, and those whose closing has not been seen by the other side.
  expect(started.mostOpen()).toBeLessThanOrEqual(33 + 16 + 16);
  await eventually(() => expect(started.open.every((each) => each === 0)).toBe(true));
});

test('of a single broker nothing but the bootstrap address is used, whatever it advertises', async () => {
  const started = await cluster(1, {
    Metadata: {
      key: 3,
      version: 8,
      answer: () => ({
        brokers: [{ nodeId: 1, host: 'nowhere.invalid', port: 1, rack: null }],
        clusterId: null,
        controllerId: 1,
        topics: [],
      }),
    },
    FindCoordinator: {
      key: 10,
      version: 3,
      answer: () => ({ errorCode: 0, errorMessage: null, nodeId: 1, host: 'nowhere.invalid', port: 1 }),
    },
    DescribeGroups: describeAt(1),
  });
  await withCluster({ bootstrapServer: started.addresses[0]! }, AROUND, (connections) =>
    connections.atCoordinator('g', async (connection) => {
      const { groups } = await connection.request(DescribeGroups, { groups: ['g'], includeAuthorizedOperations: false });
      expect(groups[0]!.groupState).toBe('Empty');
    }),
  );
});
