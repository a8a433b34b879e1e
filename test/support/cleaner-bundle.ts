import { mkdirSync, mkdtempSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** Below node_modules, from where npm packages are found. */
const FOLDER = join(ROOT, 'node_modules', '.cache', 'minikafka-test');

export type ModuleFormat = 'esm' | 'cjs';

/** Bundles test/storage/cleaner-program.ts with the cleaner's thread beside it, as scripts/build.js does. @returns the folder, and what `node` runs */
export async function cleanerBundle(format: ModuleFormat): Promise<{ folder: string; program: string; thread: string }> {
  mkdirSync(FOLDER, { recursive: true });
  const folder = mkdtempSync(join(FOLDER, `cleaner-${format}-`));
  const extension = format === 'esm' ? 'js' : 'cjs';
  const build = await rolldown({
    input: { program: join(ROOT, 'test/storage/cleaner-program.ts'), 'cleaner-thread': join(ROOT, 'src/storage/cleaner/thread.ts') },
    platform: 'node',
    transform: { target: 'node20' },
    external: (id) => !id.startsWith('.') && !isAbsolute(id),
  });
  await build.write({ dir: folder, format, entryFileNames: `[name].${extension}`, chunkFileNames: `chunks/[name].${extension}` });
  await build.close();
  return { folder, program: join(folder, `program.${extension}`), thread: join(folder, `cleaner-thread.${extension}`) };
}
