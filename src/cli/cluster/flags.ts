import { realFiles } from '../../core/real-files.ts';
import { ControlError } from '../../supervisor/control.ts';
import { SupervisorError } from '../../supervisor/supervisor.ts';
import { CliError, usageError } from '../errors.ts';

export interface ClusterFlags {
  /** The cluster's directory. */
  readonly data: string;
}

export interface RestartFlags extends ClusterFlags {
  readonly broker?: number | undefined;
  /** A duration. */
  readonly timeout: string;
}

export interface StatusFlags extends ClusterFlags {
  readonly json?: boolean | undefined;
}

/** The directory, which must be there. @throws CliError */
export function existingDirectory({ data }: ClusterFlags): string {
  if (data.trim() === '') throw usageError('--data is empty; write a directory');
  if (realFiles.isDirectory(data)) return data;
  throw new CliError(`there is no cluster in ${data}; "minikafka cluster start --data ${data}" starts one`);
}

/** What the supervisor says against it, as a line for the terminal. */
export function explained(error: unknown): unknown {
  return error instanceof ControlError || error instanceof SupervisorError ? new CliError(error.message) : error;
}
