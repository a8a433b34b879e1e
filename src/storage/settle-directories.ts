import type { Logger } from '../core/logger.ts';
import type { LogStore } from './log-store.ts';
import { deletedName, parseFutureName } from './partition-folder.ts';

/**
 * What a crash left of moves between directories (see LogMoves), before any log is used. A copy takes the place of the folder that it was made
 * from when that was renamed to be deleted, by the same number: only then it is known to be whole, and that nothing was appended since. A copy
 * beside the log that it was made from is begun anew: returns where those logs are to go. A copy of nothing that is here is kept, and never served;
 * while a directory is offline, which may have the log, it stays where it is.
 */
export function settleFutures(stores: readonly LogStore[], isComplete: boolean, logger: Logger): Map<string, LogStore> {
  const others = stores.map((store) => ({ store, names: new Set(store.otherFolders()) }));
  const moves = new Map<string, LogStore>();
  for (const { store: target, names } of others) {
    for (const future of names) {
      const parsed = parseFutureName(future);
      if (!parsed) continue;
      const { name, unique } = parsed;
      const source = stores.find((store) => store.hasFolder(name));
      const fields = { folder: future, directory: target.path };
      if (source) {
        target.unexpect(name);
        if (source !== target && source.topicIdOf(name) === target.topicIdOf(name, future)) moves.set(name, target);
        target.discard(future); // what is copied of a log that went on is not looked into
      } else if (others.some((other) => other.names.has(deletedName(name, unique)))) {
        target.promote(future, name);
        logger.info(fields, 'a replica had moved to this log directory when the broker ended');
      } else if (isComplete) {
        target.setAside(future, name);
        logger.warn(fields, 'a replica was on its way to this log directory, and is not where it came from: not served, not deleted');
      } else logger.warn(fields, 'a replica was on its way to this log directory from one that is offline');
    }
  }
  // While a directory is offline nobody knows whether it has what a folder was renamed for.
  if (isComplete) for (const store of stores) store.removeDeleted();
  return moves;
}

/**
 * Folders of one topic id and partition in two directories. One that was offline while the broker was registered, or failed, lost the replica
 * meanwhile, as the partition was moved away and came back. Else nobody knows which holds what was acknowledged.
 */
export function requireSingle(stores: readonly LogStore[], logger: Logger): void {
  if (stores.length < 2) return;
  const seen = new Map<string, LogStore>();
  for (const store of stores) {
    for (const name of [...store.folderNames()]) {
      const other = seen.get(name);
      const behind = !other || store.topicIdOf(name) !== other.topicIdOf(name) ? undefined : whichIsBehind(name, store, other);
      if (!other || behind === other) seen.set(name, store);
      if (!behind) continue;
      const stray = behind.setAside(name);
      logger.warn(
        { directory: behind.path, folder: stray },
        'a replica that came back while its directory was offline: not served, not deleted',
      );
    }
  }

  function whichIsBehind(name: string, store: LogStore, other: LogStore): LogStore {
    if (store.wasOfflineBeside(other)) return store;
    if (other.wasOfflineBeside(store)) return other;
    throw new Error(`${name} is in both ${other.path} and ${store.path}: move the one that is older elsewhere`);
  }
}

/** What the checkpoints of one directory say of a log that is in another is not true of any that may come. */
export function forgetMoved(stores: readonly LogStore[]): void {
  if (stores.length < 2) return;
  for (const store of stores) {
    for (const name of store.folderNames()) for (const other of stores) if (!other.hasFolder(name)) other.unexpect(name);
  }
}
