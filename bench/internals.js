import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { rolldown } from 'rolldown';
import { root } from '../scripts/stale.js';

/**
 * Modules of src/ for a load that speaks the protocol itself; dist/ does not offer them one by one.
 * @param {readonly string[]} modules below src/, without `.ts`
 * @returns {Promise<any>} all that they export
 */
export async function internals(modules) {
  // In the project, so that npm packages are found from there.
  const folder = mkdtempSync(join(root, 'node_modules', '.bench-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const entry = 'bench:internals';
  const code = modules.map((name) => `export * from ${JSON.stringify(join(root, 'src', `${name}.ts`))};`).join('\n');
  const build = await rolldown({
    input: entry,
    platform: 'node',
    external: (id) => !id.startsWith('.') && !id.startsWith('/') && id !== entry,
    plugins: [{ name: entry, resolveId: (id) => (id === entry ? id : null), load: (id) => (id === entry ? code : null) }],
  });
  await build.write({ dir: folder, format: 'es', entryFileNames: 'internals.mjs' });
  return import(pathToFileURL(join(folder, 'internals.mjs')).href);
}
