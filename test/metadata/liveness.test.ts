import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { realClock } from '../../src/core/clock.ts';
import { type FakeClock, fakeClock } from '../../src/core/fake-clock.ts';
import { memoryFiles } from '../../src/core/memory-files.ts';
import { type MemoryNetwork, memoryNetwork } from '../../src/core/memory-transport.ts';
import { realFiles } from '../../src/core/real-files.ts';
import { tcpTransport } from '../../src/core/tcp-transport.ts';
import { Liveness } from '../../src/metadata/liveness.ts';
import { bundled } from '../support/bundled.ts';
import { eventually } from '../support/eventually.ts';
import { type Program, startProgram } from '../support/program.ts';

describe('over a network in memory', () => {
  let clock: FakeClock;
  let network: MemoryNetwork;
  let open: Liveness[] = [];
  beforeEach(() => {
    clock = fakeClock();
    network = memoryNetwork(clock);
  });
  afterEach(async () => {
    for (const liveness of open) await liveness.close();
    open = [];
    await clock.settle();
    expect([network.open(), clock.pending()]).toEqual([0, 0]);
  });

  async function broker(id: number, epoch: () => number, directory: string | null = '/cluster'): Promise<Liveness & { told: string[] }> {
    const transport = network.transport(`host-${id}`);
    const liveness = await Liveness.open({ transport, clock, files: memoryFiles(), directory, id, epoch, windows: false });
    const told: string[] = [];
    liveness.onDead = (deadId, deadEpoch) => told.push(`${deadId}@${deadEpoch}`);
    open.push(liveness);
    return Object.assign(liveness, { told });
  }

  test('a peer that ends is told of at once, by its registration', async () => {
    const one = await broker(1, () => 7);
    const two = await broker(2, () => 8);
    one.watch([
      { id: 1, epoch: 7, address: one.address },
      { id: 2, epoch: 8, address: two.address },
    ]);
    await clock.advance(60_000);
    expect([one.told, one.isDead(2, 8)]).toEqual([[], false]);
    await two.close();
    await clock.settle();
    expect([one.told, one.isDead(2, 8), one.isDead(2, 9), one.isDead(1, 7)]).toEqual([['2@8'], true, false, false]);
  });

  test('a peer that was gone before it was watched is told of too', async () => {
    const one = await broker(1, () => 7);
    one.watch([{ id: 2, epoch: 8, address: 'socket:/cluster/broker-2.sock' }]);
    await clock.settle();
    expect(one.told).toEqual(['2@8']);
  });

  test('a death is told again every second as long as it is watched, and no longer', async () => {
    const one = await broker(1, () => 7);
    one.watch([{ id: 2, epoch: 8, address: 'socket:/cluster/broker-2.sock' }]);
    await clock.advance(2_500);
    expect(one.told).toEqual(['2@8', '2@8', '2@8']);
    one.watch([]);
    await clock.advance(5_000);
    expect([one.told.length, one.isDead(2, 8)]).toEqual([3, false]);
  });

  test('a broker started anew at the same address is not the one that was registered', async () => {
    const one = await broker(1, () => 7);
    const two = await broker(2, () => 8);
    one.watch([{ id: 2, epoch: 8, address: two.address }]);
    await clock.settle();
    await two.close();
    const anew = await broker(2, () => -1);
    await clock.settle();
    expect(one.told).toEqual(['2@8']);
    one.watch([{ id: 2, epoch: 12, address: anew.address }]);
    await clock.settle();
    expect(one.isDead(2, 12)).toBe(false);
  });

  test('a broker that does not know its new registration yet is waited for', async () => {
    let epoch = -1;
    const one = await broker(1, () => 7);
    const two = await broker(2, () => epoch);
    one.watch([{ id: 2, epoch: 8, address: two.address }]);
    await clock.advance(1_000);
    expect(one.told).toEqual([]);
    epoch = 8;
    await clock.advance(100);
    await two.close();
    await clock.settle();
    expect(one.told).toEqual(['2@8']);
  });

  test('the loopback port of another broker, or of a stranger, is nobody', async () => {
    const one = await broker(1, () => 7);
    const three = await broker(3, () => 9);
    const stranger = await network.transport('host-4').listen({ host: 'host-4', port: 80 }, (wire) => {
      wire.start({ data: () => {}, drained: () => {}, closed: () => {} });
      wire.write([Buffer.from('HTTP/1.1 400 Bad Request\r\n')]);
    });
    one.watch([
      { id: 2, epoch: 8, address: three.address },
      { id: 4, epoch: 10, address: 'tcp:host-4:80' },
      { id: 5, epoch: 11, address: null },
      { id: 6, epoch: 12, address: 'quic:7' },
    ]);
    await clock.settle();
    expect(one.told.sort()).toEqual(['2@8', '4@10']);
    one.watch([]);
    await stranger.close();
  });

  test('a stranger that says nothing of itself is believed for 64 bytes', async () => {
    const one = await broker(1, () => 7);
    let say: (text: string) => void = () => {};
    const stranger = await network.transport('host-4').listen({ host: 'host-4', port: 80 }, (wire) => {
      wire.start({ data: () => {}, drained: () => {}, closed: () => {} });
      say = (text) => wire.write([Buffer.from(text)]);
    });
    one.watch([{ id: 4, epoch: 10, address: 'tcp:host-4:80' }]);
    await clock.settle();
    say('x'.repeat(64));
    await clock.settle();
    expect(one.told).toEqual([]);
    say('x');
    await clock.settle();
    expect(one.told).toEqual(['4@10']);
    one.watch([]);
    await stranger.close();
  });

  test('a peer that cannot be reached for now is not dead', async () => {
    const one = await broker(1, () => 7);
    const two = await broker(2, () => 8);
    network.drop('host-1', 'host-2');
    one.watch([{ id: 2, epoch: 8, address: two.address }]);
    await clock.advance(10_000);
    expect(one.told).toEqual([]);
    network.heal('host-1', 'host-2');
    await clock.advance(2_000);
    await two.close();
    await clock.settle();
    expect(one.told).toEqual(['2@8']);
  });

  test('1,000 peers may watch, one more is turned away', async () => {
    const one = await broker(1, () => 7);
    const path = one.address.slice('socket:'.length);
    const wires = [];
    for (let i = 0; i < 1_001; i++) wires.push(await network.transport('x').connect({ host: 'x', port: 0, path }, 100));
    let ended = 0;
    for (const wire of wires) wire.start({ data: () => {}, drained: () => {}, closed: () => ended++ });
    await clock.settle();
    expect(ended).toBe(1);
    for (const wire of wires) wire.destroy();
  });

  test('the socket lies in the directory, unless its path is too long for sockets', async () => {
    expect((await broker(1, () => 1, '/cluster')).address).toBe('socket:/cluster/broker-1.sock');
    expect((await broker(1, () => 1, `/${'a'.repeat(99 - '/broker-1.sock'.length)}`)).address).toMatch(/^socket:/);
    expect((await broker(1, () => 1, `/${'a'.repeat(100 - '/broker-1.sock'.length)}`)).address).toMatch(/^tcp:127\.0\.0\.1:\d+$/);
    expect((await broker(2, () => 1, null)).address).toMatch(/^tcp:127\.0\.0\.1:\d+$/);
  });
});

