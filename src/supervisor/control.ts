import { realClock } from '../core/clock.ts';
import { nodeCodeOf } from '../core/errors.ts';
import { connectLocal, type LineWire, listenLocal } from '../core/local-socket.ts';
import { realFiles } from '../core/real-files.ts';
import { controlPath } from './control-path.ts';
import { type BrokerStatus, type Supervisor, SupervisorError } from './supervisor.ts';

/** What the command line asks the supervisor of a running cluster. */
export type ControlRequest =
  | { readonly command: 'status' }
  | { readonly command: 'restart'; readonly broker: number }
  | { readonly command: 'stop' };

export type ControlReply =
  | { readonly kind: 'done'; readonly pid: number; readonly brokers: readonly BrokerStatus[] }
  | { readonly kind: 'failed'; readonly message: string };

/** It is told at once, where a broker that stops or starts takes its time. */
const STATUS_TIMEOUT_MS = 5_000;

/** The cluster in this directory has a supervisor, or has none. Its message is one line. */
export class ControlError extends Error {
  override name = 'ControlError';
}

class NobodyThereError extends ControlError {}

/** @throws ControlError when another supervisor answers there, or is there and does not */
export async function refuseSecond(directory: string): Promise<void> {
  const reply = await ask(directory, { command: 'status' }).catch((error: unknown) => {
    if (error instanceof NobodyThereError) return null;
    throw error;
  });
  if (reply)
    throw new ControlError(
      `a cluster runs in ${directory} already, under process ${reply.pid}; stop it with "minikafka cluster stop --data ${directory}"`,
    );
}

/**
 * Answers the command line for as long as the supervisor runs.
 * @param stop ends the supervisor; resolves when no broker runs any more
 */
export async function serveControl(directory: string, supervisor: Supervisor, stop: () => Promise<void>): Promise<{ close(): void }> {
  const path = controlPath(directory);
  if (process.platform !== 'win32') realFiles.remove(path); // left over: nobody answered there
  const act = async (request: ControlRequest) => {
    if (request.command === 'restart') await supervisor.restart(request.broker);
    else if (request.command === 'stop') await stop();
    else if (request.command !== 'status') throw new SupervisorError('the supervisor of this cluster is of another version');
  };
  const listening = await listenLocal(path, () => ({
    message: (message, wire) => {
      act(message as ControlRequest).then(
        () => answer(wire, { kind: 'done', pid: process.pid, brokers: supervisor.status() }),
        (error: unknown) => answer(wire, { kind: 'failed', message: error instanceof Error ? error.message : String(error) }),
      );
    },
    closed: () => {},
  }));
  return {
    close: () => {
      listening.close();
      if (process.platform !== 'win32') realFiles.remove(path);
    },
  };
}

function answer(wire: LineWire, reply: ControlReply): void {
  wire.send(reply);
  wire.close();
}

/** @throws ControlError when no supervisor runs there, or it refuses */
export async function ask(directory: string, request: ControlRequest): Promise<Extract<ControlReply, { kind: 'done' }>> {
  let reply: ControlReply | null = null;
  let closed!: () => void;
  const end = new Promise<void>((resolve) => {
    closed = resolve;
  });
  let wire: LineWire;
  try {
    wire = await connectLocal(controlPath(directory), {
      message: (message) => {
        reply = message as ControlReply;
      },
      closed,
    });
  } catch (error) {
    if (!['ENOENT', 'ECONNREFUSED', 'ENOTDIR'].includes(nodeCodeOf(error))) throw error;
    throw new NobodyThereError(`no cluster runs in ${directory}; start one with "minikafka cluster start --data ${directory}"`);
  }
  wire.send(request);
  const timer = request.command === 'status' ? realClock.after(STATUS_TIMEOUT_MS, () => closed()) : null;
  await end;
  timer?.cancel();
  wire.close();
  const final = reply as ControlReply | null; // assigned in a callback, which TypeScript does not see
  if (final === null) throw new ControlError(`the supervisor of the cluster in ${directory} has not answered`);
  if (final.kind === 'failed') throw new ControlError(final.message);
  return final;
}
