import { basename } from 'node:path';
import type { Files } from '../core/files.ts';
import { INTERNAL_TOPICS } from '../metadata/internal-topics.ts';
import { isValidTopicName } from '../metadata/topic-rules.ts';
import { listSource, readSourcePartitions, type SourceListing, type SourcePartition } from '../storage/import-source.ts';
import { CliError, usageError } from './errors.ts';

export interface PlannedTopic {
  readonly name: string;
  readonly topicId: string;
  /** By number, from 0 on without a gap. */
  readonly partitions: readonly SourcePartition[];
  readonly wasCompacted: boolean;
}

/** What an import will do, found out before anything is touched. */
export interface ImportPlan {
  readonly endedCleanly: boolean;
  readonly topics: readonly PlannedTopic[];
  readonly skipped: readonly { readonly folders: readonly string[]; readonly reason: string }[];
}

/** Topics whose contents mean something to Apache Kafka alone, or to the cluster that they come from. */
const KAFKAS_OWN = new Set([...INTERNAL_TOPICS, '__cluster_metadata', '__remote_log_metadata']);
const MAX_NAMES_SHOWN = 10;

/**
 * Reads what a directory of partition folders offers.
 * @param wanted topics; undefined: all but Kafka's own
 * @throws CliError, or Error with one line, that says why it cannot be imported
 */
export function planImport(files: Files, directory: string, wanted: readonly string[] | undefined): ImportPlan {
  for (const name of wanted ?? []) {
    if (!isValidTopicName(name)) throw usageError(`--topic ${name}: "${name}" is no topic name`);
    if (KAFKAS_OWN.has(name))
      throw new CliError(`${name} is Kafka's own topic, which means nothing to another cluster; it is not imported`);
  }
  if (!files.isDirectory(directory)) throw new CliError(`there is no directory ${directory}`);
  const listing = listSource(files, directory);
  for (const name of wanted ?? []) if (!listing.topics.has(name)) throw noSuchTopic(name, listing);
  const names = wanted ? [...new Set(wanted)] : [...listing.topics.keys()].filter((name) => !KAFKAS_OWN.has(name));
  if (names.length === 0) throw nothingThere(files, listing);
  const topics = names.sort().map((name) => planTopic(files, listing, name));
  return { endedCleanly: listing.endedCleanly, topics, skipped: skippedBy(listing, wanted !== undefined) };
}

function planTopic(files: Files, listing: SourceListing, name: string): PlannedTopic {
  if (!isValidTopicName(name)) throw new CliError(`"${name}" in ${listing.path} is no topic name`);
  const numbers = listing.topics.get(name) ?? [];
  const gap = numbers.findIndex((partition, i) => partition !== i);
  if (gap !== -1) throw missingPartition(name, gap, numbers.at(-1)!, listing);
  const folders = numbers.map((partition) => `${name}-${partition}`);
  const partitions = readSourcePartitions(files, listing, folders);
  const { topicId } = partitions[0]!;
  const other = partitions.find((partition) => partition.topicId !== topicId);
  if (other) {
    throw new CliError(
      `${name}-0 and ${other.name} in ${listing.path} are of different topics: their ids are ${topicId} and ${other.topicId}`,
    );
  }
  return { name, topicId, partitions, wasCompacted: listing.compacted.has(name) };
}

function skippedBy({ topics, setAside, others }: SourceListing, onlySome: boolean): ImportPlan['skipped'] {
  if (onlySome) return [];
  const own = [...topics.keys()].filter((name) => KAFKAS_OWN.has(name));
  const groups = [
    ...own.map((name) => ({ folders: topics.get(name)!.map((partition) => `${name}-${partition}`), reason: "Kafka's own topic" })),
    { folders: setAside, reason: 'deleted, moved or unknown at Kafka' },
    { folders: others, reason: 'not named as a partition is (topic-number)' },
  ];
  return groups.filter(({ folders }) => folders.length > 0);
}

function missingPartition(name: string, partition: number, last: number, listing: SourceListing): CliError {
  const aside = listing.setAside.find((folder) => folder.startsWith(`${name}-${partition}.`));
  const where = aside ? `is there as ${aside} only, which Kafka has set aside` : `is missing in ${listing.path}`;
  return new CliError(
    `partition ${partition} of ${name} ${where}, and ${name}-${last} is there; ` +
      'bring the partitions of all log.dirs and brokers into one directory first',
  );
}

function noSuchTopic(name: string, { path, topics, setAside }: SourceListing): CliError {
  const aside = setAside.find((folder) => folder.startsWith(`${name}-`));
  if (aside) return new CliError(`${name} is in ${path} only as ${aside}, which Kafka has set aside`);
  const names = [...topics.keys()].filter((each) => !KAFKAS_OWN.has(each));
  const shown = names.slice(0, MAX_NAMES_SHOWN).join(', ') + (names.length > MAX_NAMES_SHOWN ? ', ..' : '');
  return new CliError(`there is no partition of ${name} in ${path}${shown ? `; it has ${shown}` : ''}`);
}

function nothingThere(files: Files, { path, topics }: SourceListing): CliError {
  if (topics.size > 0) return new CliError(`${path} has Kafka's own topics only`);
  const isPartition = files.list(path).some((name) => name.endsWith('.log'));
  const advice = isPartition ? `give the directory that ${basename(path)} lies in` : 'give a directory of log.dirs';
  return new CliError(`there are no partition folders in ${path}; ${advice}`);
}
