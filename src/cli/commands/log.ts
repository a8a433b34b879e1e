import { type Command, Option } from 'commander';
import type { DumpFlags } from '../log/dump.ts';
import type { VerifyFlags } from '../log/verify.ts';
import type { Context } from '../output.ts';

const SEGMENT = 'minikafka-data/orders-0/00000000000000000000';

export function addLog(program: Command, context: Context): void {
  const log = program
    .command('log')
    .summary('look into the files of a broker')
    .description("Look into the files of a broker's log directory: of minikafka, or of Apache Kafka. They are only read.")
    .addHelpText('after', examples(`log dump ${SEGMENT}.log --records`, 'log verify minikafka-data'));

  log
    .command('dump')
    .argument('<file...>', 'a .log, .index, .timeindex, .txnindex, .snapshot, a checkpoint, partition.metadata, meta.properties')
    .summary('print what a file holds')
    .description(
      'Print what a file holds: batches, index entries, producers, offsets. Damage is printed where it is found; "minikafka log verify" judges it.',
    )
    .option('--records', 'the records of each batch, too')
    .addOption(new Option('--decode <what>', 'records as what they mean to the broker: those of __consumer_offsets').choices(['offsets']))
    .option('--json', 'write one JSON object per line')
    .addHelpText(
      'after',
      examples(
        `log dump ${SEGMENT}.log`,
        `log dump ${SEGMENT}.log --records --json`,
        `log dump ${SEGMENT}.index ${SEGMENT}.timeindex`,
        'log dump minikafka-data/__consumer_offsets-7/00000000000000000000.log --decode offsets',
      ),
    )
    .action(async (paths: string[], flags: DumpFlags) => {
      const [{ dump }, { realFiles }] = await Promise.all([import('../log/dump.ts'), import('../../core/real-files.ts')]);
      await dump(paths, flags, realFiles, context.out);
    });

  log
    .command('verify')
    .argument('<directory>', 'a data directory, or the folder of one partition')
    .summary('check logs for damage')
    .description(
      `Check logs for damage: the CRC of every batch, offsets, indexes, leader epochs, producer snapshots, checkpoints.
Exit code 0: no damage. 1: damage, a line for each. 2: there is no such directory, or no log in it.`,
    )
    .option('--deep', 'decompress the batches and read every record, too')
    .option('--json', 'write one JSON object per line')
    .addHelpText(
      'after',
      examples('log verify minikafka-data', 'log verify minikafka-data/orders-0 --deep', 'log verify /var/lib/kafka --json'),
    )
    .action(async (path: string, flags: VerifyFlags) => {
      const [{ verify }, { realFiles }, { realClock }] = await Promise.all([
        import('../log/verify.ts'),
        import('../../core/real-files.ts'),
        import('../../core/clock.ts'),
      ]);
      await verify(path, flags, { files: realFiles, clock: realClock, ...context });
    });
}

function examples(...lines: string[]): string {
  return ['', 'Examples:', ...lines.map((line) => `  minikafka ${line}`)].join('\n');
}
