import { expect, test } from 'vitest';
import { type BrokerConfig, brokerConfig } from '../../src/config.ts';
import { Endpoints } from '../../src/handlers/endpoints.ts';
import type { BrokerImage } from '../../src/metadata/image.ts';
import type { MetadataFeed } from '../../src/metadata/image-feed.ts';

const at = (host: string, port = 9092, listenerName = 'PLAINTEXT') => ({ listenerName, host, port });

/** Broker 1, as it sees the brokers with these ports of the listener PLAINTEXT. */
function endpoints(live: Readonly<Record<number, number>>, values: Readonly<Record<string, string>> = {}): Endpoints {
  const brokers = new Map<number, BrokerImage>(
    Object.entries(live).map(([id, port]) => {
      const listeners = [{ name: 'PLAINTEXT', host: '', port, securityProtocol: 'PLAINTEXT' }];
      return [Number(id), { id: Number(id), epoch: 1, rack: null, directoryId: '', generation: 0, liveness: null, listeners }];
    }),
  );
  const config: BrokerConfig = brokerConfig(new Map(Object.entries(values)));
  return new Endpoints(1, { current: { brokers } } as unknown as MetadataFeed, () => config);
}

test.each([
  ['127.0.0.1', 'localhost'],
  ['127.8.9.1', 'localhost'],
  ['::1', 'localhost'],
  ['192.168.1.7', '192.168.1.7'],
  ['fe80::1', 'fe80::1'],
  ['localhost.example', 'localhost.example'],
])('a client that arrived at %s is told %s', (arrived, told) => {
  expect(endpoints({ 1: 9092 }).brokers(at(arrived))).toMatchObject([{ nodeId: 1, host: told, port: 9092 }]);
});

test('a client that came through a forwarded port is told the port of the listener it reached', () => {
  expect(endpoints({ 1: 9092 }).self(at('10.0.0.1', 19_092))).toMatchObject({ host: '10.0.0.1', port: 19_092 });
});

test('other brokers are told by the same host with their own ports, in the order of their ids', () => {
  expect(endpoints({ 3: 9094, 1: 9092, 2: 9093 }).brokers(at('10.0.0.1'))).toMatchObject([
    { nodeId: 1, port: 9092 },
    { nodeId: 2, host: '10.0.0.1', port: 9093 },
    { nodeId: 3, host: '10.0.0.1', port: 9094 },
  ]);
});

test('a broker without that listener is left out; one that is not alive is undefined', () => {
  const some = endpoints({ 1: 9092, 2: 9093 });
  expect(some.brokers(at('10.0.0.1', 9999, 'INSIDE')).map(({ nodeId }) => nodeId)).toEqual([1]);
  expect([some.broker(2, at('h'))?.port, some.broker(3, at('h'))]).toEqual([9093, undefined]);
});

test('this broker is told even while its registration is lost: the list is never empty', () => {
  const none = endpoints({});
  expect(none.brokers(at('10.0.0.1'))).toMatchObject([{ nodeId: 1, host: '10.0.0.1', port: 9092 }]);
  expect(none.broker(1, at('10.0.0.1'))).toMatchObject({ nodeId: 1 });
});

test('advertised.listeners wins, listener by listener', () => {
  const values = {
    listeners: 'PLAINTEXT://:9092,INSIDE://:9094',
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,INSIDE:PLAINTEXT',
    'advertised.listeners': 'PLAINTEXT://kafka.example:443',
    'broker.rack': 'r1',
  };
  const some = endpoints({ 1: 9092 }, values);
  expect(some.self(at('127.0.0.1'))).toEqual({ nodeId: 1, host: 'kafka.example', port: 443, rack: 'r1' });
  expect(some.self(at('127.0.0.1', 9094, 'INSIDE'))).toEqual({ nodeId: 1, host: 'localhost', port: 9094, rack: 'r1' });
});
