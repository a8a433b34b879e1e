import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { type Program, startProgram } from '../support/program.ts';
import { javaWithKafka } from './java.ts';
import { kafkaJsRecords } from './kafkajs/records.ts';
import { platformaticRecords } from './platformatic/records.ts';
import { pythonWithAllCodecs } from './python.ts';
import { CODEC_NAMES, type RecordClient, type TopicToFill } from './record-client.ts';
import { readRecords, writeRecords } from './record-file.ts';

const DEADLINE_MS = 90_000;

/** Those whose toolchain is here. */
export function recordClients(): RecordClient[] {
  const programs: RecordClient[] = [];
  const python = pythonWithAllCodecs();
  if (python !== null) {
    const start = (client: string) => (args: readonly string[]) =>
      startProgram(python, [join(import.meta.dirname, client, 'records.py'), ...args], { env: { PYTHONPATH: PYTHON_MODULES } });
    programs.push(programClient('confluent-kafka', start('confluent-kafka')));
    programs.push({ ...programClient('kafka-python', start('kafka-python')), sendsAnyNull: false });
  }
  const java = javaWithKafka();
  if (java !== null) programs.push(programClient('Java', (args) => java.start('Records', args)));
  return [...programs, kafkaJsRecords, platformaticRecords];
}

const PYTHON_MODULES = join(import.meta.dirname, 'python');

/** A client behind a program with the steps `produce`, `read` and `group`. */
function programClient(name: string, start: (args: readonly string[]) => Program): RecordClient {
  const run = async (...args: string[]) => {
    const program = start(args);
    const { code } = await program.ended(DEADLINE_MS);
    if (code !== 0) throw new Error(`${name} ${args[0]} ended with ${code}:\n${program.output().slice(-4000)}`);
  };
  return {
    name,
    codecs: CODEC_NAMES,
    readsOfOthers: CODEC_NAMES,
    sendsAnyNull: true,
    async produce(bootstrap, topics, records) {
      const file = join(temporaryFolder(), 'records');
      writeRecords(file, records);
      await run('produce', bootstrap, file, ...topics.map(topicArgument));
    },
    async read(bootstrap, topics, count, group) {
      const folder = temporaryFolder();
      const step = group === undefined ? ['read', bootstrap, folder, `${count}`] : ['group', bootstrap, folder, `${count}`, group];
      await run(...step, ...topics);
      return new Map(topics.map((topic) => [topic, readRecords(join(folder, topic))]));
    },
  };
}

function topicArgument({ topic, codec, idempotent }: TopicToFill): string {
  const idempotence = idempotent === undefined ? '' : `,enable.idempotence=${idempotent}`;
  return `${topic}:acks=all,compression.type=${codec}${idempotence}`;
}

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'minikafka-records-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
