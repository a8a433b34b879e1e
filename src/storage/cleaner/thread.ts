import { parentPort } from 'node:worker_threads';
import { realClock } from '../../core/clock.ts';
import { nodeCodeOf } from '../../core/errors.ts';
import { realFiles } from '../../core/real-files.ts';
import type { CompactionSession } from './sessions.ts';
import type { CleanerAnswer, CleanerRequest } from './thread-protocol.ts';
import { TurnRunner } from './turn-runner.ts';

/** Between two looks at what else is asked. */
const TURN_MS = 20;

/** The program of the cleaner's thread, an entry of its own in dist/: compactions on the real disk, away from the broker's event loop. */
function serveCleaner(): void {
  const port = parentPort;
  if (!port) return; // loaded by somebody else
  const blockBytes = Number.POSITIVE_INFINITY;
  const runner = new TurnRunner({ clock: realClock, files: realFiles, turnMs: TURN_MS, blockBytes, blocking: true });
  const sessions = new Map<number, CompactionSession>();
  const answer = (message: CleanerAnswer) => port.postMessage(message);
  const failed = (id: number, error: Error) => answer({ id, failure: { message: error.message, code: nodeCodeOf(error) || undefined } });
  port.on('message', (request: CleanerRequest) => {
    switch (request.kind) {
      case 'begin':
        sessions.set(request.id, runner.begin(request.job));
        return;
      case 'next': {
        const { id } = request;
        sessions.get(id)?.next((error, event) => {
          if (error || !event) sessions.delete(id);
          if (error) failed(id, error);
          else answer({ id, event });
        });
        return;
      }
      case 'end':
        sessions.get(request.id)?.end();
        sessions.delete(request.id);
        return;
      case 'sync':
        runner.syncDirectory(request.folder, (error) => (error ? failed(request.id, error) : answer({ id: request.id, event: null })));
        return;
      case 'stop':
        runner.stop();
        port.close();
    }
  });
  answer({ ready: true });
}

serveCleaner();
