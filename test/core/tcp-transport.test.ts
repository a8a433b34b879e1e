import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { tcpTransport } from '../../src/core/tcp-transport.ts';
import type { Listening, Wire } from '../../src/core/transport.ts';
import { eventually } from '../support/eventually.ts';

const cleanUp: (() => void)[] = [];
afterEach(() => {
  for (const undo of cleanUp.splice(0)) undo();
});

async function listen(host = '127.0.0.1', port = 0): Promise<{ listening: Listening; next: () => Promise<Wire> }> {
  const accepted: Wire[] = [];
  const waiting: ((wire: Wire) => void)[] = [];
  const listening = await tcpTransport.listen({ host, port }, (wire) => {
    cleanUp.push(() => wire.destroy());
    const wanted = waiting.shift();
    if (wanted) wanted(wire);
    else accepted.push(wire);
  });
  cleanUp.push(() => void listening.close());
  const next = () => new Promise<Wire>((resolve) => (accepted.length > 0 ? resolve(accepted.shift()!) : waiting.push(resolve)));
  return { listening, next };
}

interface Watched {
  wire: Wire;
  text: () => string;
  bytes: () => number;
  drained: () => number;
  closed: (Error | null)[];
  gone: Promise<void>;
}

function watched(wire: Wire): Watched {
  const chunks: Uint8Array[] = [];
  const closed: (Error | null)[] = [];
  let drained = 0;
  let received = 0;
  const gone = new Promise<void>((resolve) => {
    wire.start({
      data(chunk) {
        received += chunk.byteLength;
        if (received < 1e6) chunks.push(Buffer.from(chunk)); // the memory is used again
      },
      drained: () => void drained++,
      closed(error) {
        closed.push(error);
        resolve();
      },
    });
  });
  return { wire, text: () => Buffer.concat(chunks).toString(), bytes: () => received, drained: () => drained, closed, gone };
}

async function pair(): Promise<{ server: Watched; client: Watched; listening: Listening }> {
  const { listening, next } = await listen();
  const [near, far] = await Promise.all([tcpTransport.connect(listening.address, 5_000), next()]);
  cleanUp.push(() => near.destroy());
  return { client: watched(near), server: watched(far), listening };
}

test('bytes arrive in order in both directions, and each end knows the addresses', async () => {
  const { client, server, listening } = await pair();
  client.wire.write([Buffer.from('one '), Buffer.from('two ')]);
  client.wire.write([Buffer.from('three')]);
  server.wire.write([Buffer.from('back')]);
  await eventually(() => expect([server.text(), client.text()]).toEqual(['one two three', 'back']));
  expect(server.wire.local).toEqual(client.wire.remote);
  expect(server.wire.remote).toEqual(client.wire.local);
  expect(server.wire.local.port).toBe(listening.address.port);
});

test('a port that is taken is refused with EADDRINUSE', async () => {
  const { listening } = await listen();
  await expect(listen('127.0.0.1', listening.address.port)).rejects.toMatchObject({ code: 'EADDRINUSE' });
});

