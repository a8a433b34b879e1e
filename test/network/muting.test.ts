import { describe, expect, test } from 'vitest';
import { batchBytes } from '../../src/conformance/batch-bytes.ts';
import type { Clock } from '../../src/core/clock.ts';
import { fakeClock } from '../../src/core/fake-clock.ts';
import { HANG_UP, NO_REPLY } from '../../src/handlers/handler.ts';
import type { Struct } from '../support/interpreter.ts';
import { fetchBody, produceBody } from '../support/memory-broker.ts';
import { limitsOf } from '../support/quota-limits.ts';
import { framed, readResponse, requestFrame } from '../support/raw-client.ts';
import { type ConnectionFixture, connectionOf, HEARTBEAT, HEARTBEAT_OK } from './connection-fixture.ts';

const PRODUCED = { responses: [] };
const produceOf = (acks: number, bytes = 2000) => produceBody('orders', batchBytes({ values: ['a'.repeat(bytes)] }), { acks });
const PRODUCE_BYTES = requestFrame('Produce', 9, 0, produceOf(1)).byteLength;
/** The first request is so much too much that its client must wait for this long: the rate counts as over ten seconds. */
const WAIT_MS = 500;
const LIMIT = PRODUCE_BYTES / (10 + WAIT_MS / 1000);

const lastReply = ({ wire }: ConnectionFixture, api: string, version: number): Struct =>
  readResponse(api, version, wire.frames().at(-1)!).body;

describe('a client that produced more than it may', () => {
  test('is answered at once with how long it must wait, and not read from for that long', async () => {
    const fixture = connectionOf();
    const { quotas, send, asked, wire, clock } = fixture;
    quotas.set(limitsOf({ producer_byte_rate: LIMIT }));
    const first = send('Produce', 9, produceOf(1));
    asked[0]!.answer(PRODUCED);
    await clock.settle();
    expect(wire.correlationIds()).toEqual([first]);
    expect(lastReply(fixture, 'Produce', 9)).toMatchObject({ throttleTimeMs: WAIT_MS });
    expect(wire.paused).toBe(true);

    send('Heartbeat', 4, HEARTBEAT); // was on its way already
    await clock.advance(WAIT_MS - 1);
    expect(asked).toHaveLength(1);
    await clock.advance(1);
    expect(asked).toHaveLength(2);
    expect(wire.paused).toBe(false);
  });

  test('hears of it even when the write failed, and where it expects no answer it is just not read from', async () => {
    const { quotas, send, asked, wire, clock } = connectionOf();
    quotas.set(limitsOf({ producer_byte_rate: LIMIT }));
    send('Produce', 9, produceOf(0));
    asked[0]!.answer(NO_REPLY);
    await clock.settle();
    expect([wire.writes.length, wire.paused]).toEqual([0, true]);
    await clock.advance(WAIT_MS);
    expect(wire.paused).toBe(false);
    send('Produce', 9, produceOf(1));
    asked[1]!.fail(new Error('disk'));
    await clock.settle();
    expect(wire.paused).toBe(true);
  });

  test('gets the answers to what it has sent before, and the longest wait holds', async () => {
    const fixture = connectionOf();
    const { quotas, send, asked, wire, clock } = fixture;
    quotas.set(limitsOf({ producer_byte_rate: LIMIT }));
    const ids = [send('Heartbeat', 4, HEARTBEAT), send('Produce', 9, produceOf(1)), send('Produce', 9, produceOf(1))];
    asked[1]!.answer(PRODUCED);
    asked[2]!.answer(PRODUCED);
    await clock.settle();
    asked[0]!.answer(HEARTBEAT_OK);
    await clock.settle();
    expect(wire.correlationIds()).toEqual(ids);
    const { throttleTimeMs } = lastReply(fixture, 'Produce', 9);
    expect(throttleTimeMs).toBe(11_000); // twice as much as before is 1.1 times too much
    send('Heartbeat', 4, HEARTBEAT);
    await clock.advance(10_999);
    expect(asked).toHaveLength(3);
    await clock.advance(1);
    expect(asked).toHaveLength(4);
  });

  test('leaves no timer behind when it goes', async () => {
    const { quotas, send, asked, wire, clock } = connectionOf({ maxIdleMs: -1 });
    quotas.set(limitsOf({ producer_byte_rate: LIMIT }));
    send('Produce', 9, produceOf(1));
    asked[0]!.answer(PRODUCED);
    await clock.settle();
    expect(clock.pending()).toBe(1);
    wire.break(null);
    expect(clock.pending()).toBe(0);
  });

  test('is hung up on as others are', async () => {
    const { quotas, send, asked, wire, clock } = connectionOf();
    quotas.set(limitsOf({ producer_byte_rate: LIMIT }));
    send('Produce', 9, produceOf(0));
    asked[0]!.answer(HANG_UP);
    await clock.settle();
    expect(wire.closed).toBe(true);
  });
});

