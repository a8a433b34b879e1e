import { describe, expect, test } from 'vitest';
import { batchBytes } from '../../src/conformance/batch-bytes.ts';
import { KafkaError } from '../../src/core/errors.ts';
import { HANG_UP, NO_REPLY } from '../../src/handlers/handler.ts';
import { fetchBody, produceBody } from '../support/memory-broker.ts';
import { framed, readResponse, requestFrame } from '../support/raw-client.ts';
import { connectionOf, HEARTBEAT, HEARTBEAT_OK } from './connection-fixture.ts';
import { StubWire } from './stub-wire.ts';

const produce = (acks: number) => produceBody('orders', batchBytes({ values: ['a'] }), { acks });
const PRODUCED = { responses: [] };

describe('order', () => {
  test('replies leave in the order of the requests, in whatever order the handlers finish', async () => {
    const { send, asked, wire, clock } = connectionOf();
    const ids = [send('Heartbeat', 4, HEARTBEAT), send('Heartbeat', 4, HEARTBEAT), send('Heartbeat', 4, HEARTBEAT)];
    expect(asked).toHaveLength(3); // all have started
    asked[2]!.answer(HEARTBEAT_OK);
    asked[1]!.answer(HEARTBEAT_OK);
    await clock.settle();
    expect(wire.correlationIds()).toEqual([]);
    asked[0]!.answer(HEARTBEAT_OK);
    await clock.settle();
    expect(wire.correlationIds()).toEqual(ids);
  });

  test('requests start in the order in which they came, each before the next is looked at', () => {
    const started: string[] = [];
    const { receive } = connectionOf({
      sync: (api) => {
        started.push(api);
        return api === 'Produce' ? PRODUCED : HEARTBEAT_OK;
      },
    });
    const frames = [
      requestFrame('Heartbeat', 0, 1, HEARTBEAT),
      requestFrame('Produce', 9, 2, produce(1)),
      requestFrame('Heartbeat', 4, 3, HEARTBEAT),
    ];
    receive(Buffer.concat(frames.map(framed)));
    expect(started).toEqual(['Heartbeat', 'Produce', 'Heartbeat']);
  });

  test('what is ready in one turn leaves in one write', async () => {
    const { receive, wire, clock } = connectionOf({ sync: () => HEARTBEAT_OK });
    receive(Buffer.concat([1, 2, 3, 4, 5].map((id) => framed(requestFrame('Heartbeat', 4, id, HEARTBEAT)))));
    await clock.settle();
    expect(wire.writes).toHaveLength(1);
    expect(wire.correlationIds()).toEqual([1, 2, 3, 4, 5]);
  });

  test('a request without a reply leaves no hole in the order', async () => {
    const { send, asked, wire, clock } = connectionOf();
    const first = send('Heartbeat', 4, HEARTBEAT);
    send('Produce', 9, produce(0));
    const last = send('Heartbeat', 4, HEARTBEAT);
    asked[1]!.answer(NO_REPLY);
    asked[0]!.answer(HEARTBEAT_OK);
    await clock.settle();
    asked[2]!.answer(HEARTBEAT_OK);
    await clock.settle();
    expect(wire.correlationIds()).toEqual([first, last]);
    expect(wire.closed).toBe(false);
  });

  test('what is no Produce waits for the Produces before it, and the Produces behind it start in their turn', async () => {
    const { send, asked, wire, clock } = connectionOf();
    const started = () => asked.map(({ api }) => api);
    const ids = ['Produce', 'Produce', 'Heartbeat', 'Produce'].map((api) =>
      api === 'Produce' ? send(api, 9, produce(1)) : send(api, 4, HEARTBEAT),
    );
    asked[1]!.answer(PRODUCED);
    await clock.settle();
    expect(started()).toEqual(['Produce', 'Produce']);
    asked[0]!.answer(PRODUCED);
    await clock.settle();
    expect(started()).toEqual(['Produce', 'Produce', 'Heartbeat', 'Produce']);
    asked[3]!.answer(PRODUCED);
    asked[2]!.answer(HEARTBEAT_OK);
    await clock.settle();
    expect(wire.correlationIds()).toEqual(ids);
  });

  test('a failed acks=0 hangs up after the earlier replies, and no later reply leaves', async () => {
    const { send, asked, wire, clock } = connectionOf();
    const first = send('Heartbeat', 4, HEARTBEAT);
    send('Produce', 9, produce(0));
    send('Produce', 9, produce(1));
    asked[2]!.answer(PRODUCED);
    asked[1]!.answer(HANG_UP);
    await clock.settle();
    send('Produce', 9, produce(1));
    expect([wire.correlationIds(), wire.closed, asked.length]).toEqual([[], false, 3]);
    asked[0]!.answer(HEARTBEAT_OK);
    await clock.settle();
    expect([wire.correlationIds(), wire.closed]).toEqual([[first], true]);
  });
});

