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
const OLD_VERSION = '2.0.2';

/**
 * Environments of the newest kafka-python (that of the lab) and of 2.0.2, made when they are missing.
 * Without a Python: none, said loudly; in CI an error.
 */
export function pythonEnvs(): PythonEnv[] {
  const newest = /^kafka-python==(\S+)/m.exec(readFileSync(REQUIREMENTS, 'utf8'))![1]!;
  const envs = [newest, OLD_VERSION].map(pythonEnv);
  return envs.filter((env) => env !== null);
}

function pythonEnv(version: string): PythonEnv | null {
  const made = spawnSync(process.execPath, [ENV_SCRIPT, version], { encoding: 'utf8' });
  if (made.status === 0) return { version, interpreter: made.stdout.trim() };
  if (made.status !== NO_PYTHON || process.env.CI) throw new Error(`no environment for kafka-python ${version}: ${made.stderr}`);
  console.error(`\nSKIPPED: everything with kafka-python ${version}, for ${made.stderr.trim()}\n`);
  return null;
}
