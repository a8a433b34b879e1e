import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** One version of kafka-python in an environment of its own. */
export interface PythonEnv {
  /** Of kafka-python. */
  readonly version: string;
  /** Path of the Python that has it. */
  readonly interpreter: string;
}

const ENV_SCRIPT = fileURLToPath(new URL('../../scripts/python-env.js', import.meta.url));
const REQUIREMENTS = fileURLToPath(new URL('../../examples/lab1/kafka-python/requirements.txt', import.meta.url));
const NO_PYTHON = 3;
/** The one that tutorials, and programs of many years, still install. */
export const OLD_KAFKA_PYTHON = '2.0.2';

/** A library for each codec that Python lacks. */
const CODECS = ['python-snappy==0.7.3', 'lz4==4.4.5', 'zstandard==0.25.0'];
/** librdkafka, beside the newest kafka-python. */
export const RECORD_CLIENTS = ['confluent-kafka==2.16.1', ...CODECS];

/** The version that the lab pins. */
export function newestKafkaPython(): string {
  return /^kafka-python==(\S+)/m.exec(readFileSync(REQUIREMENTS, 'utf8'))![1]!;
}

/**
 * Environments of the newest kafka-python (that of the lab) and of 2.0.2, made when they are missing.
 * Without a Python: none, said loudly; in CI an error.
 */
export function pythonEnvs(): PythonEnv[] {
  return [newestKafkaPython(), OLD_KAFKA_PYTHON].flatMap((version) => {
    const interpreter = pythonWith([`kafka-python==${version}`]);
    return interpreter === null ? [] : [{ version, interpreter }];
  });
}

/** The Python that has kafka-python 2.0.2 and all codecs; null likewise. */
export function pythonWithOldKafkaPython(): string | null {
  return pythonWith([`kafka-python==${OLD_KAFKA_PYTHON}`, ...CODECS]);
}

/** The Python that has confluent-kafka, kafka-python and all codecs; null, said loudly, when there is none; in CI an error. */
export function pythonWithAllCodecs(): string | null {
  return pythonWith([`kafka-python==${newestKafkaPython()}`, ...RECORD_CLIENTS]);
}

/** A Python with these packages, each pinned (`aiokafka==0.14.0`), made when it is missing; null, said loudly, without a Python; in CI an error. */
export function pythonWith(packages: readonly string[]): string | null {
  const made = spawnSync(process.execPath, [ENV_SCRIPT, ...packages], { encoding: 'utf8' });
  if (made.status === 0) return made.stdout.trim();
  if (made.status !== NO_PYTHON || process.env.CI) throw new Error(`no environment for ${packages.join(' ')}: ${made.stderr}`);
  console.error(`\nSKIPPED: everything with ${packages.join(' ')}, for ${made.stderr.trim()}\n`);
  return null;
}