describe('what cannot be understood', () => {
  const wellFormed = requestFrame('Heartbeat', 4, 7, HEARTBEAT);
  const unknownKey = Buffer.from(wellFormed);
  unknownKey.writeInt16BE(999, 0);
  const unknownVersion = Buffer.from(wellFormed);
  unknownVersion.writeInt16BE(99, 2);
  const length = (bytes: number) => {
    const frame = Buffer.alloc(4);
    frame.writeInt32BE(bytes);
    return frame;
  };
  const cases: [string, Buffer][] = [
    ['an unknown key', framed(unknownKey)],
    ['an unknown version', framed(unknownVersion)],
    ['a body that ends too early', framed(wellFormed.subarray(0, wellFormed.byteLength - 3))],
    ['a header that ends too early', framed(wellFormed.subarray(0, 5))],
    ['an empty frame', framed(Buffer.alloc(0))],
    ['an ApiVersions request of an unknown version without a correlation id', framed(Buffer.from([0, 18, 0, 99]))],
    [
      'an ApiVersions request of an unknown version whose header ends too early',
      framed(Buffer.from([0, 18, 0, 99, 0, 0, 0, 42, 0, 5, 97])),
    ],
    ['a negative length', length(-1)],
    ['a length above socket.request.max.bytes', length(100 * 2 ** 20 + 1)],
    ['TLS', Buffer.from('16030100f8010000f40303', 'hex')],
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')],
  ];

  test.each(cases)('%s ends the connection without a reply, after the earlier replies', async (_name, bytes) => {
    const { receive, send, asked, wire, clock } = connectionOf();
    const first = send('Heartbeat', 4, HEARTBEAT);
    receive(bytes);
    receive(framed(wellFormed));
    await clock.settle();
    expect([wire.correlationIds(), wire.closed, asked.length]).toEqual([[], false, 1]);
    asked[0]!.answer(HEARTBEAT_OK);
    await clock.settle();
    expect([wire.correlationIds(), wire.closed, asked.length]).toEqual([[first], true, 1]);
  });

  test('it ends the connection in its turn, behind requests that were held back', async () => {
    const { receive, asked, wire, clock } = connectionOf();
    const frames = Array.from({ length: 70 }, (_, i) => framed(requestFrame('Heartbeat', 4, i, HEARTBEAT)));
    receive(Buffer.concat([...frames, length(-1)]));
    for (let i = 0; i < 70; i++) {
      expect(asked.length).toBeGreaterThan(i);
      asked[i]!.answer(HEARTBEAT_OK);
      if (asked.length === i + 1) await clock.settle();
    }
    await clock.settle();
    expect([wire.correlationIds(), wire.closed]).toEqual([frames.map((_, i) => i), true]);
  });

  test.each([-1, 5, 32_767])(
    'ApiVersions v%i is answered in the form of v0 with the versions of ApiVersions alone (KIP-511)',
    async (version) => {
      const { receive, wire, clock } = connectionOf();
      const header = Buffer.from([0, 18, 0, 0, 0, 0, 0, 42, 0xff, 0xff, 0]); // no client id, no tags
      const frame = Buffer.concat([header, Buffer.from('whatever a later version may hold')]);
      frame.writeInt16BE(version, 2);
      receive(framed(frame));
      await clock.settle();
      const { correlationId, body } = readResponse('ApiVersions', 0, wire.frames()[0]!);
      expect(correlationId).toBe(42);
      expect(body).toMatchObject({ errorCode: 35, apiKeys: [{ apiKey: 18, minVersion: 0, maxVersion: 4 }] });
      expect(wire.closed).toBe(false);
    },
  );
});

