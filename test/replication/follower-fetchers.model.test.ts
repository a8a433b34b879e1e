import { expect, test } from 'vitest';
import { brokerConfig } from '../../src/config.ts';
import { ERROR_CODES } from '../../src/core/error-codes.ts';
import { fakeClock } from '../../src/core/fake-clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { memoryNetwork } from '../../src/core/memory-transport.ts';
import { FollowerFetchers } from '../../src/replication/follower-fetchers.ts';
import { prng } from '../support/prng.ts';
import { FakeFollowed } from './fake-followed.ts';
import { type Asked, type PartitionAnswer, scriptedLeader } from './scripted-leader.ts';

const TOPIC = 'AAAAAAAAAAAAAAAAAAAAAQ';
const PARTITIONS = 12;
const ROUNDS = 400;
const RESPONSE_BYTES = 200;

/**
 * A leader as KIP-227 has it, for one follower: what the session says, data for whoever is behind, answers in order, one request at a time. It holds each
 * fetch to the rule that what lies before its offset is written.
 */
class ModelLeader {
  readonly logs = Array.from({ length: PARTITIONS }, () => '');
  epoch = 1;
  private readonly followers: readonly FakeFollowed[];
  private readonly random: () => number;
  private session: { id: number; epoch: number; offsets: Map<number, number> } | null = null;
  private ids = 0;
  private queue: Asked[] = [];
  private connection = -1;

  constructor(followers: readonly FakeFollowed[], random: () => number) {
    this.followers = followers;
    this.random = random;
  }

  take(asked: Asked): void {
    if (asked.connection !== this.connection) this.queue = [];
    this.connection = asked.connection;
    this.queue.push(asked);
  }

  dropSession(): void {
    if (this.session) this.session.epoch = -1; // what waits is still answered
  }

  /** One turn: the oldest request is answered when there is something to say, another stands behind it, or its time is up. */
  turn(timeIsUp: boolean): void {
    const asked = this.queue[0];
    if (!asked) return;
    const { body } = asked;
    if (!this.begun.has(asked)) {
      this.begun.add(asked);
      const error = this.update(body);
      if (error) {
        this.queue.shift();
        asked.answer({ errorCode: ERROR_CODES[error].code, sessionId: 0 });
        return;
      }
    }
    const answers = this.answers(body.maxBytes);
    if (answers.length === 0 && body.maxWaitMs > 0 && this.queue.length === 1 && !timeIsUp) return;
    this.queue.shift();
    asked.answer({ sessionId: this.session?.id ?? 0, responses: answers.length > 0 ? [{ topicId: TOPIC, partitions: answers }] : [] });
  }
  private readonly begun = new WeakSet<Asked>();

  private update(body: Asked['body']): 'FETCH_SESSION_ID_NOT_FOUND' | 'INVALID_FETCH_SESSION_EPOCH' | null {
    if (body.sessionEpoch === 0) this.session = { id: ++this.ids, epoch: 1, offsets: new Map() };
    else if (this.session?.id !== body.sessionId) return 'FETCH_SESSION_ID_NOT_FOUND';
    else if (this.session.epoch !== body.sessionEpoch) return 'INVALID_FETCH_SESSION_EPOCH';
    else this.session.epoch++;
    const { offsets } = this.session!;
    for (const { partitions } of body.topics) {
      for (const { partition, fetchOffset } of partitions) {
        expect(fetchOffset).toBeLessThanOrEqual(this.followers[partition]!.end);
        expect(this.logs[partition]!.startsWith(this.followers[partition]!.bytes.toString())).toBe(true);
        offsets.set(partition, fetchOffset);
      }
    }
    for (const { partitions } of body.forgottenTopicsData) for (const partition of partitions) offsets.delete(partition);
    return null;
  }

