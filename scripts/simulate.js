// Runs the simulation (test/simulation/): bundles it, since Node 20 runs no TypeScript, and starts it with the arguments as they are.
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { rolldown } from 'rolldown';
import { root } from './stale.js';

const folder = mkdtempSync(join(tmpdir(), 'minikafka-simulation-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
// What the bundle names as packages is found from here.
symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'), 'junction');
const build = await rolldown({
  input: 'test/simulation/main.ts',
  cwd: root,
  platform: 'node',
  transform: { target: 'node20' },
  external: (id) => !id.startsWith('.') && !isAbsolute(id),
});
const bundle = join(folder, 'main.js');
await build.write({ file: bundle, format: 'esm', sourcemap: 'inline', codeSplitting: false });
await build.close();
await import(pathToFileURL(bundle).href);
