import type { Logger } from '../core/logger.ts';
import type { MetadataImage } from '../metadata/image.ts';
import type { LogDirs } from '../storage/log-dirs.ts';
import { parseFolderName } from '../storage/partition-folder.ts';

/** Named in a log line; the count says how many there are. */
const MAX_NAMED = 20;

/**
 * Deletes the folders of topics that were deleted while this broker was down, or had not done it yet when it was killed. That the store knows of
 * the deletion is proof, however old it is: ids are never used again.
 *
 * @param deleted names by id
 */
export function deleteFolders(
  logs: Pick<LogDirs, 'strays' | 'topicIdOf' | 'delete'>,
  deleted: ReadonlyMap<string, string>,
  logger: Logger,
): void {
  const names = new Set(deleted.values());
  for (const folder of logs.strays(({ topic }) => !names.has(topic))) {
    const topicPartition = parseFolderName(folder);
    if (!topicPartition) continue; // set aside before
    try {
      if (!deleted.has(logs.topicIdOf(folder) ?? '')) continue;
      logs.delete(topicPartition);
      logger.info({ folder }, 'its topic was deleted meanwhile, and so is this folder');
    } catch (error) {
      logger.warn({ folder, err: error }, 'a folder could not be deleted; the next start tries again');
    }
  }
}

/**
 * What happened to topics and replicas while this broker was down. A folder of a topic that is gone is set aside (`-stray`, as Kafka does), so
 * that it does not come back under its name; one of a replica that has moved to other brokers is deleted, as it would have been then. A folder
 * of which this cannot be said for certain stays where it is.
 *
 * @param isContinued the image is of the store that this broker's data belong to, no older than they are: see DiskIdentity
 */
export function settleFolders(
  logs: Pick<LogDirs, 'strays' | 'topicIdOf' | 'isUnfinished' | 'setAside' | 'delete'>,
  image: MetadataImage,
  nodeId: number,
  isContinued: boolean,
  logger: Logger,
): void {
  const isHere = ({ topic, partition }: { topic: string; partition: number }) =>
    image.partition(topic, partition)?.replicas.includes(nodeId) ?? false;
  const underway = new Set([...image.orphans()].map(({ topicId }) => topicId));
  const kept: string[] = [];
  for (const name of logs.strays(isHere)) {
    try {
      kept.push(...settle(name));
    } catch (error) {
      logger.warn({ folder: name, err: error }, 'a folder could not be settled; the next start tries again');
    }
  }
  if (kept.length > 0)
    logger.warn({ folders: kept.slice(0, MAX_NAMED), count: kept.length }, 'folders that belong to nobody known: not served, not deleted');

  function settle(name: string): string[] {
    const topicPartition = parseFolderName(name);
    const topicId = logs.topicIdOf(name);
    if (topicPartition && !topicId && logs.isUnfinished(name)) {
      logs.delete(topicPartition);
      return [];
    }
    if (!isContinued || !topicPartition || !topicId || underway.has(topicId)) return [name];
    const partition = image.topicById(topicId)?.partitions[topicPartition.partition];
    if (!partition) return [logs.setAside(name)];
    const { replicas, isr, elr } = partition;
    // A name that is another topic's now, or a partition that still counts on this broker.
    if ([...replicas, ...isr, ...elr].includes(nodeId)) return [name];
    logs.delete(topicPartition);
    logger.info({ folder: name, replicas }, 'a replica that has moved to other brokers is deleted');
    return [];
  }
}
