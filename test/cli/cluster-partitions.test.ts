import { afterAll, beforeAll, expect, test } from 'vitest';
import { startCluster, type TestCluster } from '../../src/testing.ts';
import { eventually } from '../support/eventually.ts';
import { runCaptured } from './captured.ts';

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await startCluster({ mode: 'in-process', cuttable: 'none', config: { 'auto.leader.rebalance.enable': false } });
});
afterAll(() => cluster.close());

const topics = (command: string, args: readonly string[] = []) =>
  runCaptured(['topics', command, ...args, '--bootstrap-server', cluster.bootstrapServers]);
const described = async (name: string): Promise<string[]> => (await topics('describe', [name])).out.trimEnd().split('\n');

test('replicas move to where the command line wants them, and come to rest there', async () => {
  await cluster.createTopic('orders', { partitions: 3, replicationFactor: 1 });
  await cluster.waitForIsr('orders');
  const moved = await topics('reassign', ['orders', '--replicas', '1,2,3', '--execute']);
  expect(moved).toMatchObject({ exitCode: 0, err: '' });
  await eventually(async () =>
    expect(await topics('reassign', ['orders', '--replicas', '1,2,3', '--verify'])).toMatchObject({ exitCode: 0 }),
  );
  const replicas = (await described('orders')).map((line) => line.split('\t')).map(([, partition, , all]) => `${partition}: ${all}`);
  expect(replicas).toEqual(['0: 1,2,3', '1: 2,3,1', '2: 3,1,2']);
  expect(await topics('reassign', ['--verify'])).toMatchObject({ exitCode: 0, out: '' });
  expect((await topics('reassign', ['orders', '--replicas', '1,9', '--execute'])).err).toMatch(/3 partitions of 3 not moved.*broker 9/);
});

test('what cannot move is taken back', async () => {
  await cluster.createTopic('stuck', { partitions: 1, replicationFactor: 1 });
  const leader = await cluster.waitForLeader('stuck', 0);
  const other = cluster.brokers.find(({ id }) => id !== leader && id !== 1)!;
  await other.kill();
  const before = await described('stuck');
  const plan = ['stuck', '--replicas', `${other.id}`];
  expect(await topics('reassign', [...plan, '--execute'])).toMatchObject({ exitCode: 0 });
  expect(await topics('reassign', [...plan, '--verify'])).toMatchObject({
    exitCode: 1,
    out: `stuck\t0\tmoving\t${other.id},${leader}\t${other.id}\t${leader}\n`,
  });
  expect((await topics('reassign', ['stuck', '--cancel'])).out).toBe('Took back the move of 1 partition: stuck:0.\n');
  expect(await described('stuck')).toEqual(before);
  await other.start();
});

test('preferred leaders lead again once it is asked for', async () => {
  await cluster.createTopic('led', { partitions: 1, replicationFactor: 3 });
  await cluster.waitForIsr('led');
  const preferred = await cluster.waitForLeader('led', 0);
  await cluster.broker(preferred).kill();
  const second = await cluster.waitForLeader('led', 0, { not: preferred });
  expect(await topics('elect-leaders', ['led'])).toMatchObject({
    exitCode: 1,
    out: `led\t0\tfailed\t${second}\n`,
    err: 'minikafka: no leader was elected for led:0: The preferred leader was not available.\n',
  });
  await cluster.broker(preferred).start();
  await cluster.waitForIsr('led');
  expect(await topics('elect-leaders', ['led'])).toEqual({ exitCode: 0, out: `led\t0\telected\t${preferred}\n`, err: '' });
  expect(await topics('elect-leaders', ['led', '--unclean'])).toMatchObject({ exitCode: 0, out: `led\t0\tnot needed\t${preferred}\n` });
});
