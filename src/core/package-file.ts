import { existsSync, readFileSync } from 'node:fs';

/** The bytes of a file that an installed npm package brings, WebAssembly for one: code, not data, so it is not of `Files`. @throws when it is not there */
export function readPackageFile(path: string): Uint8Array {
  return readFileSync(path);
}

/** Whether the package, this one or another, has a file there. */
export function isPackageFile(path: string): boolean {
  return existsSync(path);
}
