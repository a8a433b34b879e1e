import { readFileSync, statSync } from 'node:fs';

/** The byte of the -shm file that SQLite's WAL write lock lies on. */
const WRITE_LOCK_BYTE = 120;

/**
 * The process that holds the write lock of a SQLite file in WAL mode, for a message; undefined where it cannot be told. Only Linux tells.
 * Never for a decision: a process id means something only in its own namespace.
 */
export function writeLockHolder(databasePath: string): number | undefined {
  try {
    const { ino } = statSync(`${databasePath}-shm`);
    for (const line of readFileSync('/proc/locks', 'utf8').split('\n')) {
      // `1: POSIX  ADVISORY  WRITE 4711 fe:00:1234 120 120`; a waiter's line has an arrow behind the number.
      const match = /^\d+: POSIX +ADVISORY +WRITE (\d+) [0-9a-f]+:[0-9a-f]+:(\d+) (\d+) (\d+|EOF)$/.exec(line);
      if (!match || Number(match[2]) !== ino || Number(match[3]) > WRITE_LOCK_BYTE) continue;
      if (match[4] === 'EOF' || Number(match[4]) >= WRITE_LOCK_BYTE) return Number(match[1]);
    }
  } catch {
    // Another system, or no rights.
  }
  return undefined;
}
