import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { crateVersion, goProgram, goVersion, rustProgram } from '../compiled.ts';
import { javaWithClient } from '../java.ts';
import {
  newestKafkaPython,
  OLD_KAFKA_PYTHON,
  pythonWith,
  pythonWithAllCodecs,
  pythonWithOldKafkaPython,
  RECORD_CLIENTS,
} from '../python.ts';
import type { MatrixClient } from './program.ts';

const folder = join(import.meta.dirname, '..');
const PYTHON = { PYTHONPATH: join(folder, 'python') };
const AIOKAFKA = ['aiokafka==0.14.0', 'cramjam==2.14.0'];
/** Of the last before 4.0, whose protocol minikafka speaks too, and the newest. */
const JAVA_VERSIONS = ['3.9.1', '4.4.0'];

/** THE table. A client is a program in a folder of its own and an entry here. */
export function matrixClients(): readonly MatrixClient[] {
  const allCodecs = pythonWithAllCodecs();
  return [
    { name: 'kafkajs', version: npmVersion('kafkajs'), language: 'JavaScript', command: node('kafkajs') },
    { name: '@platformatic/kafka', version: npmVersion('@platformatic/kafka'), language: 'JavaScript', command: node('platformatic') },
    { name: 'kafka-python', version: newestKafkaPython(), language: 'Python', command: python(allCodecs, 'kafka-python'), env: PYTHON },
    {
      name: 'kafka-python',
      version: OLD_KAFKA_PYTHON,
      language: 'Python',
      command: python(pythonWithOldKafkaPython(), 'kafka-python'),
      env: PYTHON,
    },
    {
      name: 'confluent-kafka',
      version: pinned(RECORD_CLIENTS),
      language: 'Python',
      command: python(allCodecs, 'confluent-kafka'),
      env: PYTHON,
    },
    { name: 'aiokafka', version: pinned(AIOKAFKA), language: 'Python', command: python(pythonWith(AIOKAFKA), 'aiokafka'), env: PYTHON },
    ...JAVA_VERSIONS.map((version) => ({ name: 'Java', version, language: 'Java', command: javaWithClient(version, 'Matrix.java') })),
    { name: 'franz-go', version: goVersion('github.com/twmb/franz-go'), language: 'Go', command: alone(goProgram('franz-go')) },
    { name: 'sarama', version: goVersion('github.com/IBM/sarama'), language: 'Go', command: alone(goProgram('sarama')) },
    { name: 'rskafka', version: crateVersion('rskafka', 'rskafka'), language: 'Rust', command: alone(rustProgram('rskafka')) },
  ];
}

const node = (client: string) => [process.execPath, join(folder, client, 'matrix.mjs')];
const python = (interpreter: string | null, client: string) =>
  interpreter === null ? null : [interpreter, join(folder, client, 'matrix.py')];
const alone = (program: string | null) => (program === null ? null : [program]);

/** `confluent-kafka==2.16.1` stands first in its list. */
const pinned = ([first]: readonly string[]) => first!.split('==')[1]!;

function npmVersion(name: string): string {
  return (JSON.parse(readFileSync(join(folder, '../../node_modules', name, 'package.json'), 'utf8')) as { version: string }).version;
}
