import { decode, type Struct } from './interpreter.ts';
import { kafkaMessages } from './schema-files.ts';
import { goldenFrames } from './schema-golden.ts';

/** One partition's message set, as it was on the wire between kafka-python and Apache Kafka 3.9.1. */
export interface GoldenMessageSet {
  readonly client: string;
  readonly version: number;
  readonly set: Buffer;
}

/** What clients sent in Produce before v3. */
export const producedMessageSets = (): GoldenMessageSet[] => setsIn('Produce', 'request', 2, 'topicData', 'partitionData');
/** What Apache Kafka answered to Fetch before v4. */
export const fetchedMessageSets = (): GoldenMessageSet[] => setsIn('Fetch', 'response', 3, 'responses', 'partitions');

function setsIn(api: string, kind: 'request' | 'response', last: number, topics: string, partitions: string): GoldenMessageSet[] {
  const message = kafkaMessages('api').get(`${api}${kind === 'request' ? 'Request' : 'Response'}`)!;
  return goldenFrames()
    .filter((frame) => frame.apiName === api && frame.kind === kind && frame.version <= last)
    .flatMap(({ client, version, bytes }) => {
      const frame = Buffer.from(bytes);
      // Key, version, correlation id and client id; a response has its correlation id alone.
      const headBytes = kind === 'request' ? 10 + frame.readInt16BE(8) : 4;
      const body = decode(message, version, frame.subarray(headBytes));
      const parts = (body[topics] as Struct[]).flatMap((topic) => topic[partitions] as Struct[]);
      return parts.map(({ records }) => ({ client, version, set: Buffer.from(records as Uint8Array) }));
    });
}
