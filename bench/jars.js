import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../scripts/stale.js';

/** The broker that is measured against, and the newest tools that Maven Central has. */
export const BROKER_VERSION = '4.4.0';
export const TOOLS_VERSION = '4.3.1';

export const LOG4J_CONFIG = join(root, 'test', 'kafka', 'log4j2.properties');

const home = process.env.MINIKAFKA_KAFKA_HOME;
const cache = join(process.env.MINIKAFKA_CACHE ?? join(root, '.cache'), 'apache-kafka');

/** The class path of Apache Kafka's broker; the folder is the one that `npm run test:kafka` fills. Fetched by Maven, once. */
export function brokerJars() {
  return fetched(home ? join(home, 'libs') : join(cache, BROKER_VERSION), join(root, 'test', 'kafka', 'pom.xml'), BROKER_VERSION);
}

/** The class path of Apache Kafka's command-line tools. */
export function toolsJars() {
  return fetched(home ? join(home, 'libs-tools') : join(cache, `tools-${TOOLS_VERSION}`), join(root, 'bench', 'pom.xml'), TOOLS_VERSION);
}

/**
 * @param {string} folder
 * @param {string} pom
 * @param {string} version
 */
function fetched(folder, pom, version) {
  if (existsSync(folder)) return `${folder}/*`;
  mkdirSync(join(folder, '..'), { recursive: true });
  // Renamed when complete: a fetch that broke off leaves nothing that looks like the jars.
  const partial = mkdtempSync(`${folder}-partial-`);
  try {
    const copy = ['dependency:copy-dependencies', '-DincludeScope=runtime', `-DoutputDirectory=${partial}`];
    execFileSync('mvn', ['-q', '-B', '-f', pom, `-Dkafka.version=${version}`, ...copy], { stdio: ['ignore', 2, 2] });
    renameSync(partial, folder);
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
  return `${folder}/*`;
}
