import { join } from 'node:path';
import type { Command } from 'commander';
import type { Context } from '../output.ts';
import type { ImportFlags } from '../topic-import.ts';
import { collect } from './collect.ts';

const DEFAULT_DATA = './minikafka-data'; // as start has it
const EXAMPLES = `
Examples:
  minikafka topics import /var/lib/kafka/data --data ./minikafka-data
  minikafka topics import ./kafka-logs --topic orders --config retention.ms=-1`;

export function addTopicImport(topics: Command, context: Context): void {
  topics
    .command('import')
    .argument('<directory>', 'where the partition folders are: a directory of log.dirs, of Apache Kafka or of minikafka')
    .summary('copy topics from the disk of Apache Kafka')
    .description(
      'Copy partition folders that Apache Kafka wrote into the data of a minikafka that is not running. Stop Apache Kafka first. ' +
        'Topics keep their names, ids and offsets; groups and topic configs do not come along.',
    )
    .option('--data <directory>', 'the data of minikafka, created if it is not there', DEFAULT_DATA)
    .option('--topic <name>', 'import this topic only (repeatable; default: all)', collect)
    .option('--config <key=value>', 'one setting for all imported topics (repeatable)', collect)
    .option('--json', 'write JSON')
    .addHelpText('after', EXAMPLES)
    .action((directory: string, flags: ImportFlags) => importFrom(directory, flags, context));
}

/** Only what this command needs is loaded, and only now. */
async function importFrom(directory: string, flags: ImportFlags, { out, err }: Context): Promise<void> {
  const [{ importTopics }, { realFiles: files }, { realClock: clock }, { openSqliteStore }] = await Promise.all([
    import('../topic-import.ts'),
    import('../../core/real-files.ts'),
    import('../../core/clock.ts'),
    import('../../metadata/sqlite-store.ts'),
  ]);
  const openStore = async (data: string) => openSqliteStore(join(data, 'metadata.db'), { clock });
  await importTopics(directory, flags, { out, err, files, openStore });
}
