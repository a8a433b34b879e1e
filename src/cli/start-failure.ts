import { LockedError } from '../core/errors.ts';
import { sqliteErrorCode } from '../core/sqlite.ts';
import { CliError, codeOf, messageOf } from './errors.ts';

/** SQLITE_READONLY, SQLITE_CANTOPEN: what a directory without the right to write gives. */
const SQLITE_UNWRITABLE = new Set([8, 14]);

/** A failed start as one line that says what to do. Defects (a TypeError, say) stay as they are. */
export function explainStartFailure(error: unknown, dataDirectory: string): unknown {
  if (error instanceof CliError || error instanceof TypeError || error instanceof ReferenceError) return error;
  if (error instanceof LockedError) {
    const holder = error.holder || 'another broker';
    return new CliError(`${dataDirectory} is in use by ${holder}; stop it, or choose another directory with --data`);
  }
  const advice = isNetworkFailure(error) ? adviceOnListening(error) : adviceOnDisk(error, dataDirectory);
  return new CliError(advice ?? messageOf(error));
}

function isNetworkFailure(error: unknown): boolean {
  return error instanceof Error && ['listen', 'bind', 'getaddrinfo'].includes(String(Reflect.get(error, 'syscall')));
}

function adviceOnListening(error: unknown): string | undefined {
  const { address, hostname, port } = error as { address?: string; hostname?: string; port?: number };
  const host = hostname ?? address ?? 'the host';
  switch (codeOf(error)) {
    case 'EADDRINUSE':
      return `port ${port} is in use by another program; choose another with --port, or stop it`;
    case 'EACCES':
      return `port ${port} needs more rights than this user has; choose one above 1023 with --port`;
    case 'EADDRNOTAVAIL':
      return `${host} is no address of this machine; choose another with --host`;
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `the host ${host} is not known; choose another with --host`;
    default:
      return undefined;
  }
}

function adviceOnDisk(error: unknown, dataDirectory: string): string | undefined {
  const path: unknown = error instanceof Error ? Reflect.get(error, 'path') : undefined;
  const where = typeof path === 'string' ? path : dataDirectory;
  if (SQLITE_UNWRITABLE.has(sqliteErrorCode(error) & 0xff)) return unwritable(dataDirectory);
  switch (codeOf(error)) {
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return unwritable(where);
    case 'ENOENT':
      return `${where} cannot be created; choose another directory with --data`;
    case 'EEXIST':
    case 'ENOTDIR':
      return `${dataDirectory} is no directory, or lies in a file; choose another with --data`;
    case 'ENOSPC':
    case 'EDQUOT':
      return `no space is left for ${where}; make room, or choose another directory with --data`;
    case 'EMFILE':
    case 'ENFILE':
      return 'too many files are open; raise the limit (ulimit -n)';
    default:
      return undefined;
  }
}

const unwritable = (path: string): string =>
  `${path} cannot be written by this user; change its permissions, or choose another directory with --data`;
