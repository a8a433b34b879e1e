import { rmSync } from 'node:fs';
import { basename, dirname, isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** Below node_modules, from where npm packages are found. */
const FOLDER = join(ROOT, 'node_modules', '.cache', 'minikafka-test');

/** Bundles a TypeScript file for a process of its own, as scripts/build.js bundles the package. @returns what `node` runs */
export async function bundled(entry: URL): Promise<string> {
  const input = fileURLToPath(entry);
  const file = join(FOLDER, `${process.pid}`, basename(input).replace(/\.ts$/, '.mjs'));
  const build = await rolldown({
    input,
    platform: 'node',
    transform: { target: 'node20' },
    external: (id) => !id.startsWith('.') && !isAbsolute(id),
  });
  await build.write({ file, format: 'esm', codeSplitting: false });
  await build.close();
  process.once('exit', () => rmSync(dirname(file), { recursive: true, force: true }));
  return file;
}
