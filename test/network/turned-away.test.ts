import { describe, expect, test } from 'vitest';
import { fakeClock } from '../../src/core/fake-clock.ts';
import { ClientWarnings, MAX_WARNINGS } from '../../src/network/client-warnings.ts';
import { type Logged, listLogger } from '../support/memory-broker.ts';
import { framed, requestFrame } from '../support/raw-client.ts';
import { connectionOf, HEARTBEAT } from './connection-fixture.ts';
import { StubWire } from './stub-wire.ts';

const ofInt32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
};
/** A frame of this key and version, whose client id is `raw`. */
const asking = (key: number, version: number, clientId: string | null = 'raw') => {
  const frame = requestFrame('Heartbeat', 4, 1, HEARTBEAT, clientId);
  frame.writeInt16BE(key, 0);
  frame.writeInt16BE(version, 2);
  return framed(frame);
};
const heartbeat = requestFrame('Heartbeat', 4, 1, HEARTBEAT);

function warningsAfter(...received: Buffer[]): string[] {
  const { receive, logged } = connectionOf();
  for (const bytes of received) receive(bytes);
  return logged.filter(({ level }) => level === 'warn').map(({ message }) => message);
}

describe('a client that is turned away is named in a warning that says why', () => {
  // RFC 8446: a record of type handshake (22), of version 3.1 for compatibility; RFC 9112 and 9113: how HTTP begins.
  test.each<[string, Buffer, unknown]>([
    [
      'TLS',
      Buffer.from('16030100f8010000f40303', 'hex'),
      'speaks TLS; this listener is plaintext (set security.protocol=PLAINTEXT in the client)',
    ],
    ...['GET / HTTP/1.1\r\n', 'POST /topics HTTP/1.1\r\n', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'].map(
      (text) => [text.trim(), Buffer.from(text), "speaks HTTP; this is a port for Kafka's protocol"] as [string, Buffer, string],
    ),
    ['SSH', Buffer.from('SSH-2.0-OpenSSH_9.6\r\n'), `does not speak Kafka's protocol: it begins with "SSH-"`],
    ['Redis', Buffer.from('*1\r\n$4\r\nPING\r\n'), `does not speak Kafka's protocol: it begins with "*1\\r\\n"`],
    ['a negative length', ofInt32(-1), "does not speak Kafka's protocol: it sent -1 as the length of a request"],
    ['too large a request', ofInt32(104_857_601), 'sent a request of 104857601 bytes; socket.request.max.bytes is 104857600'],
    ['an unknown API', asking(999, 0), '(client id raw) asks for API key 999, which this broker does not have'],
    ['a client without an id', asking(999, 0, null), 'asks for API key 999, which this broker does not have'],
    [
      'SaslHandshake',
      asking(17, 1),
      '(client id raw) wants to log in with SASL; this listener has no authentication (set security.protocol=PLAINTEXT in the client)',
    ],
    ['an old client', asking(0, 2), '(client id raw) asks for Produce v2; this broker has v3 to v13: the client is too old'],
    ['a new client', asking(3, 14), '(client id raw) asks for Metadata v14; this broker has v0 to v13: the client is too new'],
    [
      'half a request',
      framed(heartbeat.subarray(0, 20)),
      expect.stringMatching(/^\(client id raw\) sent a Heartbeat v4 request that cannot be read: /),
    ],
    ['a header that is cut off', framed(heartbeat.subarray(0, 3)), 'sent a request of 3 bytes, too short to have a header'],
  ])('%s', (_name, bytes, what) => {
    const [warning, ...more] = warningsAfter(bytes);
    expect(warning?.startsWith('10.0.0.9:50000 ')).toBe(true);
    expect(warning!.slice('10.0.0.9:50000 '.length)).toEqual(what);
    expect(more).toEqual([]);
  });

  test('behind a request of Kafka nothing is taken for another protocol', () => {
    expect(warningsAfter(framed(heartbeat), Buffer.from('GET / HTTP/1.1'))).toEqual([
      '10.0.0.9:50000 sent a request of 1195725856 bytes; socket.request.max.bytes is 104857600',
    ]);
  });

  test('an IPv6 address stands in brackets', () => {
    const { receive, logged } = connectionOf({ wire: new StubWire({ host: '::1' }) });
    receive(Buffer.from('GET / HTTP/1.1'));
    expect(logged.at(-1)).toMatchObject({ level: 'warn', fields: { client: '[::1]:50000', listener: 'PLAINTEXT' } });
  });

  test('a client id cannot write into the log what it likes', () => {
    const [warning] = warningsAfter(asking(999, 0, `a\n\x1b[31m${'x'.repeat(500)}`));
    expect(warning).toMatch(/^10\.0\.0\.9:50000 \(client id a\?\?\[31mx{53}\) asks for API key 999/);
  });
});

describe('warnings of clients', () => {
  function setup() {
    const clock = fakeClock();
    const logged: Logged[] = [];
    return { clock, logged, warnings: new ClientWarnings(clock, listLogger(logged)) };
  }

  test('come once a minute for each host and reason, then with the number of those that were left out', async () => {
    const { clock, logged, warnings } = setup();
    for (let i = 0; i < 5; i++) warnings.warn('a', 'TLS', {}, `a speaks TLS ${i}`);
    warnings.warn('b', 'TLS', {}, 'b speaks TLS');
    warnings.warn('a', 'HTTP', {}, 'a speaks HTTP');
    expect(logged.map(({ message }) => message)).toEqual(['a speaks TLS 0', 'b speaks TLS', 'a speaks HTTP']);
    await clock.advance(59_999);
    warnings.warn('a', 'TLS', {}, 'a speaks TLS');
    expect(logged).toHaveLength(3);
    await clock.advance(1);
    warnings.warn('a', 'TLS', {}, 'a speaks TLS again');
    expect(logged.slice(3)).toMatchObject([
      { level: 'warn', fields: { count: 5 }, message: '5 more connections were turned away since, for such reasons' },
      { message: 'a speaks TLS again' },
    ]);
    expect(clock.pending()).toBe(0);
  });

  test('of a flood are twenty a minute, whoever sends it', async () => {
    const { clock, logged, warnings } = setup();
    for (let i = 0; i < 10_000; i++) warnings.warn(`host ${i}`, 'TLS', {}, 'TLS');
    expect(logged).toHaveLength(MAX_WARNINGS);
    await clock.advance(60_000);
    warnings.warn('b', 'TLS', {}, 'TLS');
    expect(logged.slice(MAX_WARNINGS).map(({ fields }) => fields)).toEqual([{ count: 9_980 }, {}]);
  });
});
