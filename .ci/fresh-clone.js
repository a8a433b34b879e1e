// Clones the checkout and does there what a newcomer does: `npm start`, a client, Ctrl-C.
//   node .ci/fresh-clone.js CHECKOUT
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Kafka, logLevel } from 'kafkajs';

const [checkout] = process.argv.slice(2);
const START_DEADLINE_MS = 180_000; // it installs and builds first
const STOP_DEADLINE_MS = 20_000;
const folder = mkdtempSync(join(tmpdir(), 'minikafka-clone-'));
const clone = join(folder, 'minikafka');

function within(promise, ms, what) {
  return Promise.race([
    promise,
    sleep(ms, null, { ref: false }).then(() => {
      throw new Error(`${what}: not in ${ms} ms`);
    }),
  ]);
}

/** The port in the start line. */
function listening(child) {
  return new Promise((resolve, reject) => {
    let output = '';
    const collect = (text) => {
      process.stdout.write(text);
      output += text;
      const port = /listen(?:s|ing) on\s+[^\s,]*:(\d+)/i.exec(output)?.[1];
      if (port) resolve(Number(port));
    };
    child.stdout.setEncoding('utf8').on('data', collect);
    child.stderr.setEncoding('utf8').on('data', collect);
    child.once('close', (code) => reject(new Error(`npm start ended with ${code}`)));
  });
}

async function sendAndRead(port) {
  const kafka = new Kafka({ brokers: [`localhost:${port}`], logLevel: logLevel.NOTHING });
  const producer = kafka.producer();
  const consumer = kafka.consumer({ groupId: 'fresh' });
  await Promise.all([producer.connect(), consumer.connect()]);
  await producer.send({ topic: 'test', messages: [{ key: 'key', value: 'value' }] });
  await consumer.subscribe({ topic: 'test', fromBeginning: true });
  const value = await within(
    new Promise((resolve) => {
      consumer.run({ eachMessage: async ({ message }) => resolve(String(message.value)) });
    }),
    30_000,
    'a record',
  );
  if (value !== 'value') throw new Error(`sent "value", read "${value}"`);
  await Promise.all([producer.disconnect(), consumer.disconnect()]);
}

process.env.KAFKAJS_NO_PARTITIONER_WARNING = '1';
execFileSync('git', ['clone', '--quiet', checkout, clone], { stdio: 'inherit' });
// Detached: npm and its children form a process group, as in a terminal, so that Ctrl-C can be sent to all of them.
const child = spawn('npm', ['start', '--', '--port', '0', '--data', join(folder, 'data')], {
  cwd: clone,
  detached: true,
  stdio: ['ignore', 'pipe', 'pipe'],
});
const closed = once(child, 'close');
try {
  const port = await within(listening(child), START_DEADLINE_MS, 'the start line');
  await sendAndRead(port);
  process.kill(-child.pid, 'SIGINT');
  // 'close' comes when the last process that holds the pipes has ended, the broker itself.
  await within(closed, STOP_DEADLINE_MS, 'the end after Ctrl-C');
  console.log('npm start in a fresh clone: a client sent and read, Ctrl-C stopped it');
} finally {
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // nobody is left
  }
  rmSync(folder, { recursive: true, force: true });
}
