import { describe, expect, test } from 'vitest';
import { fakeClock } from '../../src/core/fake-clock.ts';
import type { Address, Transport, Wire } from '../../src/core/transport.ts';
import { Connections, type ListenerOptions } from '../../src/network/listener.ts';
import { ClientQuotas } from '../../src/security/client-quotas.ts';
import { type Logged, listLogger } from '../support/memory-broker.ts';
import { limitsOf } from '../support/quota-limits.ts';
import { QUOTA_WINDOW } from './connection-fixture.ts';
import { StubWire } from './stub-wire.ts';

/** A transport whose connections the test makes. */
function stubTransport(taken: (address: Address) => string | undefined = () => undefined) {
  const accepts: ((wire: Wire) => void)[] = [];
  const open: Address[] = [];
  let nextPort = 40_000;
  const transport: Transport = {
    async listen(address, accept) {
      const problem = taken(address);
      if (problem) throw Object.assign(new Error(problem), { code: problem });
      const bound = { host: address.host, port: address.port || nextPort++ };
      open.push(bound);
      accepts.push(accept);
      return { address: bound, close: async () => void open.splice(open.indexOf(bound), 1) };
    },
    connect: () => Promise.reject(new Error('not here')),
  };
  return { transport, open, accept: (wire: Wire) => accepts[0]!(wire) };
}

function setup(limits: { all?: number; perIp?: number } = {}, taken?: (address: Address) => string | undefined) {
  const clock = fakeClock();
  const logged: Logged[] = [];
  const stub = stubTransport(taken);
  const current = { all: 1000, perIp: 1000, ...limits };
  const options: ListenerOptions = {
    registry: new Map(),
    clock,
    transport: stub.transport,
    logger: listLogger(logged),
    quotas: new ClientQuotas({ clock, window: QUOTA_WINDOW, controllerWindow: QUOTA_WINDOW }),
    listenerName: 'PLAINTEXT',
    maxRequestBytes: 1000,
    maxIdleMs: -1,
    maxConnections: () => current.all,
    maxConnectionsPerIp: () => current.perIp,
  };
  return { ...stub, clock, logged, current, connections: new Connections(), options };
}

test('clients that come before the broker can answer wait, and are served then', async () => {
  const { connections, options, accept } = setup();
  await connections.listen({ host: 'a', port: 1 }, options);
  const wire = new StubWire();
  accept(wire);
  expect([wire.events, connections.count()]).toEqual([undefined, 0]);
  connections.begin();
  expect(connections.count()).toBe(1);
  expect(wire.events).toBeDefined();
});

test('at most 1024 clients wait while the broker starts', async () => {
  const { connections, options, accept } = setup({ all: 10_000, perIp: 10_000 });
  await connections.listen({ host: 'a', port: 1 }, options);
  const wires = Array.from({ length: 1025 }, () => new EarlyWire());
  for (const wire of wires) accept(wire);
  expect(wires.map(({ dropped }) => dropped)).toEqual([...new Array<boolean>(1024).fill(false), true]);
});

/** A wire that nobody has started. */
class EarlyWire extends StubWire {
  dropped = false;
  override destroy(): void {
    this.dropped = true;
  }
}

test('clients that wait for a broker that does not come up are let go', async () => {
  const { connections, options, accept, clock } = setup();
  await connections.listen({ host: 'a', port: 1 }, options);
  const [early, late] = [new EarlyWire(), new EarlyWire()];
  accept(early);
  await connections.close(clock, 1000);
  accept(late);
  expect([early.dropped, late.dropped]).toEqual([true, true]);
});

test('max.connections holds over all listeners, as it is at the moment, and a place that is free again can be taken', async () => {
  const { connections, options, accept, current, logged } = setup({ all: 2 });
  await connections.listen({ host: 'a', port: 1 }, options);
  connections.begin();
  const wires = Array.from({ length: 3 }, (_, i) => new EndingWire(`10.0.0.${i}`));
  for (const wire of wires) accept(wire);
  expect([connections.count(), wires.map(({ dropped }) => dropped)]).toEqual([2, [false, false, true]]);
  expect(logged).toMatchObject([{ level: 'warn', fields: { client: '10.0.0.2', limit: 'max.connections' } }]);
  wires[0]!.events.closed(null);
  const next = new EndingWire();
  accept(next);
  expect([connections.count(), next.dropped]).toEqual([2, false]);
  current.all = 3;
  accept(new EndingWire());
  expect(connections.count()).toBe(3);
});

