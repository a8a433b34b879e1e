import { describe, expect, test } from 'vitest';
import { brokerUnderTest, unique } from '../support/broker-under-test.ts';
import { javaWithKafka } from './java.ts';
import { kafkaJs } from './kafkajs-client.ts';

const broker = brokerUnderTest();
const java = javaWithKafka();
const CONFIG_COMMAND = 'kafka.admin.ConfigCommand';

/** Runs kafka-configs and gives its lines. */
async function configs(...args: string[]): Promise<string[]> {
  return (await java!.tool(CONFIG_COMMAND, ['--bootstrap-server', broker.bootstrap, ...args])).trimEnd().split('\n');
}

describe.skipIf(java === null)('quotas', () => {
  test('kafka-configs sets, describes and removes those of users, client ids and addresses', async () => {
    const [user, app] = [unique('user'), unique('app')];
    const both = ['--entity-type', 'users', '--entity-name', user, '--entity-type', 'clients', '--entity-name', app];
    expect(await configs('--alter', ...both, '--add-config', 'producer_byte_rate=1048576,request_percentage=12.5')).toEqual([
      `Completed updating config for user ${user}.`,
    ]);
    const described = await configs('--describe', ...both);
    expect(described).toHaveLength(1);
    expect(described[0]).toMatch(new RegExp(`^Quota configs for user-principal '${user}', client-id '${app}' are `));
    expect(described[0]!.split(' are ')[1]!.split(', ').sort()).toEqual(['producer_byte_rate=1048576.0', 'request_percentage=12.5']);

    const address = ['--entity-type', 'ips', '--entity-name', '192.0.2.1'];
    await configs('--alter', ...address, '--add-config', 'connection_creation_rate=7');
    expect(await configs('--describe', '--entity-type', 'ips')).toEqual([
      "Quota configs for ip '192.0.2.1' are connection_creation_rate=7.0",
    ]);
    await configs('--alter', ...address, '--delete-config', 'connection_creation_rate');
    expect(await configs('--describe', '--entity-type', 'ips')).toEqual(['']);

    await expect(configs('--alter', ...both, '--add-config', 'producer_byte_rate=-1')).rejects.toThrow('InvalidRequestException');
    await configs('--alter', ...both, '--delete-config', 'producer_byte_rate,request_percentage');
    expect(await configs('--describe', ...both)).toEqual(['']);
  }, 120_000);

  test('a producer of kafkajs beyond producer_byte_rate is slowed down, and another is not', async () => {
    const slow = unique('slow');
    const topic = unique('quotas');
    await (await kafkaJs(broker.bootstrap).admin()).createTopics({ topics: [{ topic, numPartitions: 1 }], waitForLeaders: true });
    await configs('--alter', '--entity-type', 'clients', '--entity-name', slow, '--add-config', 'producer_byte_rate=10000');
    const other = await kafkaJs(broker.bootstrap).producer();
    const throttled = await kafkaJs(broker.bootstrap, { clientId: slow }).producer();
    const messages = [{ value: 'x'.repeat(60_000) }];
    const startedMs = performance.now();
    // 120,000 bytes are 2,000 a second too much over ten seconds: two seconds of waiting, which the third batch has to sit out.
    for (let i = 0; i < 3; i++) await throttled.send({ topic, messages });
    expect(performance.now() - startedMs).toBeGreaterThan(1500);
    for (let i = 0; i < 3; i++) await other.send({ topic, messages });
    const offsets = await (await kafkaJs(broker.bootstrap).admin()).fetchTopicOffsets(topic);
    expect(offsets.map(({ high }) => high)).toEqual(['6']);
  }, 120_000);
});
