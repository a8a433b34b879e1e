import { readdirSync, readFileSync } from 'node:fs';
import { basename, posix } from 'node:path';
import { describe, expect, test } from 'vitest';

/** The layers, from the ground up: each imports only from itself and from those before it. Those that are not built yet are missing in src/. */
const LAYERS = [
  'core',
  'config', // config.ts and config/
  'protocol',
  'storage',
  'metadata',
  'security',
  'client',
  'replication',
  'coordinator',
  'handlers',
  'network',
  'console',
  'server', // server.ts
  'index', // index.ts
  'supervisor',
  'testing',
  'conformance',
  'cli',
];

interface Rule {
  readonly pattern: RegExp;
  /** Layers that may. */
  readonly layers: readonly string[];
  /** Single files that may, and why. */
  readonly files: Readonly<Record<string, string>>;
}

const RULES: Record<string, Rule> = {
  'the disk is reached through Files': { pattern: /['"](node:)?fs(\/promises)?['"]/, layers: ['core'], files: {} },
  'sockets are reached through Transport': { pattern: /['"](node:)?(net|tls|dgram)['"]/, layers: ['core'], files: {} },
  'time comes from Clock': {
    pattern:
      /['"](node:)?timers(\/promises)?['"]|\bDate\.now\b|\bnew Date\(\s*\)|\bDate\(\s*\)|\bperformance\.now\b|\bprocess\.(hrtime|nextTick)\b|\b(setTimeout|setInterval|setImmediate|queueMicrotask)\b/,
    layers: ['core'],
    files: {},
  },
  'chance comes from a seed or from node:crypto': { pattern: /\bMath\.random\b/, layers: ['core'], files: {} },
  'the environment is read at the edge': { pattern: /\bprocess\.env\b/, layers: ['cli', 'config'], files: {} },
  'exports have names': { pattern: /\bexport\s+default\b|\bas\s+default\b/, layers: [], files: {} },
};

const MAX_LINES = 400;

interface SourceFile {
  /** Below src/, with slashes. */
  readonly path: string;
  readonly text: string;
}

const SRC = new URL('../src/', import.meta.url);
const sources: SourceFile[] = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .map((path) => path.replaceAll('\\', '/'))
  .filter((path) => path.endsWith('.ts'))
  .map((path) => ({ path, text: readFileSync(new URL(path, SRC), 'utf8') }));

/** 'core' of core/clock.ts, 'config' of config.ts and of config/table.ts. */
const layerOf = (path: string): string => path.split('/')[0]!.replace(/\.ts$/, '');

/** The code without its comments; strings stay, since imports are among them. */
function withoutComments(text: string): string {
  const stringsAndComments = /('(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`)|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g;
  return text.replace(stringsAndComments, (_, string: string | undefined) => string ?? ' ');
}

/** What a file imports, types included: of imports, re-exports and import(). */
function importsOf({ text }: SourceFile): string[] {
  const found = withoutComments(text).matchAll(/(?:\bfrom\s*|\bimport\s*\(?\s*|\brequire\s*\(\s*)(['"])([^'"\n]+)\1/g);
  return [...found].map((match) => match[2]!);
}

function wrongImports(file: SourceFile): string[] {
  const own = LAYERS.indexOf(layerOf(file.path));
  if (own < 0) return [`${file.path} is in no layer`];
  return importsOf(file).flatMap((specifier) => {
    if (!specifier.startsWith('.')) return [];
    const target = posix.join(posix.dirname(file.path), specifier);
    if (target.startsWith('..')) return [`${file.path} imports ${specifier}, outside src/`];
    const layer = LAYERS.indexOf(layerOf(target));
    return layer >= 0 && layer <= own ? [] : [`${file.path} imports ${target}`];
  });
}

function brokenRules(file: SourceFile): string[] {
  const code = withoutComments(file.text);
  return Object.entries(RULES).flatMap(([name, { pattern, layers, files }]) => {
    if (layers.includes(layerOf(file.path)) || file.path in files) return [];
    const match = pattern.exec(code);
    return match ? [`${name}: ${file.path} has ${match[0]}`] : [];
  });
}

const lineCount = ({ text }: SourceFile): number => text.trimEnd().split('\n').length;
/** The files in which a handler is declared: "Where is Produce handled? handlers/produce.ts. Its wire form? messages/produce.ts." */
const declaresHandler = ({ path, text }: SourceFile): boolean => /^handlers\/[^/]+$/.test(path) && /=\s*handler(<[^(]*>)?\(/.test(text);

test('each layer imports only from itself and from the layers before it', () => {
  expect(sources.length).toBeGreaterThan(0);
  expect(sources.flatMap(wrongImports)).toEqual([]);
});

test.each(Object.keys(RULES))('%s', (name) => {
  expect(sources.flatMap(brokenRules).filter((broken) => broken.startsWith(`${name}:`))).toEqual([]);
});

test('each exemption is of a file that exists and needs it', () => {
  for (const { pattern, files } of Object.values(RULES)) {
    for (const [path, reason] of Object.entries(files)) {
      expect(reason.length, path).toBeGreaterThan(10);
      expect(withoutComments(sources.find((file) => file.path === path)?.text ?? ''), path).toMatch(pattern);
    }
  }
});

test(`no file is longer than ${MAX_LINES} lines`, () => {
  expect(sources.filter((file) => lineCount(file) > MAX_LINES).map((file) => `${file.path}: ${lineCount(file)}`)).toEqual([]);
});

test('a handler stands in a file named like that of its messages', () => {
  const messages = sources.filter(({ path }) => /^protocol\/messages\/[^/]+$/.test(path)).map(({ path }) => basename(path));
  for (const { path, text } of sources.filter(declaresHandler)) {
    expect(messages, path).toContain(basename(path));
    const declared = withoutComments(text).matchAll(/=\s*handler(?:<[^(]*>)?\(\s*(\w+)/g);
    const fileNames = [...declared].map(([, api]) => `${api!.replace(/(?<=[a-z])(?=[A-Z])/g, '-').toLowerCase()}.ts`);
    expect(fileNames, path).toEqual([basename(path)]);
  }
});

describe('a file that breaks a rule is found', () => {
  test.each<[string, string, string]>([
    ['storage/log.ts', `import type { Handler } from '../handlers/handler.ts';`, 'handlers/handler.ts'],
    ['core/clock.ts', `export { config } from "../config.ts";`, 'config.ts'],
    ['protocol/records/batch.ts', `const x = await import('../../server.ts');`, 'server.ts'],
    ['protocol/codec.ts', `import\n  { a,\n b }\nfrom '../storage/log.ts';`, 'storage/log.ts'],
    ['index.ts', `import './testing/cluster.ts';`, 'testing/cluster.ts'],
    ['cli/main.ts', `import '../../test/support/x.ts';`, 'outside src/'],
    ['utils/helpers.ts', '', 'in no layer'],
    ['core/a.ts', `import '../utils/helpers.ts';`, 'utils/helpers.ts'],
  ])('%s with the import %s', (path, text, report) => {
    expect(wrongImports({ path, text })).toEqual([expect.stringContaining(report)]);
  });

  test.each<[string, string]>([
    ['config.ts', `import { a } from './core/clock.ts'; import { b } from './config/table.ts';`],
    ['cli/main.ts', `import { a } from '../server.ts'; import 'node:path';`],
    ['core/clock.ts', `// import { a } from '../config.ts';\n/* import '../config.ts' */`],
  ])('%s with allowed imports is not reported', (path, text) => {
    expect(wrongImports({ path, text })).toEqual([]);
    expect(brokenRules({ path, text })).toEqual([]);
  });

  test.each<[string, string]>([
    ['storage/log.ts', `import { readFileSync } from 'node:fs';`],
    ['storage/log.ts', `const fs = await import('fs/promises');`],
    ['network/listener.ts', `import * as net from "node:net";`],
    ['client/a.ts', `import { connect } from 'node:tls';`],
    ['cli/a.ts', `import { setTimeout } from 'node:timers/promises';`],
    ['storage/log.ts', `const now = Date.now();`],
    ['storage/log.ts', `const now = new Date();`],
    ['storage/log.ts', `const now = performance.now();`],
    ['metadata/a.ts', `setTimeout(run, 5);`],
    ['metadata/a.ts', `globalThis.setInterval(run, 5);`],
    ['metadata/a.ts', `setImmediate(run);`],
    ['protocol/a.ts', `const jitter = Math.random();`],
    ['server.ts', `const port = process.env.PORT;`],
    ['core/a.ts', `export default class A {}`],
    ['core/a.ts', `export { A as default };`],
  ])('%s with: %s', (path, text) => {
    expect(brokenRules({ path, text })).toHaveLength(1);
  });

  test.each<[string, string]>([
    ['core/clock.ts', `import { a } from 'node:fs'; import b from 'node:net'; setTimeout(() => Date.now() + Math.random());`],
    ['config/a.ts', 'const environment = process.env;'],
    ['cli/a.ts', 'const environment = process.env;'],
    [
      'storage/log.ts',
      `// Date.now() is for the clock\n/** never process.env */ const a = new Date(5); const b = 'https://x'; const c = timer.setTimeoutMs;`,
    ],
  ])('%s with what is allowed there is not reported', (path, text) => {
    expect(brokenRules({ path, text })).toEqual([]);
  });

  test('what follows a string with slashes in it is still read', () => {
    expect(brokenRules({ path: 'storage/a.ts', text: `const a = 'http://x'; const b = Date.now();` })).toHaveLength(1);
  });
});
