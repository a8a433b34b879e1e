import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Writes files into a folder that has the package installed; their names are relative to it. */
export function writeFiles(folder: string, files: Readonly<Record<string, string | object>>): void {
  for (const [name, content] of Object.entries(files)) {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  }
}

/** Uses all that the package exports, and what its types must refuse. */
const USE = `
export async function use(): Promise<string> {
  const options: StartOptions = { topics: { a: 1, b: { partitions: 2, configs: { 'retention.ms': 1000 } } } };
  const broker: RunningBroker = await startBroker(options);
  try {
    await broker.createTopic('a');
    return 'no error';
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.join();
    return error instanceof KafkaError ? (error.errorName satisfies ErrorName) : String(error);
  } finally {
    await broker[Symbol.asyncDispose]();
  }
}
// @ts-expect-error a port is a number
export const wrong: StartOptions = { port: '9092' };
void use().then((said) => console.log(said, broker()));
declare const console: { log(...values: unknown[]): void };
function broker(): number {
  return new KafkaError('TOPIC_ALREADY_EXISTS').code;
}
`;
const IMPORT = `import { ConfigError, type ErrorName, KafkaError, type RunningBroker, startBroker, type StartOptions } from 'minikafka';\n`;

/** `strict` and checked libraries; no @types at all, so that the package's declarations have to stand alone. */
const tsconfig = (more: object) => ({
  compilerOptions: { strict: true, skipLibCheck: false, target: 'es2022', types: [], rootDir: '.', outDir: 'out', ...more },
  files: ['use.ts'],
});

/** TypeScript programs, each as a folder of its own below the one where the package is installed. */
export const TYPESCRIPT: Readonly<Record<string, Readonly<Record<string, string | object>>>> = {
  nodenext: {
    'package.json': { type: 'module' },
    'use.ts': IMPORT + USE,
    'tsconfig.json': tsconfig({ module: 'nodenext' }),
  },
  bundler: {
    'package.json': { type: 'module' },
    'use.ts': IMPORT + USE,
    'tsconfig.json': tsconfig({ module: 'esnext', moduleResolution: 'bundler' }),
  },
  commonjs: {
    'package.json': { type: 'commonjs' },
    'use.ts': IMPORT + USE,
    'tsconfig.json': tsconfig({ module: 'node16' }), // node16 refuses a require() of an ES module
  },
};

/** A Jest test as its users write it: CommonJS, no options. */
export const JEST = `
const { mkdtempSync, rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { Kafka, logLevel } = require('kafkajs');
const { KafkaError, startBroker } = require('minikafka');

async function roundTrip(broker, topic) {
  const kafka = new Kafka({ brokers: [broker.bootstrapServers], logLevel: logLevel.NOTHING, retry: { initialRetryTime: 50 } });
  const producer = kafka.producer();
  await producer.connect();
  await producer.send({ topic, messages: [{ key: 'k', value: 'v' }] });
  await producer.disconnect();
  const consumer = kafka.consumer({ groupId: 'g' });
  try {
    await consumer.connect();
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    return await new Promise((resolve, reject) => {
      consumer.run({ eachMessage: async ({ message }) => resolve(String(message.value)) }).catch(reject);
    });
  } finally {
    await consumer.disconnect();
  }
}

test('a broker in memory', async () => {
  const broker = await startBroker({ topics: { orders: 2 } });
  try {
    expect(await roundTrip(broker, 'orders')).toBe('v');
    await expect(broker.createTopic('orders')).rejects.toThrow(KafkaError);
  } finally {
    await broker.close();
  }
});

test('a broker with a folder', async () => {
  const data = mkdtempSync(join(tmpdir(), 'minikafka-jest-'));
  try {
    for (const topic of ['first', 'second']) {
      const broker = await startBroker({ data, topics: { [topic]: 1 } });
      try {
        expect(await roundTrip(broker, topic)).toBe('v');
        await expect(startBroker({ data })).rejects.toThrow(/in use|used|lock/i);
      } finally {
        await broker.close();
      }
    }
  } finally {
    rmSync(data, { recursive: true, force: true });
  }
});
`;

/** Runs where the optional packages are missing; prints one line for each thing that it tries. */
export const WITHOUT_OPTIONAL = `
import kafkajs from 'kafkajs';
import { startBroker } from 'minikafka';
const { CompressionCodecs, CompressionTypes, Kafka, logLevel } = kafkajs;
// A valid raw snappy block: one literal.
const snappy = (bytes) => {
  const varint = [];
  for (let rest = bytes.length; ; rest >>>= 7) { if (rest < 128) { varint.push(rest); break; } varint.push((rest & 127) | 128); }
  return Buffer.concat([Buffer.from([...varint, 0xf4, (bytes.length - 1) & 255, (bytes.length - 1) >> 8]), bytes]);
};
CompressionCodecs[CompressionTypes.Snappy] = () => ({ compress: async ({ buffer }) => snappy(buffer), decompress: async () => { throw new Error('none'); } });
const broker = await startBroker({ topics: { t: 1 } });
const kafka = new Kafka({ brokers: [broker.bootstrapServers], logLevel: logLevel.NOTHING, retry: { retries: 0 } });
const producer = kafka.producer();
await producer.connect();
for (const compression of ['None', 'GZIP', 'Snappy']) {
  const sent = producer.send({ topic: 't', acks: -1, compression: CompressionTypes[compression], messages: [{ value: 'v'.repeat(100) }] });
  console.log(compression, await sent.then(() => 'OK', (error) => error.type ?? error.message));
}
await producer.disconnect();
await broker.close();
`;
