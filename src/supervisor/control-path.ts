import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

/** Node cuts longer paths of Unix sockets without a word (108 bytes on Linux, 104 on macOS). */
const MAX_SOCKET_PATH_BYTES = 100;

/** Where the supervisor of the cluster in `directory` listens: a Unix socket in it, or a named pipe on Windows. */
export function controlPath(directory: string, platform: NodeJS.Platform = process.platform): string {
  const absolute = resolve(directory);
  const name = `minikafka-${createHash('sha256').update(absolute).digest('hex').slice(0, 16)}`;
  if (platform === 'win32') return `\\\\.\\pipe\\${name}`;
  const path = join(absolute, 'control.sock');
  return Buffer.byteLength(path) <= MAX_SOCKET_PATH_BYTES ? path : join(tmpdir(), `${name}.sock`);
}
