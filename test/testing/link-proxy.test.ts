import { afterEach, expect, test } from 'vitest';
import { realClock } from '../../src/core/clock.ts';
import { tcpTransport } from '../../src/core/tcp-transport.ts';
import type { Address, Listening, Wire } from '../../src/core/transport.ts';
import { LinkProxy } from '../../src/testing/link-proxy.ts';
import { eventually } from '../support/eventually.ts';

const ends: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** Sends back what it gets. */
async function echo(): Promise<{ address: Address; connections: () => number }> {
  let connections = 0;
  const listening: Listening = await tcpTransport.listen({ host: '127.0.0.1', port: 0 }, (wire) => {
    connections++;
    ends.push(() => wire.destroy());
    wire.start({ data: (chunk) => wire.write([Buffer.from(chunk)]), drained: () => {}, closed: () => {} });
  });
  ends.push(() => listening.close());
  return { address: listening.address, connections: () => connections };
}

async function proxyTo(target: () => Address | null): Promise<LinkProxy> {
  const proxy = await LinkProxy.open(tcpTransport, realClock, target);
  ends.push(() => proxy.close());
  return proxy;
}

interface Dialled {
  readonly wire: Wire;
  received: string;
  closed: boolean;
}

async function dial(address: Address): Promise<Dialled> {
  const wire = await tcpTransport.connect(address, 2_000);
  ends.push(() => wire.destroy());
  const dialled: Dialled = { wire, received: '', closed: false };
  wire.start({
    data: (chunk) => {
      dialled.received += Buffer.from(chunk).toString('latin1');
    },
    drained: () => {},
    closed: () => {
      dialled.closed = true;
    },
  });
  return dialled;
}

const say = ({ wire }: Dialled, text: string) => wire.write([Buffer.from(text)]);
const quiet = () => new Promise((resolve) => setTimeout(resolve, 100));

test('a link carries bytes both ways, more than its buffers hold', async () => {
  const { address } = await echo();
  const client = await dial((await proxyTo(() => address)).address);
  const text = 'x'.repeat(5_000_000);
  say(client, text);
  await eventually(() => expect(client.received.length).toBe(text.length));
});

test('a silent cut lets nothing through and tells nobody; what was sent arrives after the heal', async () => {
  const { address } = await echo();
  const proxy = await proxyTo(() => address);
  const client = await dial(proxy.address);
  say(client, 'before ');
  await eventually(() => expect(client.received).toBe('before '));
  proxy.cut('silent');
  say(client, 'during');
  await quiet();
  expect(client).toMatchObject({ received: 'before ', closed: false });
  proxy.heal();
  await eventually(() => expect(client.received).toBe('before during'));
});

test('who dials while the link is cut silently reaches the other side after the heal', async () => {
  const { address, connections } = await echo();
  const proxy = await proxyTo(() => address);
  proxy.cut('silent');
  const client = await dial(proxy.address);
  say(client, 'hello');
  await quiet();
  expect(connections()).toBe(0);
  proxy.heal();
  await eventually(() => expect(client.received).toBe('hello'));
});

test('a reset breaks what is connected, and whoever dials meanwhile', async () => {
  const { address, connections } = await echo();
  const proxy = await proxyTo(() => address);
  const client = await dial(proxy.address);
  say(client, 'a');
  await eventually(() => expect(client.received).toBe('a'));
  proxy.cut('reset');
  await eventually(() => expect(client.closed).toBe(true));
  const second = await dial(proxy.address);
  await eventually(() => expect(second.closed).toBe(true));
  expect(connections()).toBe(1);
  proxy.heal();
  const third = await dial(proxy.address);
  say(third, 'b');
  await eventually(() => expect(third.received).toBe('b'));
});

test('where nobody is, the connection ends', async () => {
  const proxy = await proxyTo(() => null);
  const client = await dial(proxy.address);
  await eventually(() => expect(client.closed).toBe(true));
});