test('max.connections.per.ip counts each client address for itself', async () => {
  const { connections, options, accept } = setup({ perIp: 2 });
  await connections.listen({ host: 'a', port: 1 }, options);
  connections.begin();
  const hosts = ['10.0.0.1', '10.0.0.1', '10.0.0.2', '10.0.0.1', '10.0.0.2'];
  const wires = hosts.map((host) => new EndingWire(host));
  for (const wire of wires) accept(wire);
  expect(wires.map(({ dropped }) => dropped)).toEqual([false, false, false, true, false]);
  wires[0]!.events.closed(null);
  const next = new EndingWire('10.0.0.1');
  accept(next);
  expect(next.dropped).toBe(false);
});

class EndingWire extends EarlyWire {
  constructor(host = '10.0.0.9') {
    super({ host });
  }
}

test('close ends all connections, cuts off those that do not go, and resolves when none is left', async () => {
  const { connections, options, accept, clock } = setup();
  await connections.listen({ host: 'a', port: 1 }, options);
  connections.begin();
  const polite = new StubWire();
  const stubborn = new StubWire();
  for (const wire of [polite, stubborn]) accept(wire);
  let done = false;
  const closing = connections.close(clock, 2_000).then(() => {
    done = true;
  });
  expect([polite.closed, stubborn.closed]).toEqual([true, true]);
  polite.events.closed(null);
  await clock.advance(1_999);
  expect([done, stubborn.destroyed]).toEqual([false, false]);
  await clock.advance(1);
  await closing;
  expect([connections.count(), stubborn.destroyed, clock.pending()]).toEqual([0, true, 0]);
});

test('localhost is listened to in both IP families, at the same free port', async () => {
  const { connections, options, open } = setup();
  const listening = await connections.listen({ host: 'localhost', port: 0 }, options);
  expect(open).toEqual([
    { host: '127.0.0.1', port: 40_000 },
    { host: '::1', port: 40_000 },
  ]);
  expect(listening.address).toEqual({ host: 'localhost', port: 40_000 });
  await listening.close();
  expect(open).toEqual([]);
});

test('a free port that the other family has in use already is given up for another', async () => {
  const { connections, options, open } = setup({}, ({ host, port }) => (host === '::1' && port === 40_000 ? 'EADDRINUSE' : undefined));
  const listening = await connections.listen({ host: 'localhost', port: 0 }, options);
  expect([listening.address.port, open.length]).toEqual([40_001, 2]);
});

test('a port that was asked for and is in use in one family is an error, and the other family lets go of it', async () => {
  const { connections, options, open } = setup({}, ({ host }) => (host === '::1' ? 'EADDRINUSE' : undefined));
  await expect(connections.listen({ host: 'localhost', port: 9092 }, options)).rejects.toMatchObject({ code: 'EADDRINUSE' });
  expect(open).toEqual([]);
});

test.each([
  ['localhost', '127.0.0.1'],
  ['', '0.0.0.0'],
])('on a machine without IPv6, "%s" is %s', async (host, only) => {
  const { connections, options, open } = setup({}, (address) => (address.host.includes(':') ? 'EAFNOSUPPORT' : undefined));
  await connections.listen({ host, port: 9092 }, options);
  expect(open).toEqual([{ host: only, port: 9092 }]);
});

describe('connection_creation_rate', () => {
  const connect = async (perSecond: number) => {
    const fixture = setup({ all: 100_000, perIp: 100_000 });
    await fixture.connections.listen({ host: 'a', port: 1 }, fixture.options);
    fixture.connections.begin();
    fixture.options.quotas.set(limitsOf({ ip: perSecond }));
    const arrive = (count: number) => {
      const wires = Array.from({ length: count }, () => new EndingWire());
      for (const wire of wires) fixture.accept(wire);
      return wires;
    };
    return { ...fixture, arrive };
  };

  test('connections beyond it are not served, and closed when their client has waited a second', async () => {
    const { arrive, connections, clock } = await connect(1);
    const wires = arrive(12);
    expect(connections.count()).toBe(10);
    expect(wires.map(({ events }) => events !== undefined)).toEqual([...Array(10).fill(true), false, false]);
    await clock.advance(999);
    expect(wires.some(({ dropped }) => dropped)).toBe(false);
    await clock.advance(1);
    expect(wires.map(({ dropped }) => dropped)).toEqual([...Array(10).fill(false), true, true]);
  });

  test('at most 1024 are kept open for that, more are closed at once', async () => {
    const { arrive } = await connect(1);
    const wires = arrive(10 + 1024 + 1);
    expect(wires.filter(({ dropped }) => dropped)).toEqual([wires.at(-1)]);
  });

  test('a broker that stops closes them, and leaves no timer', async () => {
    const { arrive, connections, clock } = await connect(1);
    const wires = arrive(11);
    for (const wire of wires.slice(0, 10)) wire.events.closed(null);
    await connections.close(clock, 1000);
    expect(wires[10]!.dropped).toBe(true);
    expect(clock.pending()).toBe(0);
  });
});