test('nobody there: ECONNREFUSED', async () => {
  const { listening } = await listen();
  await listening.close();
  await expect(tcpTransport.connect(listening.address, 5_000)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
});

test('a listener stops and frees its port while connections that it accepted stay open', async () => {
  const { client, server, listening } = await pair();
  await listening.close();
  const again = await listen('127.0.0.1', listening.address.port);
  expect(again.listening.address.port).toBe(listening.address.port);
  client.wire.write([Buffer.from('still here')]);
  await eventually(() => expect(server.text()).toBe('still here'));
});

test('close sends what is queued, then both ends hear of the end once, without an error', async () => {
  const { client, server } = await pair();
  const mebibyte = Buffer.alloc(2 ** 20, 7);
  server.wire.write(Array.from({ length: 8 }, () => mebibyte));
  server.wire.close();
  await Promise.all([client.gone, server.gone]);
  expect(client.bytes()).toBe(8 * 2 ** 20);
  await new Promise((resolve) => setImmediate(resolve));
  expect([client.closed, server.closed]).toEqual([[null], [null]]);
});

test('nothing is read before start, nor while paused', async () => {
  const { listening, next } = await listen();
  const socket: Socket = connect(listening.address.port, '127.0.0.1');
  cleanUp.push(() => socket.destroy());
  socket.write('early');
  const server = watched(await next());
  await eventually(() => expect(server.text()).toBe('early'));
  server.wire.pause();
  socket.write(Buffer.alloc(8 * 2 ** 20));
  await new Promise((resolve) => setImmediate(resolve));
  const before = server.bytes();
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  expect(server.bytes()).toBe(before);
  server.wire.resume();
  await eventually(() => expect(server.bytes()).toBe('early'.length + 8 * 2 ** 20));
});

test('what was sent before the accepting side starts is there when it does', async () => {
  const { listening, next } = await listen();
  const dialling = await tcpTransport.connect(listening.address, 1000);
  cleanUp.push(() => dialling.destroy());
  dialling.write([Buffer.from('early ')]);
  const accepted = await next();
  await new Promise((resolve) => setTimeout(resolve, 50)); // so that it is there, and would be read
  const end = watched(accepted);
  dialling.write([Buffer.from('late')]);
  await eventually(() => expect(end.text()).toBe('early late'));
});

test('a peer that does not read: unsent bytes are counted, and drained is told when they have left', async () => {
  const { client, server } = await pair();
  client.wire.pause();
  let sent = 0;
  for (let i = 0; i < 16; i++) server.wire.write([Buffer.alloc(2 ** 20)], () => void sent++);
  await eventually(() => expect(server.wire.unsentBytes()).toBeGreaterThan(2 ** 20));
  expect(sent).toBeLessThan(16);
  client.wire.resume();
  await eventually(() => expect([client.bytes(), sent, server.wire.unsentBytes()]).toEqual([16 * 2 ** 20, 16, 0]));
  expect(server.drained()).toBeGreaterThan(0);
});

test.each(['destroyed here', 'gone over there'])('each write is told of exactly once when the connection breaks: %s', async (how) => {
  const { client, server } = await pair();
  client.wire.pause();
  const told = new Array<number>(20).fill(0);
  for (let i = 0; i < 18; i++) server.wire.write([Buffer.alloc(2 ** 19), Buffer.alloc(2 ** 19)], () => void told[i]!++);
  await eventually(() => expect(server.wire.unsentBytes()).toBeGreaterThan(2 ** 20));
  if (how === 'destroyed here') server.wire.destroy();
  else client.wire.destroy();
  await server.gone;
  server.wire.write([Buffer.from('late')], () => void told[18]!++);
  server.wire.write([], () => void told[19]!++);
  await eventually(() => expect(told).toEqual(new Array<number>(20).fill(1)));
  expect(server.closed).toHaveLength(1);
});

test('a connection that broke before start is told of once, after start', async () => {
  const { listening, next } = await listen();
  const socket = connect(listening.address.port, '127.0.0.1');
  const wire = await next();
  wire.destroy();
  const server = watched(wire);
  await server.gone;
  await new Promise((resolve) => setImmediate(resolve));
  expect(server.closed).toHaveLength(1);
  socket.destroy();
});

test.skipIf(process.platform === 'win32')(
  'a socket with a path carries bytes both ways, and is refused when nobody listens there any more',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'minikafka-socket-'));
    cleanUp.push(() => rmSync(folder, { recursive: true }));
    const address = { host: 'localhost', port: 0, path: join(folder, 'a.sock') };
    await expect(tcpTransport.connect(address, 5_000)).rejects.toMatchObject({ code: 'ENOENT' });
    let far!: Watched;
    const listening = await tcpTransport.listen(address, (wire) => {
      far = watched(wire);
      wire.write([Buffer.from('welcome')]);
    });
    expect(listening.address).toEqual(address);
    await expect(tcpTransport.listen(address, () => {})).rejects.toMatchObject({ code: 'EADDRINUSE' });
    const near = watched(await tcpTransport.connect(address, 5_000));
    near.wire.write([Buffer.from('hello')]);
    await eventually(() => expect([near.text(), far.text()]).toEqual(['welcome', 'hello']));
    near.wire.close();
    await far.gone;
    await listening.close();
    await expect(tcpTransport.connect(address, 5_000)).rejects.toMatchObject({ code: 'ENOENT' });
  },
);
