import type { FileHandle, Files } from '../../core/files.ts';
import { CliError, codeOf, messageOf, usageError } from '../errors.ts';
import { bold, type Output } from '../output.ts';
import { dumpOffsetIndex, dumpSnapshot, dumpTimeIndex, dumpTransactionIndex } from './dump-entries.ts';
import { dumpLog } from './dump-log.ts';
import { dumpJson, dumpLeaderEpochs, dumpOffsetCheckpoint, dumpProperties, readText } from './dump-text.ts';
import { type FileKind, fileKind, offsetOfName } from './file-kind.ts';
import { LineWriter } from './line-writer.ts';

export interface DumpFlags {
  readonly records?: boolean;
  readonly decode?: 'offsets';
  readonly json?: boolean;
}

const NAMES = {
  log: 'log segment',
  offsetIndex: 'offset index',
  timeIndex: 'time index',
  transactionIndex: 'transaction index',
  snapshot: 'producer snapshot',
  leaderEpochs: 'leader epochs',
  offsetCheckpoint: 'offset checkpoint',
  properties: 'properties',
  json: 'JSON',
} satisfies Record<FileKind, string>;

/**
 * Prints files of a Kafka log directory. Damage in a file is part of what is printed; a file that cannot be read is told at the end.
 * @throws CliError
 */
export async function dump(paths: readonly string[], flags: DumpFlags, files: Files, out: Output): Promise<void> {
  const problems: CliError[] = [];
  const writer = new LineWriter(out, flags.json === true);
  for (const [i, path] of paths.entries()) {
    if (!writer.json && i > 0 && problems.length < i) writer.row({}, '');
    try {
      const file = openFile(files, path);
      try {
        await dumpFile(path, file, flags, writer, out);
      } finally {
        file.close();
      }
    } catch (error) {
      problems.push(error instanceof CliError ? error : new CliError(`${path}: ${messageOf(error)}`));
    }
    writer.flush();
  }
  if (problems.length === 0) return;
  const exitCode = problems.some((problem) => problem.exitCode === 1) ? 1 : 2;
  throw new CliError(problems.map(messageOf).join('; '), exitCode);
}

function openFile(files: Files, path: string): FileHandle {
  if (files.isDirectory(path)) throw usageError(`${path} is a directory: name files in it, or check all of it with "minikafka log verify"`);
  try {
    return files.open(path, 'r');
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') throw usageError(`${path}: there is no such file`);
    throw new CliError(code === 'EACCES' ? `${path}: no permission to read it` : `${path}: ${messageOf(error)}`);
  }
}

async function dumpFile(path: string, file: FileHandle, flags: DumpFlags, writer: LineWriter, out: Output): Promise<void> {
  const kind = fileKind(path, file);
  if (kind === null) throw usageError(`${path} is no file of a Kafka log directory, by its name and its content`);
  const sizeInBytes = file.size();
  const baseOffset = offsetOfName(path);
  const where = baseOffset === null || kind === 'leaderEpochs' ? '' : `, ${kind === 'snapshot' ? 'before' : 'base'} offset ${baseOffset}`;
  if (!writer.json) writer.row({}, bold(`${path}: ${NAMES[kind]}${where}, ${sizeInBytes} bytes`, out));
  switch (kind) {
    case 'log':
      return dumpLog(path, file, writer, {
        records: flags.records === true || flags.decode !== undefined,
        decodeOffsets: flags.decode === 'offsets',
      });
    case 'offsetIndex':
      return dumpOffsetIndex(path, file, baseOffset ?? 0, writer);
    case 'timeIndex':
      return dumpTimeIndex(path, file, baseOffset ?? 0, writer);
    case 'transactionIndex':
      return dumpTransactionIndex(path, file, writer);
    case 'snapshot':
      return dumpSnapshot(path, file, writer);
  }
  const content = readText(file);
  if (content === null) throw new CliError(`${path}: ${sizeInBytes} bytes, too many for such a file`);
  if (kind === 'leaderEpochs') dumpLeaderEpochs(path, content, writer);
  else if (kind === 'offsetCheckpoint') dumpOffsetCheckpoint(path, content, writer);
  else if (kind === 'properties') dumpProperties(path, content, writer);
  else dumpJson(path, content, writer);
}
