import { leaveRoomToCompilers } from './compilation.ts';
import { streamOutput } from './output.ts';
import { run } from './program.ts';

// `minikafka topics list | head -1`: whoever read has seen enough.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  if (process.stdout.listenerCount('error') === 1) process.exit(0); // a command that listens itself has something to finish first
});

const exitCode = await run(process.argv.slice(2), {
  out: streamOutput(process.stdout),
  err: streamOutput(process.stderr),
  env: process.env,
});
process.exitCode = exitCode;
leaveRoomToCompilers();
// A start that broke off may have left something open, which must not keep the process.
if (exitCode !== 0) process.stdout.write('', () => process.stderr.write('', () => process.exit(exitCode))); // both may be pipes that are full
