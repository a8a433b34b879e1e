import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Admin, ConfigResourceTypes, type Producer } from 'kafkajs';
import { afterAll, expect, onTestFinished, test } from 'vitest';
import { brokerUnderTest, foreignBroker, unique } from '../support/broker-under-test.ts';
import { eventually } from '../support/eventually.ts';
import { prng } from '../support/prng.ts';
import { startProgram } from '../support/program.ts';
import { ownMs, type Stall, stallsBetween, stallsText, watchingStalls } from '../support/stalls.ts';
import { type KafkaJs, kafkaJs } from './kafkajs-client.ts';
import { readAll } from './read-all.ts';

/** The long form, by hand: COMPACTION_RECORDS=1000000 COMPACTION_KEYS=10000. It alone holds the loop to its limit. */
const RECORDS = Number(process.env.COMPACTION_RECORDS ?? 60_000);
const KEYS = Number(process.env.COMPACTION_KEYS ?? 1_000);
const IS_LONG = RECORDS >= 1_000_000;
const LONGEST_STALL_MS = 20;
const AT_ONCE = 1_000;
/** Many small segments make much to rename. */
const SEGMENT_BYTES = process.env.COMPACTION_SEGMENT_BYTES ?? '4194304';
const seed = Number(process.env.COMPACTION_SEED ?? Date.now() % 1_000_000);
const PADDING = 'x'.repeat(80);

const folder = mkdtempSync(join(tmpdir(), 'minikafka-stalls-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const STALLS = join(folder, 'stalls');
/** Of a process that does nothing: what this machine does to everybody. */
const IDLE_STALLS = join(folder, 'idle-stalls');
const broker = brokerUnderTest({
  args: ['--override', 'log.cleaner.backoff.ms=200', '--override', 'log.segment.delete.delay.ms=1000'],
  env: watchingStalls(STALLS),
});

/** Sends records `key=<number>:<padding>`, keys at random, and knows the last of each key. */
class Writer {
  readonly last = new Map<string, number>();
  private readonly producer: Producer;
  private readonly topic: string;
  private readonly random = prng(seed);
  private next = 0;

  constructor(producer: Producer, topic: string) {
    this.producer = producer;
    this.topic = topic;
  }

  async send(count: number): Promise<void> {
    const messages = Array.from({ length: count }, () => {
      const key = `key-${Math.floor(this.random() * KEYS)}`;
      const n = this.next++;
      this.last.set(key, n);
      return { key, value: `${n}:${PADDING}` };
    });
    await this.producer.send({ topic: this.topic, messages, acks: 1 });
  }
}

/** Reads a topic until it is stopped, and notes each key whose values do not come in their order. */
async function follow(client: KafkaJs, topic: string): Promise<{ count(): number; readonly wrong: string[] }> {
  const consumer = await client.consumer(unique('follower'));
  await consumer.subscribe({ topic, fromBeginning: true });
  const seen = new Map<string, number>();
  const wrong: string[] = [];
  let count = 0;
  await consumer.run({
    eachBatch: async ({ batch }) => {
      for (const { key, value, offset } of batch.messages) {
        const n = Number.parseInt(String(value), 10);
        if ((seen.get(String(key)) ?? -1) >= n) wrong.push(`${key} has ${n} at offset ${offset}, behind ${seen.get(String(key))}`);
        seen.set(String(key), n);
        count++;
      }
    },
  });
  return { count: () => count, wrong };
}

async function setDirtyRatio(admin: Admin, topic: string, ratio: string): Promise<void> {
  const configEntries = [
    { name: 'cleanup.policy', value: 'compact' },
    { name: 'segment.bytes', value: SEGMENT_BYTES },
    { name: 'min.cleanable.dirty.ratio', value: ratio },
  ];
  await admin.alterConfigs({ validateOnly: false, resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configEntries }] });
}

/** Where what is not compacted begins, by the broker's checkpoint; and where the active segment does. */
function progress(topic: string): { firstDirty: number; active: number } {
  const data = broker.process.data;
  const line = readFileSync(join(data, 'cleaner-offset-checkpoint'), 'latin1')
    .split('\n')
    .find((each) => each.startsWith(`${topic} 0 `));
  const bases = readdirSync(join(data, `${topic}-0`)).filter((name) => name.endsWith('.log'));
  return { firstDirty: Number(line?.split(' ')[2] ?? 0), active: Math.max(...bases.map((name) => Number(name.slice(0, 20)))) };
}

test.skipIf(foreignBroker)(
  `${RECORDS} records over ${KEYS} keys end at the last value of each, while a producer and a consumer go on`,
  async () => {
    console.log(`compaction under load: COMPACTION_SEED=${seed}`);
    const idle = startProgram(process.execPath, ['-e', 'setInterval(() => {}, 1e9)'], { env: watchingStalls(IDLE_STALLS) });
    onTestFinished(async () => {
      idle.signal('SIGKILL');
      await idle.ended(10_000);
    });
    const client = kafkaJs(broker.bootstrap);
    const topic = unique('table');
    const admin = await client.admin();
    await admin.createTopics({ topics: [{ topic, numPartitions: 1 }] });
    await setDirtyRatio(admin, topic, '1'); // nothing is due: then all of it is compacted at once
    const writer = new Writer(await client.producer(), topic);
    const follower = await follow(client, topic);
    const startMs = Date.now();
    for (let sent = 0; sent < RECORDS; sent += AT_ONCE) await writer.send(AT_ONCE);
    const filledMs = Date.now();
    await setDirtyRatio(admin, topic, '0');
    let isOver = false;
    const goingOn = (async () => {
      while (!isOver) await Promise.all([writer.send(20), sleep(10)]);
    })();
    const compacted = await eventually(() => {
      const at = progress(topic);
      expect(at.firstDirty).toBeGreaterThan(0);
      expect(at.firstDirty).toBe(at.active);
      return at;
    }, 300_000);
    const compactedMs = Date.now();
    isOver = true;
    await goingOn;
    const records = await readAll(client, topic);
    await eventually(() => expect(follower.count()).toBeGreaterThan(0));

    const lastRead = new Map(records.map(({ key, value }) => [key, Number.parseInt(value!, 10)]));
    expect(lastRead).toEqual(writer.last);
    expect(follower.wrong).toEqual([]);
    const kept = records.filter(({ offset }) => offset < compacted.firstDirty);
    expect(new Set(kept.map(({ key }) => key)).size).toBe(kept.length);

    await sleep(300); // the broker notes its stalls every 200 ms
    const during = stallsBetween(STALLS, filledMs, compactedMs);
    const idleDuring = stallsBetween(IDLE_STALLS, filledMs, compactedMs);
    console.log(
      `${RECORDS} records filled in ${filledMs - startMs} ms; stalls: ${stallsText(stallsBetween(STALLS, startMs, filledMs), startMs)}\n` +
        `compacted in ${compactedMs - filledMs} ms to ${kept.length} of ${compacted.firstDirty}; stalls: ${stallsText(during, filledMs)}\n` +
        `a process that does nothing, meanwhile: ${stallsText(idleDuring, filledMs)}`,
    );
    const longest = (stalls: readonly Stall[]) => Math.max(0, ...stalls.map(ownMs));
    if (IS_LONG) expect(longest(during) - longest(idleDuring)).toBeLessThan(LONGEST_STALL_MS);
  },
  600_000,
);