describe('failures of ours', () => {
  const strange = new TypeError('x is not a function');
  test.each([0, 3, 4])(
    'an exception in a handler becomes UNKNOWN_SERVER_ERROR in the requested version, and is logged: v%i',
    async (version) => {
      const { send, asked, wire, clock, logged } = connectionOf();
      send('Heartbeat', version, HEARTBEAT);
      asked[0]!.fail(strange);
      await clock.settle();
      expect(readResponse('Heartbeat', version, wire.frames()[0]!).body).toMatchObject({ errorCode: -1 });
      expect(logged.filter(({ level }) => level === 'error')).toMatchObject([{ fields: { err: strange, api: 'Heartbeat', version } }]);
    },
  );

  test('so does one that is thrown before the handler waits', async () => {
    const { send, wire, clock, logged } = connectionOf({
      sync: () => {
        throw strange;
      },
    });
    send('Heartbeat', 4, HEARTBEAT);
    await clock.settle();
    expect(readResponse('Heartbeat', 4, wire.frames()[0]!).body).toMatchObject({ errorCode: -1 });
    expect(logged.map(({ level }) => level)).toEqual(['error']);
  });

  test('an error of the protocol is answered and not logged', async () => {
    const { send, asked, wire, clock, logged } = connectionOf();
    send('Heartbeat', 4, HEARTBEAT);
    asked[0]!.fail(new KafkaError('REBALANCE_IN_PROGRESS'));
    await clock.settle();
    expect(readResponse('Heartbeat', 4, wire.frames()[0]!).body).toMatchObject({ errorCode: 27 });
    expect(logged).toEqual([]);
  });

  const unencodable = { brokers: null };
  const metadata = { topics: [], allowAutoTopicCreation: true };

  test.each(['at once', 'later'])('an answer that cannot be encoded becomes UNKNOWN_SERVER_ERROR: %s', async (when) => {
    const { send, asked, wire, clock, logged } = connectionOf(when === 'at once' ? { sync: () => unencodable } : {});
    const id = send('Metadata', 13, metadata);
    asked[0]?.answer(unencodable);
    await clock.settle();
    expect(readResponse('Metadata', 13, wire.frames()[0]!)).toMatchObject({ correlationId: id, body: { errorCode: -1 } });
    expect(logged.map(({ level }) => level)).toEqual(['error']);
    expect(wire.closed).toBe(false);
  });

  test.each(['at once', 'later'])(
    'when not even the refusal can be encoded, the connection closes behind the earlier replies: %s',
    async (when) => {
      const answerNow = (api: string) => (api === 'Metadata' ? unencodable : HEARTBEAT_OK);
      const { send, asked, wire, clock, logged } = connectionOf({
        refuse: () => unencodable,
        ...(when === 'at once' && { sync: answerNow }),
      });
      const first = send('Heartbeat', 4, HEARTBEAT);
      send('Metadata', 13, metadata);
      asked[1]?.answer(unencodable);
      asked[0]?.answer(HEARTBEAT_OK);
      await clock.settle();
      expect([wire.correlationIds(), wire.closed]).toEqual([[first], true]);
      expect(logged.map(({ level }) => level)).toEqual(['error', 'error']);
    },
  );
});

