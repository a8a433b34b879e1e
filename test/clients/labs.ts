import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { unique } from '../support/broker-under-test.ts';
import { type Program, startProgram } from '../support/program.ts';
import { kafkaJs } from './kafkajs-client.ts';
import { pythonEnvs } from './python.ts';

const FOLDERS = { producer: 'lab1', consumer: 'lab1', offsets: 'lab3', resume: 'lab3' } as const;

/** The programs of examples/ in one language. */
export interface Labs {
  /** Of the client. */
  readonly name: string;
  start(program: keyof typeof FOLDERS, bootstrap: string, ...args: string[]): Program;
}

/** What the consumer of a lab prints of a record. */
export interface PrintedRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly key: string;
  readonly value: string;
}

const EXAMPLES = fileURLToPath(new URL('../../examples', import.meta.url));
const RECORD = /^topic=(\S+) partition=(\d+) offset=(\d+) key=(\S+) value=(.*)$/;

function inLanguage(name: string, interpreter: string, folder: string, suffix: string): Labs {
  return {
    name,
    start: (program, bootstrap, ...args) => {
      const file = `${EXAMPLES}/${FOLDERS[program]}/${folder}/${program}.${suffix}`;
      return startProgram(interpreter, [file, ...args], { env: { BOOTSTRAP: bootstrap } });
    },
  };
}

/** With kafkajs, and with each kafka-python that there is. */
export function labs(): Labs[] {
  const python = pythonEnvs().map(({ version, interpreter }) => inLanguage(`kafka-python ${version}`, interpreter, 'kafka-python', 'py'));
  return [inLanguage('kafkajs', process.execPath, 'kafkajs', 'mjs'), ...python];
}

/** The records that a consumer has printed. */
export function printedRecords(consumer: Program): PrintedRecord[] {
  return consumer.lines().flatMap((line) => {
    const [, topic, partition, offset, key, value] = RECORD.exec(line) ?? [];
    return topic === undefined ? [] : [{ topic, partition: Number(partition), offset: Number(offset), key: key!, value: value! }];
  });
}

/** The partitions that a consumer has printed last as its own; undefined before it has joined. */
export function assignment(consumer: Program): number[] | undefined {
  const line = consumer.lines().findLast((each) => each.startsWith('assigned: '));
  return line === undefined ? undefined : (JSON.parse(line.slice('assigned: '.length)) as number[]).sort((a, b) => a - b);
}

export const LEFT_CLEANLY = { code: 0, signal: null };

export async function topicOfTwoPartitions(bootstrap: string): Promise<string> {
  const topic = unique('test');
  await (await kafkaJs(bootstrap).admin()).createTopics({ topics: [{ topic, numPartitions: 2 }], waitForLeaders: true });
  return topic;
}

/** Runs the producer until it has sent so many records. */
export async function produced(lab: Labs, bootstrap: string, topic: string, count: number): Promise<Program> {
  const producer = lab.start('producer', bootstrap, '--topic', topic, '--count', String(count), '--delay', '5');
  expect(await producer.ended()).toEqual(LEFT_CLEANLY);
  return producer;
}
