import { openSync, readSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import kafkajs, { Kafka, logLevel, type Producer } from 'kafkajs';
import { startProgram } from '../support/program.ts';
import type { Java } from './java.ts';
import { KAFKAJS_TYPES, registerCodecs } from './kafkajs/records.ts';
import { CODEC_NAMES } from './record-client.ts';

/** What a producer was told about one of its records. */
export interface Acknowledged {
  readonly partition: number;
  /** The record's number in its partition, from 0 on. */
  readonly n: number;
  readonly offset: number;
}

/** A client that sends to all partitions of a topic, one codec each, until it is stopped, whatever becomes of the broker. */
export interface Load {
  readonly name: string;
  readonly topic: string;
  readonly idempotent: boolean;
  /** Since the beginning, in the order in which it heard of them. */
  acknowledged(): readonly Acknowledged[];
  /** Whether it has sent this record more than once. Asked of those without idempotence only. */
  sentAgain(partition: number, n: number): boolean;
  /** Sends nothing new and waits until all is acknowledged. @throws Error when it could not deliver everything */
  stop(): Promise<void>;
  /** Ends it at once, whatever it still has to do. */
  abandon(): void;
}

export const LOAD_PARTITIONS = CODEC_NAMES.length;
const STOP_DEADLINE_MS = 90_000;
const PADDING = Buffer.alloc(2000, 'minikafka').toString();

/** Of a program that writes its acknowledgements into a file, as lines `partition n offset`. */
function programLoad(name: string, topic: string, acks: string, command: string, args: readonly string[], done: RegExp): Load {
  const file = openSync(acks, 'a+');
  const program = startProgram(command, args);
  const seen: Acknowledged[] = [];
  const chunk = Buffer.alloc(1024 * 1024);
  let unread = '';
  return {
    name,
    topic,
    idempotent: true,
    acknowledged() {
      for (let length = 1; length > 0; ) {
        length = readSync(file, chunk); // from where it stopped before
        unread += chunk.toString('latin1', 0, length);
      }
      const lines = unread.split('\n');
      unread = lines.pop()!;
      for (const line of lines) {
        const [partition, n, offset] = line.split(' ').map(Number);
        seen.push({ partition: partition!, n: n!, offset: offset! });
      }
      return seen;
    },
    sentAgain: () => false,
    abandon: () => program.signal('SIGKILL'),
    async stop() {
      program.signal('SIGTERM');
      const { code } = await program.ended(STOP_DEADLINE_MS);
      if (!done.test(`code ${code}\n${program.output()}`)) throw new Error(`${name} ended with ${code}:\n${program.output().slice(-4000)}`);
    },
  };
}

export function librdkafkaLoad(python: string, bootstrap: string, topic: string, acks: string): Load {
  const script = `${import.meta.dirname}/confluent-kafka/load.py`;
  return programLoad('librdkafka, idempotent', topic, acks, python, [script, bootstrap, topic, acks, ...CODEC_NAMES], /^code 0\n/);
}

export function javaLoad(java: Java, bootstrap: string, topic: string, acks: string): Load {
  const [command, ...args] = java.command('Load', [bootstrap, topic, acks, ...CODEC_NAMES]);
  return programLoad('Java, idempotent', topic, acks, command!, args, /^left 0 failed \[\]$/m);
}

/** kafkajs without idempotence and without retries of its own: one request after the other to each partition, and again until it is acknowledged. */
export async function kafkaJsLoad(bootstrap: string, topic: string, acks: 1 | -1): Promise<Load> {
  registerCodecs();
  const again = Array.from({ length: LOAD_PARTITIONS }, () => new Set<number>());
  const acknowledged: Acknowledged[] = [];
  let stopped = false;
  let abandoned = false;
  const kafka = new Kafka({ brokers: [bootstrap], logLevel: logLevel.NOTHING, retry: { retries: 0 } });
  const lane = async (partition: number, producer: Producer) => {
    for (let next = 0; !stopped; ) {
      const count = 1 + (next % 17);
      const numbers = Array.from({ length: count }, (_, i) => next + i);
      const baseOffset = await sendUntilAcknowledged(producer, { topic, partition, acks, numbers }, () => {
        for (const n of numbers) again[partition]!.add(n);
        return !abandoned;
      });
      for (const n of numbers) acknowledged.push({ partition, n, offset: baseOffset + n - next });
      next += count;
      await sleep(5);
    }
  };
  const producers = CODEC_NAMES.map(() => kafka.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner }));
  await Promise.all(producers.map((producer) => producer.connect()));
  const lanes = Promise.all(producers.map((producer, partition) => lane(partition, producer)));
  lanes.catch(() => {}); // stop() tells
  return {
    name: `kafkajs, acks=${acks}`,
    topic,
    idempotent: false,
    acknowledged: () => acknowledged,
    sentAgain: (partition, n) => again[partition]!.has(n),
    abandon() {
      stopped = true;
      abandoned = true;
    },
    async stop() {
      stopped = true;
      await lanes;
      await Promise.all(producers.map((producer) => producer.disconnect()));
    },
  };
}

interface Sent {
  readonly topic: string;
  readonly partition: number;
  readonly acks: 1 | -1;
  readonly numbers: readonly number[];
}

/** The offset of the first of them. */
async function sendUntilAcknowledged(
  producer: Producer,
  { topic, partition, acks, numbers }: Sent,
  mayRetry: () => boolean,
): Promise<number> {
  const messages = numbers.map((n) => ({ partition, value: `${n} ${PADDING.slice(0, (n * 7919) % 2000)}` }));
  const compression: number = KAFKAJS_TYPES[CODEC_NAMES[partition]!];
  for (const deadline = performance.now() + STOP_DEADLINE_MS; ; ) {
    try {
      const [answer] = await producer.send({ topic, acks, compression, messages });
      return Number(answer!.baseOffset);
    } catch (error) {
      if (performance.now() > deadline || !mayRetry()) throw error;
      await sleep(50);
    }
  }
}