describe('bounds', () => {
  test('more than 64 requests under way pause the socket; the rest starts in order as replies leave', async () => {
    const { receive, asked, wire, clock } = connectionOf();
    receive(Buffer.concat(Array.from({ length: 100 }, (_, i) => framed(requestFrame('Heartbeat', 4, i, HEARTBEAT)))));
    expect([asked.length, wire.paused]).toEqual([64, true]);
    asked[0]!.answer(HEARTBEAT_OK);
    await clock.settle();
    expect([asked.length, wire.paused]).toEqual([65, true]);
    for (let i = 1; i < 100; i++) {
      asked[i]!.answer(HEARTBEAT_OK);
      if (asked.length < 100) await clock.settle();
    }
    await clock.settle();
    expect(wire.correlationIds()).toEqual(Array.from({ length: 100 }, (_, i) => i));
    expect(wire.paused).toBe(false);
  });

  test('replies that wait behind a parked request count as under way: they do not pile up', async () => {
    const { receive, asked, wire, clock } = connectionOf();
    receive(Buffer.concat(Array.from({ length: 1000 }, (_, i) => framed(requestFrame('Heartbeat', 4, i, HEARTBEAT)))));
    for (let turn = 0; turn < 10; turn++) {
      for (const { answer } of asked.slice(1)) answer(HEARTBEAT_OK);
      await clock.settle();
    }
    expect([asked.length, wire.paused, wire.writes.length]).toEqual([64, true, 0]);
  });

  test('32 MiB of requests under way pause the socket, and a single larger request passes', async () => {
    const { send, asked, wire, clock } = connectionOf();
    const records = Buffer.alloc(12 * 2 ** 20);
    for (let i = 0; i < 4; i++) send('Produce', 9, produceBody('orders', records));
    expect([asked.length, wire.paused]).toEqual([3, true]);
    asked[0]!.answer(PRODUCED);
    await clock.settle();
    expect([asked.length, wire.paused]).toEqual([4, true]);
    for (const { answer } of asked) answer(PRODUCED);
    await clock.settle();
    expect(wire.paused).toBe(false);
    send('Produce', 9, produceBody('orders', Buffer.alloc(40 * 2 ** 20)));
    expect([asked.length, wire.paused]).toEqual([5, true]);
  });

  test('a client that does not take its replies gets no more of its requests started until it does', async () => {
    const wire = new StubWire({ takesAtOnce: false });
    const { send, asked, clock } = connectionOf({ wire });
    const large = (bytes: number) => ({
      topics: [],
      brokers: [{ nodeId: 1, host: 'h'.repeat(bytes), port: 1 }],
      clusterId: null,
      controllerId: 1,
    });
    for (let i = 0; i < 2000; i++) {
      send('Metadata', 9, { topics: null });
      asked[i]?.answer(large(100_000));
      if (i % 10 === 9) await clock.settle();
    }
    await clock.settle();
    expect(wire.paused).toBe(true);
    expect(wire.unsentBytes()).toBeLessThan(8 * 2 ** 20 + 64 * 100_100);
    const before = asked.length;
    expect(before).toBeLessThan(200);
    wire.take();
    expect(asked.length).toBeGreaterThan(before);
  });

  test('one Fetch is under way at a time, since each may read fetch.max.bytes; later requests keep their order', async () => {
    const { send, asked, clock, wire } = connectionOf();
    const fetched = { responses: [] };
    send('Fetch', 12, fetchBody([]));
    send('Heartbeat', 4, HEARTBEAT);
    send('Fetch', 12, fetchBody([]));
    send('Heartbeat', 4, HEARTBEAT);
    expect([asked.map(({ api }) => api), wire.paused]).toEqual([['Fetch', 'Heartbeat'], true]);
    asked[0]!.answer(fetched);
    await clock.settle();
    expect([asked.map(({ api }) => api), wire.paused]).toEqual([['Fetch', 'Heartbeat', 'Fetch', 'Heartbeat'], false]);
  });

  test('a Fetch hears of the next one that stands behind it, once, whether it asked before that came or after', async () => {
    const { send, asked, clock } = connectionOf();
    const heard: string[] = [];
    send('Fetch', 12, fetchBody([]));
    asked[0]!.context.onNextFetch(() => heard.push('first'));
    send('Heartbeat', 4, HEARTBEAT);
    expect(heard).toEqual([]);
    send('Fetch', 12, fetchBody([]));
    send('Fetch', 12, fetchBody([]));
    expect(heard).toEqual(['first']);
    asked[0]!.answer({ responses: [] });
    await clock.settle();
    asked[2]!.context.onNextFetch(() => heard.push('second'));
    expect(heard).toEqual(['first', 'second']);
  });

  test('a Fetch that is answered hears of no other one', async () => {
    const { send, asked, clock } = connectionOf();
    let heard = 0;
    send('Fetch', 12, fetchBody([]));
    asked[0]!.context.onNextFetch(() => void heard++);
    asked[0]!.answer({ responses: [] });
    await clock.settle();
    send('Fetch', 12, fetchBody([]));
    send('Fetch', 12, fetchBody([]));
    expect(heard).toBe(0);
  });

  test('64 requests that wait for their connection raise no warning of Node', async () => {
    const warnings: string[] = [];
    const listen = (warning: Error) => warnings.push(warning.name);
    process.on('warning', listen);
    const { receive, asked } = connectionOf();
    receive(Buffer.concat(Array.from({ length: 64 }, (_, i) => framed(requestFrame('Heartbeat', 4, i, HEARTBEAT)))));
    for (const { context } of asked) context.signal.addEventListener('abort', () => {});
    await new Promise((resolve) => setImmediate(resolve));
    process.off('warning', listen);
    expect(warnings).toEqual([]);
  });
});

