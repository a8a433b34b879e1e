import { randomBytes } from 'node:crypto';
import { join, resolve } from 'node:path';
import { brokerConfig, createConfigs } from '../config.ts';
import { KafkaError } from '../core/errors.ts';
import type { Files } from '../core/files.ts';
import { ensureCluster } from '../metadata/cluster.ts';
import { MetadataImage } from '../metadata/image.ts';
import { applyRange } from '../metadata/image-changes.ts';
import { checkImport, commitImport, type ImportedTopic, importLedger } from '../metadata/imported-topics.ts';
import type { MetadataStore } from '../metadata/store.ts';
import { claimDirectory, type DataDirectory, markCleanEnd, openDataDirectory } from '../storage/data-directory.ts';
import { ImportStaging, settleImport } from '../storage/import-staging.ts';
import { parsePair } from './broker-session.ts';
import { CliError, codeOf, messageOf, usageError } from './errors.ts';
import type { Context } from './output.ts';
import { explainStartFailure } from './start-failure.ts';
import { type ImportPlan, type PlannedTopic, planImport } from './topic-import-plan.ts';
import { CopyProgress, reportImport } from './topic-import-report.ts';

export interface ImportFlags {
  readonly data: string;
  readonly topic?: readonly string[] | undefined;
  /** `key=value` each. */
  readonly config?: readonly string[] | undefined;
  readonly json?: boolean | undefined;
}

export interface ImportSurroundings extends Pick<Context, 'out' | 'err'> {
  readonly files: Files;
  /** Called once the data directory is locked. */
  readonly openStore: (dataDirectory: string) => Promise<MetadataStore>;
}

/** A planned topic with the configs that it gets. */
type Import = PlannedTopic & Pick<ImportedTopic, 'configs'>;

/**
 * Copies the partition folders of another broker into a data directory that no broker uses now, and registers their topics:
 * all of them, or, after a failure or a crash, none.
 * @throws what main prints: one line that says what to do
 */
export async function importTopics(from: string, flags: ImportFlags, around: ImportSurroundings): Promise<void> {
  const source = resolve(from);
  const dataDirectory = resolve(flags.data);
  const configs = checkedConfigs(flags.config ?? []);
  if (source === dataDirectory) throw usageError(`${source} would be imported into itself; choose another directory with --data`);
  const plan = readable(source, () => planImport(around.files, source, flags.topic));
  const topics = plan.topics.map((topic) => ({ ...topic, configs: configsOf(topic, configs) }));
  const directory = explained(dataDirectory, () => openDataDirectory(around.files, dataDirectory, `process ${process.pid}, an import`));
  try {
    const store = await around.openStore(dataDirectory);
    try {
      await importAll(topics, plan, directory, store, around);
    } finally {
      await store.close();
    }
  } catch (error) {
    throw error instanceof KafkaError ? new CliError(error.message) : explainStartFailure(ofTarget(error), dataDirectory);
  } finally {
    directory.release();
  }
  reportImport(plan, topics, dataDirectory, flags.json === true, around);
}

async function importAll(
  topics: readonly Import[],
  plan: ImportPlan,
  directory: DataDirectory,
  store: MetadataStore,
  { err }: ImportSurroundings,
): Promise<void> {
  const ledger = importLedger(store);
  await settleImport(directory, ledger); // one that was killed
  const { clusterId } = await ensureCluster(store, randomBytes, directory.meta?.clusterId);
  const { nodeId } = claimDirectory(directory, clusterId, directory.meta?.nodeId ?? brokerConfig(new Map()).int('node.id'));
  if (!directory.meta) markCleanEnd(directory); // nothing is in it that could need recovery
  const { kvs, rev } = await store.range('');
  const { image } = applyRange(MetadataImage.empty, kvs, rev);
  for (const topic of topics) refuseExisting(image, topic, directory);

  const progress = new CopyProgress(topics, err);
  const partitions = topics.flatMap((topic) => topic.partitions);
  try {
    const staging = new ImportStaging(directory);
    for (const partition of partitions) staging.copy(partition, (bytes) => progress.copied(bytes));
    const placed = topics.map(({ name, topicId, partitions }) => ({ name, topicId, folders: partitions.map((each) => each.name) }));
    staging.place(placed, partitions, plan.endedCleanly);
    const toCommit = topics.map((topic) => ({ ...topic, latestEpochs: topic.partitions.map(({ latestEpoch }) => latestEpoch) }));
    await commitImport(store, nodeId, toCommit);
  } finally {
    progress.end();
    await settled(settleImport(directory, ledger));
  }
}

/** What cannot be settled now is settled at the next start, or import: the first failure is the one to tell. */
async function settled(settling: Promise<unknown>): Promise<void> {
  await settling.catch(() => {});
}

function refuseExisting(image: MetadataImage, topic: PlannedTopic, { files, path }: DataDirectory): void {
  try {
    checkImport(image, topic);
  } catch (error) {
    if (error instanceof KafkaError) throw new CliError(`${path}: ${error.message} Nothing was imported.`);
    throw error;
  }
  const folder = topic.partitions.find(({ name }) => files.exists(join(path, name)));
  if (folder) throw new CliError(`${join(path, folder.name)} exists and belongs to no topic of this broker; move it away first`);
}

function checkedConfigs(texts: readonly string[]): ReadonlyMap<string, string> {
  const entries = texts.map((text) => parsePair(text, '--config')).map(([name, value]) => ({ name, value }));
  try {
    return createConfigs(entries, brokerConfig(new Map()));
  } catch (error) {
    if (error instanceof KafkaError) throw usageError(`--config: ${error.message}`);
    throw error;
  }
}

/** Retention would take from a compacted topic what compaction keeps for ever. */
function configsOf({ wasCompacted }: PlannedTopic, configs: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  return wasCompacted && !configs.has('cleanup.policy') ? new Map([...configs, ['cleanup.policy', 'compact']]) : configs;
}

function readable<T>(source: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    const code = codeOf(error);
    if (code === undefined) throw error;
    const path: unknown = Reflect.get(Object(error), 'path');
    const denied = code === 'EACCES' || code === 'EPERM';
    throw new CliError(`${typeof path === 'string' ? path : source} cannot be read${denied ? ' by this user' : `: ${messageOf(error)}`}`);
  }
}

/** Node names the source of a copy where the disk of its target is full. */
function ofTarget(error: unknown): unknown {
  const target: unknown = error instanceof Error ? Reflect.get(error, 'dest') : undefined;
  return typeof target === 'string' ? Object.assign(Object(error), { path: target }) : error;
}

function explained<T>(dataDirectory: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw explainStartFailure(error, dataDirectory);
  }
}
