import type { Kafka } from 'kafkajs';
import type { Address } from '../core/transport.ts';
import { codecOf, MAX_DECOMPRESSED_BYTES } from '../protocol/records/compression.ts';
import { CliError, codeOf, messageOf } from './errors.ts';

export type KafkaJs = typeof import('kafkajs');

export interface KafkaJsClient {
  readonly library: KafkaJs;
  readonly kafka: Kafka;
}

const CONNECT_TIMEOUT_MS = 5_000;
/** About 20 s of trying: a broker that restarts is back by then. */
const RETRY = { initialRetryTime: 100, maxRetryTime: 2_000, retries: 12, restartOnFailure: async () => false };

/**
 * kafkajs with all of Kafka's codecs, and silent: what goes wrong comes as an error, to be told in one line.
 * @param addresses brokers to begin with
 */
export async function openKafkaJs(addresses: Iterable<Address>): Promise<KafkaJsClient> {
  hushNegativeTimeouts();
  const library = await load();
  const { CompressionCodecs, CompressionTypes, Kafka, logLevel } = library;
  for (const id of [CompressionTypes.Snappy, CompressionTypes.LZ4, CompressionTypes.ZSTD] as const) {
    const codec = codecOf(id);
    CompressionCodecs[id] = () => ({
      compress: async (encoder: { readonly buffer: Buffer }) => codec.compress(encoder.buffer),
      decompress: async (bytes: Buffer) => codec.decompress(bytes, MAX_DECOMPRESSED_BYTES),
    });
  }
  // kafkajs takes what follows the first colon for the port.
  const brokers = [...addresses].filter(({ host }) => !host.includes(':')).map(({ host, port }) => `${host}:${port}`);
  if (brokers.length === 0) throw new CliError('this command reaches no IPv6 address; give --bootstrap-server the name of the host');
  const kafka = new Kafka({
    clientId: 'minikafka-cli',
    brokers: [...new Set(brokers)],
    connectionTimeout: CONNECT_TIMEOUT_MS,
    logLevel: logLevel.NOTHING,
    logCreator: () => () => {},
    retry: RETRY,
  });
  return { library, kafka };
}

/** kafkajs 2.2.4 sets timers in the past, of which Node 22 and newer warn; nobody at a terminal can do anything about it. */
function hushNegativeTimeouts(): void {
  const emit = process.emitWarning.bind(process) as (warning: string | Error, ...more: unknown[]) => void;
  process.emitWarning = (warning: string | Error, ...more: unknown[]) => {
    if (more[0] !== 'TimeoutNegativeWarning') emit(warning, ...more);
  };
}

/** kafkajs is CommonJS: Node finds but some of its exports by name, and all of them under `default`. */
async function load(): Promise<KafkaJs> {
  const module: KafkaJs & { readonly default?: KafkaJs } = await import('kafkajs');
  return module.default ?? module;
}

/** Kafka's name of an error that a broker answered with, however deep kafkajs has wrapped it; undefined: it was none. */
export function brokerErrorOf(error: unknown): string | undefined {
  for (let each = error, depth = 0; each instanceof Error && depth < 10; each = each.cause, depth++) {
    const type: unknown = Reflect.get(each, 'type');
    if (typeof type === 'string') return type;
  }
  return undefined;
}

/** Why kafkajs gave up, in a few words: of its errors around errors, the innermost. */
export function reasonOf(error: unknown): string {
  let innermost = error;
  for (let depth = 0; innermost instanceof Error && innermost.cause instanceof Error && depth < 10; depth++) innermost = innermost.cause;
  const broker: unknown = innermost instanceof Error ? Reflect.get(innermost, 'broker') : undefined;
  if (typeof broker === 'string' && codeOf(innermost) === 'ECONNREFUSED') return `no broker answers at ${broker} (connection refused)`;
  return messageOf(innermost).replace(/\.$/, '');
}
