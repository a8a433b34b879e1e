import { expect, test } from 'vitest';
import { parseBootstrapServers } from '../../src/cli/bootstrap.ts';

test('addresses are host:port, parted by commas; the port may be left out', () => {
  expect(parseBootstrapServers('localhost:9092')).toEqual([{ host: 'localhost', port: 9092 }]);
  expect(parseBootstrapServers('a:1, b:65535 ,c')).toEqual([
    { host: 'a', port: 1 },
    { host: 'b', port: 65535 },
    { host: 'c', port: 9092 },
  ]);
  expect(parseBootstrapServers('[::1]:9093,[fe80::1%eth0]')).toEqual([
    { host: '::1', port: 9093 },
    { host: 'fe80::1%eth0', port: 9092 },
  ]);
});

test.each(['', ' ', 'a:0', 'a:65536', 'a:b', 'a:1,', '::1', 'PLAINTEXT://a:1', 'a b:1', '[::1'])('"%s" is refused', (text) => {
  expect(() => parseBootstrapServers(text)).toThrow(expect.objectContaining({ exitCode: 2 }));
});