describe('over real sockets, with real processes', () => {
  let script: string;
  let folder: string;
  let running: Program[] = [];
  beforeAll(async () => {
    script = await bundled(new URL('liveness-process.ts', import.meta.url));
  });
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'minikafka-live-'));
  });
  afterEach(async () => {
    for (const program of running) program.signal('SIGKILL');
    await Promise.all(running.map((program) => program.ended()));
    running = [];
    rmSync(folder, { recursive: true });
  });
  const start = async (directory: string, id: number, epoch: number) => {
    const program = startProgram(process.execPath, [script, directory, String(id), String(epoch)]);
    running.push(program);
    const address = await program.waitFor('its address', () => /^at (.*)$/m.exec(program.output())?.[1]);
    return { program, address };
  };

  test.each(['a socket in a directory', 'a loopback port'])(
    'a process killed -9 that listens at %s is told of, a stopped one is not',
    async (where) => {
      const directory = where === 'a loopback port' ? '' : folder;
      const options = { transport: tcpTransport, clock: realClock, files: realFiles, directory: directory || null, id: 1, epoch: () => 1 };
      const watcher = await Liveness.open(options);
      const told: [number, number][] = [];
      watcher.onDead = (id) => told.push([id, performance.now()]);
      const killed = await start(directory, 2, 22);
      const stopped = await start(directory, 3, 33);
      expect(killed.address).toMatch(directory ? /^socket:/ : /^tcp:/);
      watcher.watch([
        { id: 2, epoch: 22, address: killed.address },
        { id: 3, epoch: 33, address: stopped.address },
      ]);
      await sleep(200);
      stopped.program.signal('SIGSTOP');
      const at = performance.now();
      killed.program.signal('SIGKILL');
      await eventually(() => expect(told.length).toBeGreaterThan(0));
      expect(told[0]![1] - at).toBeLessThan(1_000);
      const anew = await start(directory, 2, 44); // over the socket that the killed one left
      watcher.watch([{ id: 2, epoch: 44, address: anew.address }]);
      await sleep(200);
      expect(new Set(told.map(([id]) => id))).toEqual(new Set([2]));
      expect(watcher.isDead(2, 44)).toBe(false);
      await watcher.close();
    },
  );
});
