import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { ConfigResourceTypes } from 'kafkajs';
import { expect, test } from 'vitest';
import { HANDLERS } from '../../src/handlers/index.ts';
import { kafkaJs } from '../clients/kafkajs-client.ts';
import type { BrokerProcess } from '../support/broker-process.ts';
import { brokerUnderTest } from '../support/broker-under-test.ts';
import { assault, type Battlefield, crowd } from './assault.ts';
import { type Figures, newFigures } from './conversation.ts';
import { corpus, type Known, TOPICS } from './corpus.ts';
import { type NeighbourReport, neighbour } from './neighbour.ts';
import { readAll, topicIdsOf } from './read-back.ts';

const SECONDS = Number(process.env.MINIKAFKA_FUZZ_SECONDS ?? 15);
const SEED = Number(process.env.MINIKAFKA_FUZZ_SEED ?? Date.now() % 1_000_000_000);
const AT_ONCE = 16;
const CROWD = 300;
const CROWD_EVERY_MS = 5_000;
const TIDY_EVERY_MS = 250;
const HEAP_MB = 256;
/** Of the broker at its largest. 32 MiB of pooled buffers, bombs of 100 MiB, and what 40 connections may have under way stand beside the heap. */
const MAX_RSS_MB = 900;
/** A decompression bomb holds the broker's one thread for some hundred milliseconds, and this machine is busy. */
const MAX_LATENCY_MS = 5_000;
/** Looks for work often, so that hostile records meet compaction too. */
const CLEANER = ['--override', 'log.cleaner.backoff.ms=1000'];
const TOPIC = { numPartitions: 2, configEntries: [{ name: 'segment.bytes', value: '1048576' }] };

const underTest = brokerUnderTest({ args: CLEANER, env: { NODE_OPTIONS: `--max-old-space-size=${HEAP_MB}` } });

test(`a broker stays up and serves its other clients for ${SECONDS} s of fuzzing`, async () => {
  console.info(`MINIKAFKA_FUZZ_SEED=${SEED}`);
  const { process: broker } = underTest;
  const { pid } = broker;
  const admin = await kafkaJs(broker.bootstrap).admin();
  await admin.createTopics({ topics: TOPICS.map((topic) => ({ topic, ...TOPIC })) });
  const known: Known = { topicIds: await topicIdsOf(broker.port, TOPICS), memberIds: [], sessionIds: [] };
  const figures = newFigures();
  const battlefield = { port: broker.port, corpus: corpus(SEED, known), known, figures };
  const stopNeighbour = await neighbour(broker.bootstrap);
  await fuzz(broker, battlefield);
  const client = await stopNeighbour();
  const maxRssMb = peakRssMb(pid);
  report(figures, client, maxRssMb);

  expect(figures.problems.slice(0, 5), `MINIKAFKA_FUZZ_SEED=${SEED}`).toEqual([]);
  expect(errorsIn(broker.output()).slice(0, 5), `MINIKAFKA_FUZZ_SEED=${SEED}`).toEqual([]);
  expect(broker.pid, 'the broker that was started').toBe(pid);
  expect(client).toMatchObject({ complaints: [], consumed: client.acknowledged });
  expect(client.maxProduceMs).toBeLessThan(MAX_LATENCY_MS);
  expect(client.maxEndToEndMs).toBeLessThan(MAX_LATENCY_MS);
  expect(maxRssMb).toBeLessThan(MAX_RSS_MB);
  // Fuzzing that is refused at the door says nothing about what is behind it.
  const unreached = HANDLERS.map(({ api }) => api.name).filter((name) => !figures.answersOf.has(name));
  expect(unreached, 'APIs that never answered').toEqual([]);
  await expectSoundLogs(broker);
});

async function fuzz(broker: BrokerProcess, battlefield: Battlefield): Promise<void> {
  const { figures, known } = battlefield;
  const end = performance.now() + SECONDS * 1000;
  const running = () => performance.now() < end && figures.problems.length < 20;
  let next = 0;
  const attack = async () => {
    while (running()) await assault(battlefield, SEED + next++);
  };
  const gather = async () => {
    for (; running(); await sleep(CROWD_EVERY_MS)) await crowd(battlefield, CROWD);
  };
  await Promise.all([...Array.from({ length: AT_ONCE }, attack), gather(), keepTidy(broker, known, running)]);
}