describe('the end', () => {
  test('a connection without requests is closed after connections.max.idle.ms', async () => {
    const { wire, clock, send, asked } = connectionOf({ maxIdleMs: 10_000 });
    await clock.advance(6_000);
    send('Heartbeat', 4, HEARTBEAT);
    asked[0]!.answer(HEARTBEAT_OK);
    await clock.advance(9_000);
    expect(wire.closed).toBe(false);
    await clock.advance(2_000);
    expect(wire.closed).toBe(true);
  });

  test('one with a request that waits is not idle', async () => {
    const { wire, clock, send, asked } = connectionOf({ maxIdleMs: 10_000 });
    send('Heartbeat', 4, HEARTBEAT);
    await clock.advance(60_000);
    expect(wire.closed).toBe(false);
    asked[0]!.answer(HEARTBEAT_OK);
    await clock.advance(9_000);
    expect(wire.closed).toBe(false);
    await clock.advance(2_000);
    expect(wire.closed).toBe(true);
  });

  test('connections.max.idle.ms=-1 closes nothing', async () => {
    const { wire, clock } = connectionOf({ maxIdleMs: -1 });
    await clock.advance(10 * 86_400_000);
    expect([wire.closed, clock.pending()]).toEqual([false, 0]);
  });

  test('a client that does not take its last replies is cut off in the end', async () => {
    const wire = new StubWire({ takesAtOnce: false });
    const { clock, send, asked, closedTimes } = connectionOf({ wire, maxIdleMs: 10_000 });
    send('Heartbeat', 4, HEARTBEAT);
    asked[0]!.answer(HEARTBEAT_OK);
    await clock.advance(11_000);
    expect([wire.closed, wire.destroyed]).toEqual([true, false]);
    await clock.advance(10_000);
    expect([wire.destroyed, closedTimes(), clock.pending()]).toEqual([true, 1, 0]);
  });

  test('when the client goes, what waits for it is told, and all memory is given back once', async () => {
    const { wire, clock, send, asked, closedTimes } = connectionOf();
    const released = [0, 0, 0, 0];
    for (let i = 0; i < 4; i++) {
      send('Heartbeat', 4, HEARTBEAT);
      asked[i]!.context.onSent(() => void released[i]!++);
    }
    asked[0]!.answer(HEARTBEAT_OK); // leaves
    asked[2]!.answer(HEARTBEAT_OK); // waits behind 1
    await clock.settle();
    expect(released).toEqual([1, 0, 0, 0]);
    wire.break(new Error('ECONNRESET'));
    expect(asked.map(({ context }) => context.signal.aborted)).toEqual([true, true, true, true]);
    expect(released).toEqual([1, 1, 1, 1]);
    let late = 0;
    asked[3]!.context.onSent(() => void late++); // a read that was under way
    asked[3]!.answer(HEARTBEAT_OK);
    asked[1]!.fail(new Error('too late'));
    await clock.advance(60_000);
    expect([late, released, closedTimes(), clock.pending()]).toEqual([1, [1, 1, 1, 1], 1, 0]);
  });

  test('memory of a reply is given back when its bytes have been taken, not before', async () => {
    const wire = new StubWire({ takesAtOnce: false });
    const { clock, send, asked } = connectionOf({ wire });
    let released = 0;
    send('Heartbeat', 4, HEARTBEAT);
    asked[0]!.context.onSent(() => void released++);
    asked[0]!.answer(HEARTBEAT_OK);
    await clock.settle();
    expect([wire.writes.length, released]).toEqual([1, 0]);
    wire.take();
    expect(released).toBe(1);
  });

  test('close answers what is about to be done, gives up what waits, and says so to it', async () => {
    const { connection, wire, clock, send, asked } = connectionOf();
    const first = send('Heartbeat', 4, HEARTBEAT);
    send('Heartbeat', 4, HEARTBEAT);
    const late = send('Heartbeat', 4, HEARTBEAT);
    connection.close();
    send('Heartbeat', 4, HEARTBEAT);
    asked[0]!.answer(HEARTBEAT_OK);
    await clock.settle();
    expect([asked.length, wire.correlationIds(), wire.closed, asked[1]!.context.signal.aborted]).toEqual([3, [first], false, false]);
    await clock.advance(100);
    expect([wire.closed, asked[1]!.context.signal.aborted]).toEqual([true, true]);
    asked[1]!.answer(HEARTBEAT_OK);
    asked[2]!.answer(HEARTBEAT_OK);
    await clock.settle();
    expect(wire.correlationIds()).not.toContain(late);
  });

  test('close with nothing under way closes at once', () => {
    const { connection, wire } = connectionOf();
    connection.close();
    connection.close();
    expect(wire.closed).toBe(true);
  });
});

