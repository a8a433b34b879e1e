// Consumers of old data, in a process of their own so that what they cost is not the producer's: node lagging.js PORT COUNT END
// Prints what was read, in bytes, every 100 ms, until it is killed.
import { connect, fetch, offsetsIn } from './client.js';

const [port, count, end] = process.argv.slice(2).map(Number);
let bytes = 0;

/** @param {number} offset */
async function lag(offset) {
  const connection = await connect(port);
  for (let next = offset; ; ) {
    const records = await fetch(connection, 'old', next);
    bytes += records.byteLength;
    next = offsetsIn(records).next;
    if (next < 0 || next >= end) next = 0;
  }
}

setInterval(() => process.stdout.write(`${bytes}\n`), 100);
await Promise.all(Array.from({ length: count }, (_, i) => lag(Math.floor((i * end) / count))));
