// Builds dist/ from src/, from scratch: bundles of the command line and the library as ES modules, one of the library as CommonJS for
// programs that load no ES modules (Jest for one), and the types of both. Nothing is minified: names and lines in a stack trace can be found.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, isAbsolute, join, posix } from 'node:path';
import { rolldown } from 'rolldown';
import { root, stamp } from './stale.js';

const dist = join(root, 'dist');

/** A few files instead of some two hundred start in two thirds of the time. What is imported dynamically stays a chunk of its own, loaded when it is needed. */
async function bundle(input, output) {
  const build = await rolldown({
    input,
    cwd: root,
    platform: 'node',
    transform: { target: 'node20' },
    external: (id) => !id.startsWith('.') && !isAbsolute(id), // npm packages stay packages
    onLog: (level, log, report) => report(level === 'warn' ? 'error' : level, log),
  });
  await build.write(output);
  await build.close();
}

/** Writes the declarations that the entries reach, for importers of either kind: what a `.d.cts` says is of a CommonJS module. */
function writeTypes(...entries) {
  const declared = mkdtempSync(join(tmpdir(), 'minikafka-types-'));
  try {
    execFileSync(
      process.execPath,
      [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', join(root, 'tsconfig.json'), '--outDir', declared],
      { cwd: root, stdio: 'inherit' },
    );
    const reached = new Set(entries);
    for (const name of reached) {
      const text = readFileSync(join(declared, `${name}.d.ts`), 'utf8');
      const importing = (extension) =>
        text.replace(/(['"])(\.\.?\/[^'"]+)\.ts\1/g, (_, quote, specifier) => {
          reached.add(posix.join(posix.dirname(name), specifier));
          return `${quote}${specifier}.${extension}${quote}`;
        });
      write(join(dist, `${name}.d.ts`), importing('js'));
      write(join(dist, 'cjs', `${name}.d.cts`), importing('cjs'));
    }
  } finally {
    rmSync(declared, { recursive: true, force: true });
  }
}

function write(path, text) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

/** Programs of threads, found by the code that starts them: src/storage/cleaner/thread-file.ts. */
const threads = { 'cleaner-thread': 'src/storage/cleaner/thread.ts' };

const started = new Date();
rmSync(dist, { recursive: true, force: true });
writeTypes('index', 'testing');
await bundle(
  { index: 'src/index.ts', testing: 'src/testing.ts', 'cli/main': 'src/cli/main.ts', ...threads },
  { dir: dist, format: 'esm', chunkFileNames: 'chunks/[name].js' },
);
await bundle(
  { index: 'src/index.ts', testing: 'src/testing.ts', ...threads },
  // Jest gives CommonJS no import(), so that dynamic ones become require(); all packages that they name can be required.
  { dir: join(dist, 'cjs'), format: 'cjs', entryFileNames: '[name].cjs', chunkFileNames: 'chunks/[name].cjs', dynamicImportInCjs: false },
);
// Where the chunk that reads them finds them: src/conformance/transcript-files.ts.
const transcripts = join(root, 'src', 'conformance', 'transcripts');
for (const name of readdirSync(transcripts)) {
  const stored = JSON.parse(readFileSync(join(transcripts, name), 'utf8'));
  write(join(dist, 'conformance', 'transcripts', name), JSON.stringify(stored)); // a third smaller than what is laid out for reviewers
}
write(stamp, `${started.toISOString()}\n`);
