// A broker process as far as its peers watch it: `node liveness-process.mjs DIRECTORY ID EPOCH`. Says where it listens, and lives until it is killed.
import { realClock } from '../../src/core/clock.ts';
import { realFiles } from '../../src/core/real-files.ts';
import { stayAlive } from '../../src/core/stay-alive.ts';
import { tcpTransport } from '../../src/core/tcp-transport.ts';
import { Liveness } from '../../src/metadata/liveness.ts';

const [directory = '', id, epoch] = process.argv.slice(2);
stayAlive();
const liveness = await Liveness.open({
  transport: tcpTransport,
  clock: realClock,
  files: realFiles,
  directory: directory || null,
  id: Number(id),
  epoch: () => Number(epoch),
});
process.stdout.write(`at ${liveness.address}\n`);
