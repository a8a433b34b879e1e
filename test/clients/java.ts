import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll } from 'vitest';
import { type Program, startProgram } from '../support/program.ts';

/** Kafka's own tools and client, each run in a JVM of its own. */
export interface Java {
  start(mainClass: string, args: readonly string[]): Program;
  /** The whole command line that start() runs. */
  command(mainClass: string, args: readonly string[]): string[];
  /**
   * Runs one of Kafka's tools (the package org.apache.kafka.tools may be left out) to its end. @returns what it wrote to standard output
   * @throws with what it wrote to standard error, when it fails
   */
  tool(name: string, args: readonly string[], options?: { readonly input?: string }): Promise<string>;
}

const VERSION = '4.3.1';
const here = join(import.meta.dirname, 'java');
const cache = process.env.MINIKAFKA_CACHE ?? resolve(import.meta.dirname, '../../.cache');
const LOGGING = resolve(import.meta.dirname, '../kafka/log4j2.properties');
const COMPILE_DEADLINE_MS = 60_000;
const FETCH_DEADLINE_MS = 300_000;
const TOOL_DEADLINE_MS = 60_000;
const MAX_OUTPUT = 64 * 1024 * 1024;

// Short runs on a busy machine: the second compiler would cost more than it saves.
const OPTIONS = ['-Xmx512m', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-Xshare:auto'];

/**
 * Java with the jars of Kafka's tools, fetched once by Maven, and the programs of `java/`, compiled for this file of tests. MINIKAFKA_KAFKA_HOME: a folder that has
 * the jars already, in `libs-tools`.
 * Without a JDK or Maven: null, said loudly; in CI an error.
 */
export function javaWithKafka(): Java | null {
  const home = process.env.MINIKAFKA_KAFKA_HOME;
  const jars = home ? join(home, 'libs-tools') : join(cache, 'kafka-tools', VERSION);
  if (!hasJava(jars, "Kafka's Java client and tools")) return null;
  if (!existsSync(jars)) fetchJars(jars, 'pom.xml', VERSION);
  const classes = mkdtempSync(join(tmpdir(), 'minikafka-java-'));
  afterAll(() => rmSync(classes, { recursive: true, force: true }));
  const sources = ['Stop.java', 'Records.java', 'Load.java', 'Transform.java'].map((file) => join(here, file));
  execFileSync('javac', ['-d', classes, '-cp', `${jars}/*`, ...sources], { stdio: ['ignore', 2, 2], timeout: COMPILE_DEADLINE_MS });
  const options = [...OPTIONS, `-Dlog4j2.configurationFile=${LOGGING}`];
  const command = (mainClass: string, args: readonly string[]) => ['java', ...options, '-cp', `${classes}:${jars}/*`, mainClass, ...args];
  const tool: Java['tool'] = async (name, args, { input = '' } = {}) => {
    const [program, ...rest] = command(name.includes('.') ? name : `org.apache.kafka.tools.${name}`, args);
    const running = promisify(execFile)(program!, rest, { timeout: TOOL_DEADLINE_MS, maxBuffer: MAX_OUTPUT });
    running.child.stdin!.end(input);
    return (await running).stdout;
  };
  return { command, tool, start: (mainClass, args) => startProgram(command(mainClass, args)[0]!, command(mainClass, args).slice(1)) };
}

/**
 * Command line of a program in one file of `java/`, with a version of Kafka's client alone; Java compiles it as it starts.
 * Without a JDK or Maven: null, said loudly; in CI an error.
 */
export function javaWithClient(version: string, program: string): readonly string[] | null {
  const jars = join(cache, 'kafka-client', version);
  if (!hasJava(jars, `Kafka's Java client ${version}`)) return null;
  if (!existsSync(jars)) fetchJars(jars, 'client-pom.xml', version);
  return ['java', ...OPTIONS, '-cp', `${jars}/*`, join(here, program)];
}

/**
 * Command line of a program in one file of `java/`, with Kafka Streams; Java compiles it as it starts.
 * Without a JDK or Maven: null, said loudly; in CI an error.
 */
export function javaWithStreams(program: string): readonly string[] | null {
  const jars = join(cache, 'kafka-streams', VERSION);
  if (!hasJava(jars, 'Kafka Streams')) return null;
  if (!existsSync(jars)) fetchJars(jars, 'streams-pom.xml', VERSION);
  return ['java', ...OPTIONS, `-Dlog4j2.configurationFile=${LOGGING}`, '-cp', `${jars}/*`, join(here, program)];
}

function hasJava(jars: string, what: string): boolean {
  const wanted = existsSync(jars) ? ['java', 'javac'] : ['java', 'javac', 'mvn'];
  const missing = wanted.filter((program) => spawnSync(program, ['-version'], { stdio: 'ignore' }).status !== 0);
  if (missing.length === 0) return true;
  const why = `${missing.join(' and ')} not installed`;
  if (process.env.CI) throw new Error(why);
  console.error(`\nSKIPPED: everything with ${what}, for ${why}\n`);
  return false;
}

/** A fetch that broke off leaves nothing that looks complete. */
function fetchJars(folder: string, pom: string, version: string): void {
  mkdirSync(join(folder, '..'), { recursive: true });
  const partial = mkdtempSync(`${folder}-partial-`);
  const maven = ['-q', '-B', '-f', join(here, pom), `-Dkafka.version=${version}`, 'dependency:copy-dependencies'];
  try {
    const where = ['-DincludeScope=runtime', `-DoutputDirectory=${partial}`];
    execFileSync('mvn', [...maven, ...where], { stdio: ['ignore', 2, 2], timeout: FETCH_DEADLINE_MS });
    renameSync(partial, folder);
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
}
