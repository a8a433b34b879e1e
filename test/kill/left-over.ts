import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseFolderName } from '../../src/storage/partition-folder.ts';

/** Names of files and folders that are under way to something else, or away; no start leaves them. */
const PASSING = /\.(cleaned|swap|deleted|tmp)$|-(delete|stray)$/;
/** Of a replica that moves here from another directory; a start goes on with that. */
const MOVING = /-future$/;
const SEGMENT_FILE = /^(\d{20})\.(log|index|timeindex|snapshot|txnindex)$/;
const PARTITION_FILES = new Set(['leader-epoch-checkpoint', 'partition.metadata']);
const DATA_FILES = new Set([
  '.kafka_cleanshutdown',
  '.lock',
  '.lock-journal',
  '.lock.holder',
  'cleaner-offset-checkpoint',
  'log-start-offset-checkpoint',
  'meta.properties',
  'metadata.db',
  'metadata.db-shm',
  'metadata.db-wal',
  'minikafka.disk',
  'minikafka.time',
  'recovery-point-offset-checkpoint',
  'replication-offset-checkpoint',
]);
/** An opening may need the last two snapshots; all others stand where a segment begins. */
const SNAPSHOTS_BETWEEN = 2;

/** Paths below a data directory that only a crash can leave for longer, with something by which each can be told from a later one of its name. */
export function passingFiles(data: string): Map<string, string> {
  const found = new Map<string, string>();
  const note = (path: string) => {
    const identity = identityOf(path);
    if (identity) found.set(path, identity); // else gone meanwhile
  };
  for (const name of readdirSync(data)) {
    if (PASSING.test(name)) note(join(data, name));
    if (!parseFolderName(name)) continue;
    for (const file of namesIn(join(data, name))) if (PASSING.test(file)) note(join(data, name, file));
  }
  return found;
}

/** Whether replicas are on their way into a directory. */
export const movesGoOn = (data: string): boolean => readdirSync(data).some((name) => MOVING.test(name));

/** Those of them that are there still. */
export function stillThere(before: ReadonlyMap<string, string>): string[] {
  return [...before].flatMap(([path, identity]) => (identityOf(path) === identity ? [path] : []));
}

/** A file that takes the place of one that was removed often gets its inode, too. */
function identityOf(path: string): string | null {
  const found = statSync(path, { throwIfNoEntry: false, bigint: true });
  return found ? `${found.ino} of ${found.birthtimeNs}` : null;
}

/** What is in the data directory of a broker that has stopped and that no broker would leave there. @param topics that exist */
export function strangers(data: string, topics: ReadonlySet<string>): string[] {
  return readdirSync(data, { withFileTypes: true }).flatMap((entry) => {
    const { name } = entry;
    if (!entry.isDirectory()) return DATA_FILES.has(name) ? [] : [name];
    const partition = parseFolderName(name);
    return partition && topics.has(partition.topic) ? strangersIn(join(data, name)) : [`${name}/`];
  });
}

function strangersIn(folder: string): string[] {
  const names = namesIn(folder);
  const known = new Set(names);
  const bases = names.filter((name) => name.endsWith('.log')).map((name) => Number(name.slice(0, 20)));
  const strange: string[] = [];
  const snapshots: string[] = [];
  for (const name of names) {
    const [, base, kind] = SEGMENT_FILE.exec(name) ?? [];
    if (kind === 'snapshot' && !bases.includes(Number(base))) snapshots.push(name);
    else if (kind === 'log' && !(known.has(`${base}.index`) && known.has(`${base}.timeindex`))) strange.push(`${name} without its indexes`);
    else if (kind && kind !== 'log' && kind !== 'snapshot' && !known.has(`${base}.log`)) strange.push(`${name} without its .log`);
    else if (!kind && !PARTITION_FILES.has(name)) strange.push(name);
  }
  const early = snapshots.filter((name) => Number(name.slice(0, 20)) < Math.min(...bases));
  if (early.length > 0) strange.push(`${early} before the first segment`);
  if (snapshots.length > SNAPSHOTS_BETWEEN) strange.push(`${snapshots} where no segment begins`);
  return strange.map((what) => `${folder}: ${what}`);
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // deleted meanwhile
  }
}
