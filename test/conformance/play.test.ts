import { expect, test } from 'vitest';
import { play, versionsOf } from '../../src/conformance/run.ts';
import { type Scenario, scenario } from '../../src/conformance/scenario.ts';
import { SCENARIOS } from '../../src/conformance/scenarios/index.ts';
import { fakeClock } from '../../src/core/fake-clock.ts';
import { memoryNetwork } from '../../src/core/memory-transport.ts';
import { FrameReader } from '../../src/protocol/frame.ts';
import { APIS, Heartbeat } from '../../src/protocol/messages/index.ts';

const BEAT = { groupId: 'g', generationId: 1, memberId: 'm' };

/** A broker that answers each request with the same bytes after the correlation id, or hangs up. */
async function played(answer: string | null, scenarios: readonly Scenario[]) {
  const clock = fakeClock();
  const network = memoryNetwork(clock);
  await network.transport('broker').listen({ host: 'broker', port: 9092 }, (wire) => {
    const frames = new FrameReader(1000, (length) => ({ bytes: Buffer.alloc(length), release: () => {} }));
    const respond = (frame: Buffer) => {
      const body = Buffer.from(answer ?? '', 'hex');
      const length = Buffer.alloc(4);
      length.writeInt32BE(4 + body.byteLength);
      if (answer === null) wire.close();
      else wire.write([length, frame.subarray(4, 8), body]);
    };
    wire.start({
      data: (chunk) => frames.push(chunk, respond),
      drained: () => {},
      closed: () => {},
    });
  });
  const address = { host: 'broker', port: 9092 };
  const transcript = await play({ transport: network.transport('client'), clock, address }, scenarios, (_, version) => version < 1);
  await clock.settle();
  return { transcript, open: network.open(), timers: clock.pending() };
}

test('a step is recorded with what the broker answered, and nothing is left open', async () => {
  const beat = scenario(Heartbeat, 'beat', async (stage) => {
    expect(await stage.step('one', BEAT)).toMatchObject({ errorCode: 27 });
  });
  const { transcript, open, timers } = await played('001b', [beat]);
  expect(transcript.entries).toEqual([
    {
      scenario: 'Heartbeat: beat',
      version: 0,
      step: 'one',
      outcome: 'response',
      response: { throttleTimeMs: 0, errorCode: 27 },
      request: { api: 'Heartbeat', version: 0, body: { ...BEAT, groupInstanceId: null } },
    },
  ]);
  expect([transcript.runs, open, timers]).toEqual([1, 0, 0]);
});

test('a closed connection is recorded, and the next step has a new one', async () => {
  const beat = scenario(Heartbeat, 'beat', async (stage) => {
    for (const step of ['one', 'two']) expect(await stage.step(step, BEAT)).toBeNull();
  });
  const { transcript } = await played(null, [beat]);
  expect(transcript.entries.map(({ outcome }) => outcome)).toEqual(['connection closed', 'connection closed']);
});

test('a response that does not decode breaks the scenario off, and the others go on', async () => {
  const first = scenario(Heartbeat, 'first', async (stage) => void (await stage.step('one', BEAT)));
  const second = scenario(
    Heartbeat,
    'second',
    async (stage) => void (await stage.raw('one', { apiKey: 12, apiVersion: 0, flexible: false }, Buffer.of())),
  );
  const { transcript, open } = await played('00', [first, second]);
  expect(transcript.entries.map(({ step, response }) => [step, response])).toEqual([
    ['the scenario broke off', expect.stringContaining('DecodeError')],
    ['one', '00'],
  ]);
  expect(open).toBe(0);
});

test('every version of every declared API has a scenario, but what no Kafka advertises, and what only the command line asks for', () => {
  const askedOnly = ['ConsumerGroupDescribe'];
  const unstable = { InitProducerId: 6 } as Record<string, number>;
  for (const { key, name, versions } of APIS) {
    if (askedOnly.includes(name)) continue;
    const covered = new Set(SCENARIOS.filter(({ apiKey }) => apiKey === key).flatMap(versionsOf));
    const last = unstable[name] === versions[1] ? versions[1] - 1 : versions[1];
    expect(
      [...covered].sort((a, b) => a - b),
      name,
    ).toEqual(Array.from({ length: last + 1 }, (_, version) => version));
  }
});

test('scenarios have names of their own', () => {
  expect(new Set(SCENARIOS.map(({ name }) => name)).size).toBe(SCENARIOS.length);
});
