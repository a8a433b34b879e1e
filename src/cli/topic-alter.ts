import type { BootstrapConnection } from './bootstrap.ts';
import { type ClientFlags, isKafka, noSuchTopic, refused, type Surroundings, say, withBroker } from './broker-session.ts';
import type { ConfigChanges } from './config-admin.ts';
import { alterOne, changesText, changesToJson, isEmpty, parseChanges } from './config-commands.ts';
import { usageError } from './errors.ts';
import { createPartitions } from './topic-admin.ts';

export interface AlterTopicFlags extends ClientFlags {
  /** How many there are to be in all. */
  readonly partitions?: number | undefined;
  /** `key=value` each. */
  readonly config?: readonly string[] | undefined;
  readonly deleteConfig?: readonly string[] | undefined;
  readonly validateOnly?: boolean | undefined;
  readonly dryRun?: boolean | undefined;
}

/** Partitions and configs are two requests: both are checked before the first is carried out, so that a refusal leaves nothing half done. */
export async function alter(name: string, flags: AlterTopicFlags, around: Surroundings): Promise<void> {
  const changes = parseChanges(flags.config, flags.deleteConfig, ['--config', '--delete-config']);
  const { partitions } = flags;
  if (partitions === undefined && isEmpty(changes)) {
    throw usageError('nothing to change; add --partitions, --config or --delete-config');
  }
  const validateOnly = (flags.validateOnly || flags.dryRun) === true;
  await withBroker(flags, around, async (broker) => {
    await carryOut(broker, name, partitions, changes, true);
    if (!validateOnly) await carryOut(broker, name, partitions, changes, false);
  });
  const what = [partitions === undefined ? '' : `${partitions} partitions`, isEmpty(changes) ? '' : changesText(changes)];
  const json = { name, partitions, ...changesToJson(changes), validateOnly };
  say(
    flags,
    around,
    json,
    `${validateOnly ? 'Would alter' : 'Altered'} topic "${name}": ${what.filter((each) => each !== '').join('; ')}.`,
  );
}

async function carryOut(
  broker: BootstrapConnection,
  name: string,
  partitions: number | undefined,
  changes: ConfigChanges,
  validateOnly: boolean,
): Promise<void> {
  if (partitions !== undefined) {
    await createPartitions(broker, name, partitions, validateOnly).catch((error: unknown) => {
      throw isKafka(error, 'UNKNOWN_TOPIC_OR_PARTITION') ? noSuchTopic(name, broker) : refused(error, `topic "${name}" was not altered`);
    });
  }
  if (!isEmpty(changes)) await alterOne(broker, { type: 'topic', name }, changes, validateOnly, '--config');
}