/** Requests create topics under any name, which Apache Kafka would not bound either, and delete those that were there. */
async function keepTidy(broker: BrokerProcess, known: Known, running: () => boolean): Promise<void> {
  const admin = await kafkaJs(broker.bootstrap).admin();
  for (; running(); await sleep(TIDY_EVERY_MS)) {
    const topics = await admin.listTopics().catch(() => null); // the assaults tell when the broker is gone
    if (!topics) continue;
    const strange = topics.filter((topic) => topic !== 'neighbour' && !topic.startsWith('__') && !TOPICS.some((own) => own === topic));
    // A name that is gone when its turn comes was deleted by a request.
    await admin.deleteTopics({ topics: strange.slice(0, 200) }).catch(() => {});
    const missing = TOPICS.filter((topic) => !topics.includes(topic));
    if (missing.length === 0) continue;
    await admin.createTopics({ topics: missing.map((topic) => ({ topic, ...TOPIC })) }).catch(() => {});
    known.topicIds.splice(0, known.topicIds.length, ...(await topicIdsOf(broker.port, TOPICS)));
  }
}

/**
 * Every record of every topic can be read, and a restart changes none of them. There may be more of them after it: the sessions of group
 * members and the time of transactions end when they do, and requests that quotas hold back run when their time has come.
 */
async function expectSoundLogs(broker: BrokerProcess): Promise<void> {
  await sleep(1_000); // what was under way when the fuzzing ended
  await keepRecords(broker);
  await sleep(1_000); // a compaction that was under way
  const before = await readAll(broker.port);
  expect(await broker.stop()).toEqual({ code: 0, signal: null });
  await broker.start();
  const after = await readAll(broker.port, before);
  expect(before.filter(({ damage }) => damage !== null)).toEqual([]);
  const afterwards = new Map(after.map((content) => [content.partition, content]));
  const pairs = before.map((was) => ({ was, is: afterwards.get(was.partition) }));
  const changed = pairs.filter(({ was, is }) => !isDeepStrictEqual(is, was));
  expect(JSON.stringify(changed, null, 1), `MINIKAFKA_FUZZ_SEED=${SEED}`).toBe('[]');
  expect(errorsIn(broker.output())).toEqual([]);
}

/** From now on neither retention nor compaction takes records out, whatever requests have set. */
async function keepRecords(broker: BrokerProcess): Promise<void> {
  const admin = await kafkaJs(broker.bootstrap).admin();
  const configEntries = [
    { name: 'cleanup.policy', value: 'delete' },
    { name: 'retention.ms', value: '-1' },
    { name: 'retention.bytes', value: '-1' },
  ];
  const topics = (await admin.listTopics()).filter((topic) => !topic.startsWith('__'));
  const resources = topics.map((name) => ({ type: ConfigResourceTypes.TOPIC, name, configEntries }));
  await admin.alterConfigs({ validateOnly: false, resources });
}

/** Lines of the log at level error: each is a defect, or a disk that failed. */
function errorsIn(output: string): string[] {
  return output.split('\n').filter((line) => /"level":"(error|fatal)"/.test(line) || (line !== '' && !line.startsWith('{')));
}

function peakRssMb(pid: number): number {
  const status = `/proc/${pid}/status`;
  return existsSync(status) ? Math.round(Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(status, 'utf8'))?.[1]) / 1024) : 0;
}

function report({ answersOf, outcomes, problems, lastFrames: _, ...counts }: Figures, client: NeighbourReport, maxRssMb: number): void {
  const list = (counts: ReadonlyMap<string, number>) => [...counts].map(([name, count]) => `${name} ${count}`).sort();
  console.info(JSON.stringify({ seed: SEED, seconds: SECONDS, ...counts, problems: problems.length, maxRssMb, client }, null, 1));
  console.info(`answers: ${list(answersOf).join(', ')}\noutcomes: ${list(outcomes).join(', ')}`);
}