  private answers(maxBytes: number): PartitionAnswer[] {
    const answers: PartitionAnswer[] = [];
    let left = maxBytes;
    for (const [partitionIndex, offset] of this.session!.offsets) {
      const refused = this.random() < 0.02;
      const records = refused ? '' : this.logs[partitionIndex]!.slice(offset, offset + Math.min(left, 50));
      if (!refused && records === '') continue;
      left -= records.length;
      answers.push({
        partitionIndex,
        errorCode: refused ? ERROR_CODES.UNKNOWN_LEADER_EPOCH.code : 0,
        highWatermark: offset,
        logStartOffset: 0,
        abortedTransactions: null,
        records: Buffer.from(records),
      });
    }
    return answers;
  }
}

async function run(seed: number): Promise<{ appends: number; held: number }> {
  const random = prng(seed);
  const clock = fakeClock();
  const network = memoryNetwork(clock);
  const followers = Array.from({ length: PARTITIONS }, (_, index) => new FakeFollowed(TOPIC, index));
  const model = new ModelLeader(followers, random);
  const leader = await scriptedLeader(network.transport('leader'), 'leader', (asked) => model.take(asked));
  const config = brokerConfig(new Map([['replica.fetch.response.max.bytes', String(RESPONSE_BYTES)]]));
  const fetchers = new FollowerFetchers({
    nodeId: 2,
    brokerEpoch: () => 5,
    clock,
    transport: network.transport('follower'),
    logger: silentLogger,
    config: () => config,
    addressOf: () => ({ host: 'leader', port: 9092 }),
  });
  const pick = () => followers[Math.floor(random() * PARTITIONS)]!;
  let held = 0;
  for (const partition of followers) fetchers.follow(partition, 1);
  for (let round = 0; round < ROUNDS; round++) {
    const what = random();
    const partition = pick();
    if (what < 0.4) model.logs[partition.index] += String.fromCharCode(97 + (round % 26)).repeat(1 + Math.floor(random() * 30));
    else if (what < 0.5) partition.slow = random() < 0.5;
    else if (what < 0.7) {
      if (partition.isWriting) partition.finish(random() < 0.1 ? new Error('no space left') : null);
    } else if (what < 0.74) {
      fetchers.unfollow(partition);
      if (partition.isWriting) partition.finish();
      if (random() < 0.9) fetchers.follow(partition, 1);
    } else if (what < 0.75) leader.hangUp();
    else if (what < 0.77) model.dropSession();
    else if (what < 0.8) await clock.advance(Math.floor(random() * 50));
    else if (what < 0.85) model.turn(true);
    else model.turn(false);
    for (let turn = Math.floor(random() * 4); turn > 0; turn--) await new Promise((resolve) => setImmediate(resolve));
    held = Math.max(held, fetchers.heldBytes());
  }
  for (const partition of followers) {
    partition.slow = false;
    if (partition.isWriting) partition.finish();
    fetchers.follow(partition, 1);
  }
  for (let turn = 0; turn < 60; turn++) {
    await clock.advance(20);
    model.turn(false);
  }
  expect(
    followers.map(({ bytes }) => bytes.toString()),
    `seed ${seed}`,
  ).toEqual(model.logs);
  const appends = followers.reduce((sum, { calls }) => sum + calls.length, 0);
  fetchers.close();
  await clock.settle();
  expect([fetchers.heldBytes(), leader.open(), clock.pending()]).toEqual([0, 0, 0]);
  await leader.close();
  return { appends, held };
}

test('through slow and failed writes, lost sessions and connections every partition comes to equal its leader, and asks for no more than is written', async () => {
  const first = Number(process.env.FETCHER_SEED ?? 1);
  let appends = 0;
  for (let seed = first; seed < first + Number(process.env.FETCHER_RUNS ?? 10); seed++) {
    const ran = await run(seed);
    appends += ran.appends;
    expect(ran.held).toBeLessThanOrEqual(2 * RESPONSE_BYTES);
  }
  expect(appends).toBeGreaterThan(500);
}, 60_000);