test('a client below its quota is told nothing and not paused', async () => {
  const fixture = connectionOf();
  const { quotas, send, asked, wire, clock } = fixture;
  quotas.set(limitsOf({ producer_byte_rate: LIMIT * 2 }));
  send('Produce', 9, produceOf(1));
  asked[0]!.answer(PRODUCED);
  await clock.settle();
  expect(lastReply(fixture, 'Produce', 9)).toMatchObject({ throttleTimeMs: 0 });
  expect(wire.turns).toBe(0);
});

test('what a handler says of waiting holds for the connection', async () => {
  const { quotas, send, asked, wire, clock } = connectionOf();
  quotas.set(limitsOf({}));
  send('Metadata', 9, { topics: null });
  asked[0]!.answer({ brokers: [], topics: [], throttleTimeMs: 250 });
  await clock.settle();
  expect([wire.writes.length, wire.paused]).toEqual([1, true]);
  await clock.advance(250);
  expect(wire.paused).toBe(false);
});

describe('time', () => {
  /** Handlers that keep the loop for `handleMs` of a clock of their own. */
  function busy(handleMs: number) {
    const clock = fakeClock();
    let workedMs = 0;
    const working: Clock = { ...clock, monotonicMs: () => clock.monotonicMs() + workedMs };
    const fixture = connectionOf({
      clock: working,
      sync: (api) => {
        workedMs += handleMs;
        return api === 'Heartbeat' ? HEARTBEAT_OK : { responses: [] };
      },
    });
    fixture.quotas.set(limitsOf({ request_percentage: 1 }));
    return { ...fixture, clock };
  }

  test('a client that keeps the loop busier than it may waits, at most a second', async () => {
    const fixture = busy(105);
    fixture.send('Heartbeat', 4, HEARTBEAT);
    await fixture.clock.settle();
    expect(lastReply(fixture, 'Heartbeat', 4)).toMatchObject({ throttleTimeMs: 500 }); // 1.05 %
    const long = busy(5000);
    long.send('Heartbeat', 4, HEARTBEAT);
    await long.clock.settle();
    expect(lastReply(long, 'Heartbeat', 4)).toMatchObject({ throttleTimeMs: 1000 });
  });

  test('brokers that replicate are not measured, nor are producers that expect no answer', async () => {
    const fixture = busy(5000);
    const { send, receive, wire, clock } = fixture;
    const follower = fetchBody([{ topic: 'orders' }], { replicaId: 2 });
    receive(framed(requestFrame('Fetch', 11, 1, follower)));
    send('Produce', 9, produceOf(0));
    await clock.settle();
    expect(wire.turns).toBe(0);
    receive(framed(requestFrame('Fetch', 11, 2, { ...follower, replicaId: -1 })));
    await clock.settle();
    expect(wire.paused).toBe(true);
  });
});
