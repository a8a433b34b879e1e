import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { realFiles } from '../core/real-files.ts';

/** bin/minikafka.js of this package, wherever in it this code was bundled to. */
export function programPath(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  for (;;) {
    const path = join(folder, 'bin', 'minikafka.js');
    if (realFiles.exists(path) && realFiles.exists(join(folder, 'package.json'))) return path;
    if (dirname(folder) === folder) throw new Error('bin/minikafka.js of the package minikafka was not found');
    folder = dirname(folder);
  }
}
