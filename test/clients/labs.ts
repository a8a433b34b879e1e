import { fileURLToPath } from 'node:url';
import { type Program, startProgram } from '../support/program.ts';
import { pythonEnvs } from './python.ts';

/** The programs of examples/lab1 in one language. */
export interface Lab {
  readonly name: string;
  start(program: 'producer' | 'consumer', bootstrap: string, ...args: string[]): Program;
}

/** What the consumer of a lab prints of a record. */
export interface PrintedRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly key: string;
  readonly value: string;
}

const LAB1 = fileURLToPath(new URL('../../examples/lab1', import.meta.url));
const RECORD = /^topic=(\S+) partition=(\d+) offset=(\d+) key=(\S+) value=(.*)$/;

function lab(name: string, interpreter: string, file: (program: string) => string): Lab {
  return {
    name,
    start: (program, bootstrap, ...args) => startProgram(interpreter, [file(program), ...args], { env: { BOOTSTRAP: bootstrap } }),
  };
}

/** The lab with kafkajs, and with each kafka-python that there is. */
export function labs(): Lab[] {
  const python = pythonEnvs().map(({ version, interpreter }) =>
    lab(`kafka-python ${version}`, interpreter, (program) => `${LAB1}/kafka-python/${program}.py`),
  );
  return [lab('kafkajs', process.execPath, (program) => `${LAB1}/kafkajs/${program}.mjs`), ...python];
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
