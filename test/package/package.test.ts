import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { JEST, TYPESCRIPT, WITHOUT_OPTIONAL, writeFiles } from './consumers.ts';
import { step, succeed } from './steps.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const QUIET = ['--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline'];
const MAX_PACKED_BYTES = 1.25 * 1024 * 1024; // 0.98 MB when this was written, 0.2 of them what Apache Kafka answers

interface Packed {
  readonly filename: string;
  readonly size: number;
  readonly unpackedSize: number;
  readonly files: readonly { readonly path: string }[];
}

const folder = mkdtempSync(join(tmpdir(), 'minikafka-package-'));
/** Where the package is installed, as `npm install` does it and without its optional dependencies. */
const whole = join(folder, 'whole');
const bare = join(folder, 'bare');
let packed: Packed;

beforeAll(async () => {
  const printed = await succeed('npm', ['pack', '--json', '--silent', '--pack-destination', folder], { cwd: ROOT });
  packed = (JSON.parse(printed.slice(printed.indexOf('[\n'))) as Packed[])[0]!;
  for (const [cwd, more] of [[whole, []] as const, [bare, ['--omit=optional']] as const]) {
    mkdirSync(cwd);
    writeFiles(cwd, { 'package.json': { private: true } });
    await succeed('npm', ['install', ...QUIET, ...more, join(folder, packed.filename)], { cwd });
  }
  hideOptional();
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A folder above may happen to have the optional packages: what stands in their way makes them as missing as they are without it. */
function hideOptional(): void {
  const { optionalDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { optionalDependencies: object };
  for (const name of Object.keys(optionalDependencies)) {
    expect(existsSync(join(bare, 'node_modules', name)), name).toBe(false);
    writeFiles(bare, { [`node_modules/${name}/package.json`]: { name, main: 'missing.js' } });
  }
}

test('the tarball holds what runs and what describes it, and nothing else', () => {
  const paths = packed.files.map(({ path }) => path).sort();
  console.info(`${packed.filename}: ${paths.length} files, ${packed.size} bytes packed, ${packed.unpackedSize} unpacked`);
  const allowed =
    /^(package\.json|README\.md|ARCHITECTURE\.md|LICENSE|bin\/minikafka\.js|dist\/([\w-]+\/)*[\w-]+\.(js|d\.ts)|dist\/cjs\/([\w-]+\/)*[\w-]+\.(cjs|d\.cts)|dist\/conformance\/transcripts\/[\w-]+\.json)$/;
  expect(paths.filter((path) => !allowed.test(path))).toEqual([]);
  expect(paths).toContain('LICENSE');
  expect(packed.size).toBeLessThan(MAX_PACKED_BYTES);
  for (const path of paths.filter((each) => each.startsWith('dist/'))) {
    expect(readFileSync(join(whole, 'node_modules/minikafka', path), 'utf8'), path).not.toMatch(
      /sourceMappingURL|(['"])\.[^'"\n]*\.ts\1\)?;/,
    );
  }
});

test('npx minikafka start serves the command line of the same package', async () => {
  const started = await step('npx', ['--no-install', 'minikafka', 'start', '--port', '0', '--data', join(folder, 'data')], {
    cwd: whole,
    until: /listens on localhost:\d+/,
  });
  expect(started.output).toMatch(/minikafka \d+\.\d+\.\d+ listens on localhost:\d+/);
  expect(readdirSync(join(folder, 'data'))).toContain('meta.properties');
  expect(await succeed('npx', ['--no-install', 'minikafka', '--version'], { cwd: whole })).toMatch(/^\d+\.\d+\.\d+$/m);
});

test('npx minikafka conformance compares a broker with the recordings that are in the package', async () => {
  const program = `import { execFile } from 'node:child_process';
    import { promisify } from 'node:util';
    import { startBroker } from 'minikafka';
    const broker = await startBroker();
    const args = ['--no-install', 'minikafka', 'conformance', '--bootstrap-server', broker.bootstrapServers, '--only', 'ListGroups:4'];
    const { stdout } = await promisify(execFile)('npx', args);
    console.log(stdout);
    await broker.close();`;
  writeFiles(whole, { 'conformance.mjs': program });
  expect(await succeed('node', ['conformance.mjs'], { cwd: whole })).toMatch(/^ListGroups\t16\t4\tpass\t/m);
});

test.each([
  ['import', 'c.mjs', `import { startCluster } from 'minikafka/testing';`],
  ['require', 'c.cjs', `const { startCluster } = require('minikafka/testing');`],
])('%s gives startCluster, with brokers as processes of this package or in the same process', async (_, name, line) => {
  const body = `(async () => {
    for (const mode of ['processes', 'in-process']) {
      const cluster = await startCluster({ brokers: 2, mode, topics: { t: 1 } });
      await cluster.waitForIsr('t');
      await cluster.broker(1).kill();
      console.log(mode, await cluster.waitForLeader('t', 0, { not: 1 }));
      await cluster.close();
    }
  })();`;
  writeFiles(whole, { [name]: `${line}\n${body}` });
  expect(await succeed(process.execPath, [name], { cwd: whole })).toBe('processes 2\nin-process 2\n');
});

test.each([
  ['import', 'a.mjs', `import { startBroker } from 'minikafka';`],
  ['require', 'a.cjs', `const { startBroker } = require('minikafka');`],
])('%s gives startBroker, whose broker in memory leaves nothing that keeps the process', async (_, name, line) => {
  writeFiles(whole, {
    [name]: `${line}\nstartBroker({ topics: { t: 1 } }).then(async (broker) => { console.log(broker.bootstrapServers); await broker.close(); });`,
  });
  expect(await succeed(process.execPath, [name], { cwd: whole })).toMatch(/^localhost:\d+\n$/);
});

test.each(Object.keys(TYPESCRIPT))('a TypeScript program of the kind %s compiles against the types and runs', async (kind) => {
  const cwd = join(whole, kind);
  writeFiles(cwd, TYPESCRIPT[kind]!);
  await succeed(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', '.'], { cwd });
  expect(await succeed(process.execPath, [join('out', 'use.js')], { cwd })).toBe('TOPIC_ALREADY_EXISTS 36\n');
});

test('a Jest test starts brokers by require, in memory and on a folder', async () => {
  await succeed('npm', ['install', ...QUIET, 'jest@30'], { cwd: whole });
  writeFiles(whole, { 'broker.test.js': JEST });
  const output = await succeed('npx', ['--no-install', 'jest', '--ci', '--roots', '<rootDir>', '--testPathIgnorePatterns', 'out'], {
    cwd: whole,
  });
  expect(output).toContain('Tests:       2 passed, 2 total');
  expect(output).not.toContain('did not exit');
});

test('without the optional packages a broker in memory takes plain and gzip batches, and refuses codecs that it has not', async () => {
  writeFiles(bare, { 'a.mjs': WITHOUT_OPTIONAL });
  const output = await succeed(process.execPath, ['a.mjs'], { cwd: bare, env: { KAFKAJS_NO_PARTITIONER_WARNING: '1' } });
  expect(output).toBe('None OK\nGZIP OK\nSnappy UNSUPPORTED_COMPRESSION_TYPE\n');
});

test('without the optional packages `minikafka start` needs a Node with a SQLite of its own, and says so in one line', async () => {
  // Not npx, which takes a `node` that it finds installed in a folder above.
  const args = [join('node_modules', 'minikafka', 'bin', 'minikafka.js'), 'start', '--port', '0', '--data', join(folder, 'bare-data')];
  const { output, code } = await step(process.execPath, args, { cwd: bare, until: /listens on/ });
  if (Number(process.versions.node.split('.')[0]) >= 24) expect(output).toContain('listens on localhost:');
  else {
    expect(output).toMatch(
      /^minikafka: .*no usable SQLite: use Node\.js 24 or newer, or run "npm install @photostructure\/sqlite@\S+".*\n$/,
    );
    expect(code).toBe(1);
  }
});
