import { fileURLToPath } from 'node:url';
import { isPackageFile } from '../../core/package-file.ts';

/** The file of the cleaner's thread, beside the bundle that this is part of, or above a chunk of it; null in the sources. */
export function cleanerThreadFile(): string | null {
  const name = `cleaner-thread.${import.meta.url.endsWith('.cjs') ? 'cjs' : 'js'}`;
  const candidates = [`./${name}`, `../${name}`].map((path) => fileURLToPath(new URL(path, import.meta.url)));
  return candidates.find(isPackageFile) ?? null;
}
