import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { clusterUnderTest } from '../support/cluster-under-test.ts';
import { eventually } from '../support/eventually.ts';
import { javaWithKafka } from './java.ts';
import { kafkaJs } from './kafkajs-client.ts';

const under = clusterUnderTest({ brokers: 4 });
const java = javaWithKafka();
const folder = mkdtempSync(join(tmpdir(), 'minikafka-cluster-tools-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const tool = (name: string, args: readonly string[], input = '') =>
  java!.tool(name, ['--bootstrap-server', under.cluster.bootstrapServers, ...args], { input });
const lines = (output: string): string[] => output.trimEnd().split('\n');

function fileOf(name: string, content: unknown): string {
  const path = join(folder, name);
  writeFileSync(path, JSON.stringify(content));
  return path;
}

async function described(topic: string): Promise<string[]> {
  const [, ...partitions] = lines(await tool('TopicCommand', ['--describe', '--topic', topic]));
  return partitions.map(
    (line) =>
      line
        .trim()
        .replace(/^Topic: \S+\t/, '')
        .split('\tElr:')[0]!,
  );
}

describe.skipIf(java === null)("Kafka's tools with several brokers", () => {
  test('TopicCommand creates and describes replicas where it is told to, and says what is under-replicated', async () => {
    const { cluster } = under;
    const created = ['--create', '--topic', 'placed', '--replica-assignment', '1:2:3,2:3:1'];
    expect(await tool('TopicCommand', created)).toBe('Created topic placed.\n');
    expect(await described('placed')).toEqual([
      'Partition: 0\tLeader: 1\tReplicas: 1,2,3\tIsr: 1,2,3',
      'Partition: 1\tLeader: 2\tReplicas: 2,3,1\tIsr: 2,3,1',
    ]);
    await cluster.broker(3).kill();
    await cluster.waitForIsr('placed', undefined, [1, 2]);
    const under3 = await tool('TopicCommand', ['--describe', '--under-replicated-partitions']);
    expect(lines(under3).filter((line) => line.includes('Topic: placed'))).toHaveLength(2);
    await cluster.broker(3).start();
    await cluster.waitForIsr('placed');
    expect(await tool('TopicCommand', ['--describe', '--under-replicated-partitions', '--topic', 'placed'])).toBe('');
  });

  test('LeaderElectionCommand brings the preferred leader back', async () => {
    const { cluster } = under;
    await tool('TopicCommand', ['--create', '--topic', 'elected', '--replica-assignment', '2:3:1']);
    await cluster.broker(2).kill();
    await cluster.waitForLeader('elected', 0, { not: 2 });
    await cluster.broker(2).start();
    await cluster.waitForIsr('elected');
    const partitions = fileOf('elect.json', { partitions: [{ topic: 'elected', partition: 0 }] });
    await tool('org.apache.kafka.tools.LeaderElectionCommand', ['--election-type', 'preferred', '--path-to-json-file', partitions]);
    await eventually(async () => expect((await described('elected'))[0]).toContain('Leader: 2\t'));
  });

  test('ConsoleProducer, GetOffsetShell and ConsoleConsumer agree on records with acks=all through the death of a leader', async () => {
    const { cluster } = under;
    await tool('TopicCommand', ['--create', '--topic', 'console', '--partitions', '2', '--replication-factor', '3']);
    const all = Array.from({ length: 1000 }, (_, n) => `record ${n}`);
    await tool('ConsoleProducer', ['--topic', 'console', '--command-property', 'acks=all'], `${all.slice(0, 500).join('\n')}\n`);
    const leader = await cluster.waitForLeader('console', 0);
    await cluster.broker(leader).kill();
    await tool('ConsoleProducer', ['--topic', 'console', '--command-property', 'acks=all'], `${all.slice(500).join('\n')}\n`);
    const offsets = lines(await tool('GetOffsetShell', ['--topic', 'console']));
    expect(offsets.reduce((sum, line) => sum + Number(line.split(':')[2]), 0)).toBe(1000);
    const consumed = ['--topic', 'console', '--from-beginning', '--max-messages', '1000', '--timeout-ms', '30000'];
    expect(lines(await tool('org.apache.kafka.tools.consumer.ConsoleConsumer', consumed)).sort()).toEqual([...all].sort());
    await cluster.broker(leader).start();
    await cluster.waitForIsr('console');
  });

  test('ReassignPartitionsCommand moves 100 MB under load and nothing is lost', async () => {
    const { cluster } = under;
    await tool('TopicCommand', ['--create', '--topic', 'moved', '--replica-assignment', '1:2:3']);
    const producer = await kafkaJs(cluster.bootstrapServers).producer({ idempotent: true }); // what is retried is there once
    const value = Buffer.alloc(100_000, 'minikafka');
    let sent = 0;
    const send = async (count: number) => {
      const messages = Array.from({ length: count }, () => ({ key: String(sent++), value, partition: 0 }));
      await producer.send({ topic: 'moved', acks: -1, messages });
    };
    for (let batch = 0; batch < 125; batch++) await send(8);
    let moving = true;
    const load = (async () => {
      while (moving) await send(1);
    })();
    const plan = { version: 1, partitions: [{ topic: 'moved', partition: 0, replicas: [4, 3, 2] }] };
    const file = fileOf('move.json', plan);
    const command = ['--reassignment-json-file', file];
    expect(await tool('org.apache.kafka.tools.reassign.ReassignPartitionsCommand', [...command, '--execute'])).toContain(
      'Successfully started partition reassignment for moved-0',
    );
    await eventually(async () => {
      const verified = await tool('org.apache.kafka.tools.reassign.ReassignPartitionsCommand', [...command, '--verify']);
      expect(verified).toContain('Reassignment of partition moved-0 is completed');
    }, 60_000);
    moving = false;
    await load;
    await cluster.waitForIsr('moved', 0, [4, 3, 2]);
    expect((await described('moved'))[0]).toMatch(/Replicas: 4,3,2\tIsr: /);
    const end = lines(await tool('GetOffsetShell', ['--topic', 'moved']))[0];
    expect(end).toBe(`moved:0:${sent}`);
    const printKeys = ['--formatter-property', 'print.key=true', '--formatter-property', 'print.value=false'];
    const consumed = ['--topic', 'moved', '--from-beginning', '--max-messages', String(sent), '--timeout-ms', '30000', ...printKeys];
    expect(lines(await tool('org.apache.kafka.tools.consumer.ConsoleConsumer', consumed))).toEqual(
      Array.from({ length: sent }, (_, n) => String(n)),
    );
  }, 180_000);
});