describe('the pool', () => {
  test('the memory of a large Produce request serves the next one only when it is done', async () => {
    const { receive, asked, pool, clock } = connectionOf();
    const frame = framed(requestFrame('Produce', 9, 1, produceBody('orders', Buffer.alloc(100_000, 1))));
    const inTwo = () => {
      receive(frame.subarray(0, 50_000));
      receive(frame.subarray(50_000));
    };
    inTwo();
    expect([asked.length, pool.idleBytes()]).toEqual([1, 0]);
    inTwo();
    const memoryOf = (i: number) =>
      (asked[i]!.request.topicData as { partitionData: { records: Buffer }[] }[])[0]!.partitionData[0]!.records.buffer;
    expect(memoryOf(1)).not.toBe(memoryOf(0));
    asked[0]!.answer(PRODUCED);
    await clock.settle();
    expect(pool.idleBytes()).toBe(128 * 1024);
    inTwo();
    expect(memoryOf(2)).toBe(memoryOf(0));
  });

  test('it comes back when the connection broke, too, but not before the request is done', async () => {
    const { receive, asked, pool, wire, clock } = connectionOf();
    const frame = framed(requestFrame('Produce', 9, 1, produceBody('orders', Buffer.alloc(100_000, 1))));
    receive(frame.subarray(0, 50_000));
    receive(frame.subarray(50_000));
    wire.break(new Error('ECONNRESET'));
    expect(pool.idleBytes()).toBe(0); // the log may still be writing from it
    asked[0]!.answer(PRODUCED);
    await clock.settle();
    expect(pool.idleBytes()).toBe(128 * 1024);
  });

  test('that of a frame that cannot be decoded, or that never becomes whole, comes back, too', async () => {
    const { receive, pool, wire } = connectionOf();
    const body = requestFrame('Produce', 9, 1, produceBody('orders', Buffer.alloc(100_000, 1)));
    const cut = framed(body.subarray(0, 90_000));
    receive(cut.subarray(0, 50_000));
    receive(cut.subarray(50_000));
    expect(pool.idleBytes()).toBe(128 * 1024);
    const { receive: receiveHalf, pool: other, wire: broken } = connectionOf();
    receiveHalf(framed(body).subarray(0, 50_000));
    broken.break(new Error('ECONNRESET'));
    expect(other.idleBytes()).toBe(128 * 1024);
    expect(wire.writes).toEqual([]);
  });
});
