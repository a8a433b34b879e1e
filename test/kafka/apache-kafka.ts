import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { freePort, type RunningBroker, SHARED_CONFIG, startProcess, temporaryDirectory } from './broker-process.ts';

/** The Kafka that minikafka is held against, and the last one that still speaks the versions which 4.x dropped. */
export type KafkaVersion = '4.4.0' | '3.9.1';

const here = import.meta.dirname;
const cache = process.env.MINIKAFKA_CACHE ?? resolve(here, '../../.cache');
export const CLUSTER_ID = 'MkU3OEVBNTcwNTJENDM2Qk';

/** Of every Java program. */
export const JAVA_ARGS = ['-Xmx512m', '-Djava.awt.headless=true', `-Dlog4j2.configurationFile=${join(here, 'log4j2.properties')}`];

/** Which of the programs needed to run Apache Kafka are missing here. */
export function missingPrograms(): string[] {
  const runs = (program: string, ...args: string[]) => {
    try {
      execFileSync(program, args, { stdio: 'ignore' });
      return true;
    } catch {
      return false;
    }
  };
  const wanted: [string, string][] = [['java', '-version']];
  if (!fetched('4.4.0') || !fetched('3.9.1')) wanted.push(['mvn', '-version']);
  return wanted.filter(([program, arg]) => !runs(program, arg)).map(([program]) => program);
}

/** Where the jars of a version are. MINIKAFKA_KAFKA_HOME: a folder that has them already, 4.4.0 in `libs`, 3.9.1 in `libs-old`. */
function jarsOf(version: KafkaVersion): string {
  const home = process.env.MINIKAFKA_KAFKA_HOME;
  return home ? join(home, version === '4.4.0' ? 'libs' : 'libs-old') : join(cache, 'apache-kafka', version);
}

const fetched = (version: KafkaVersion): boolean => existsSync(jarsOf(version));

/** Fetches the jars by Maven, once. A fetch that broke off leaves nothing that looks complete. */
export function fetchJars(version: KafkaVersion): string {
  const folder = jarsOf(version);
  if (fetched(version)) return folder;
  mkdirSync(join(folder, '..'), { recursive: true });
  const partial = mkdtempSync(`${folder}-partial-`);
  try {
    execFileSync(
      'mvn',
      [
        '-q',
        '-B',
        '-f',
        join(here, 'pom.xml'),
        `-Dkafka.version=${version}`,
        'dependency:copy-dependencies',
        '-DincludeScope=runtime',
        `-DoutputDirectory=${partial}`,
      ],
      { stdio: ['ignore', 2, 2] },
    );
    renameSync(partial, folder);
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
  return folder;
}

/** Runs a tool that came with a version's broker, whatever its exit code. */
export function runKafkaTool(
  version: KafkaVersion,
  cwd: string,
  className: string,
  args: readonly string[],
): { stdout: string; stderr: string } {
  const ran = spawnSync('java', [...JAVA_ARGS, '-cp', `${fetchJars(version)}/*`, className, ...args], {
    cwd,
    encoding: 'utf8',
    maxBuffer: 2 ** 30,
    timeout: 120_000,
  });
  if (ran.error) throw ran.error;
  return ran;
}

export async function startApacheKafka(version: KafkaVersion): Promise<RunningBroker> {
  const jars = fetchJars(version);
  const directory = temporaryDirectory(`kafka-${version}`);
  const [port, controllerPort] = [await freePort(), await freePort()];
  const properties = {
    ...SHARED_CONFIG,
    'process.roles': 'broker,controller',
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': `PLAINTEXT://localhost:${port}`,
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT',
    'log.dirs': join(directory, 'data'),
  };
  const file = join(directory, 'server.properties');
  writeFileSync(
    file,
    Object.entries(properties)
      .map(([key, value]) => `${key}=${value}\n`)
      .join(''),
  );
  const java = [...JAVA_ARGS, '-cp', `${jars}/*`];
  execFileSync('java', [...java, 'kafka.tools.StorageTool', 'format', '-t', CLUSTER_ID, '-c', file], { stdio: 'ignore' });
  return startProcess(`Apache Kafka ${version}`, directory, port, ['java', ...java, 'kafka.Kafka', file]);
}
