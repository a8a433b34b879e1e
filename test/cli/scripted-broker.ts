import { tcpTransport } from '../../src/core/tcp-transport.ts';
import { decode, encode, type Struct } from '../support/interpreter.ts';
import { framed } from '../support/raw-client.ts';
import { kafkaMessages } from '../support/schema-files.ts';

const MESSAGES = kafkaMessages('api');
const METADATA = 3;

export interface ScriptedBroker {
  readonly address: string;
  /** The Metadata requests that came. */
  readonly requests: Struct[];
  close(): Promise<void>;
}

export const partitionOf = (partitionIndex: number, leaderId: number): Struct => ({
  errorCode: leaderId < 0 ? 5 : 0,
  partitionIndex,
  leaderId,
  replicaNodes: [1],
  isrNodes: [1],
});

/** A server that knows ApiVersions and, at one version, Metadata; by Kafka's own definitions. It takes whole requests in whole chunks. */
export async function scriptedBroker(metadataVersion: number, answer: () => Struct): Promise<ScriptedBroker> {
  const requests: Struct[] = [];
  const request = MESSAGES.get('MetadataRequest')!;
  const flexible = metadataVersion >= request.flexibleFrom;
  const reply = (frame: Buffer): Buffer => {
    const correlationId = frame.subarray(4, 8);
    if (frame.readInt16BE(0) !== METADATA) {
      const apiKeys = [{ apiKey: METADATA, minVersion: metadataVersion, maxVersion: metadataVersion }];
      return Buffer.concat([correlationId, encode(MESSAGES.get('ApiVersionsResponse')!, 0, { errorCode: 0, apiKeys })]);
    }
    const body = 10 + frame.readInt16BE(8) + (flexible ? 1 : 0);
    requests.push(decode(request, metadataVersion, frame.subarray(body)));
    const tags = flexible ? Buffer.of(0) : Buffer.alloc(0);
    return Buffer.concat([correlationId, tags, encode(MESSAGES.get('MetadataResponse')!, metadataVersion, answer())]);
  };
  const listening = await tcpTransport.listen({ host: '127.0.0.1', port: 0 }, (wire) => {
    wire.start({
      data: (chunk) => wire.write([framed(reply(Buffer.from(chunk).subarray(4)))]),
      drained: () => {},
      closed: () => {},
    });
  });
  return { address: `127.0.0.1:${listening.address.port}`, requests, close: () => listening.close() };
}
