import { readFileSync } from 'node:fs';

/** One partition's records of a Produce request that a real client sent, cut out by hand: no codec of ours is involved. */
export interface ProducedBatch {
  readonly client: string;
  readonly version: number;
  readonly records: Buffer;
}

/** First flexible version of Produce, and the first with topic ids. */
const FLEXIBLE = 9;
const TOPIC_IDS = 13;

/** The records of every golden Produce request from v3 on (v0-2 carry message sets of the old formats). Fresh copies at each call. */
export function producedBatches(): ProducedBatch[] {
  const lines = readFileSync(new URL('../golden/Produce.jsonl', import.meta.url), 'utf8')
    .trim()
    .split('\n');
  return lines
    .map((line) => JSON.parse(line) as { version: number; client: string; kind: string; hex: string })
    .filter(({ kind, version }) => kind === 'request' && version >= 3)
    .flatMap(({ version, client, hex }) => recordsIn(Buffer.from(hex, 'hex'), version).map((records) => ({ client, version, records })));
}

function recordsIn(frame: Buffer, version: number): Buffer[] {
  const flexible = version >= FLEXIBLE;
  let at = 8; // api key, version, correlation id
  const int16 = () => frame.readInt16BE((at += 2) - 2);
  const int32 = () => frame.readInt32BE((at += 4) - 4);
  const uvarint = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = frame[at++]!;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  const tags = () => {
    if (flexible && uvarint() !== 0) throw new Error('tags in a golden Produce request');
  };
  const string = () => {
    const length = flexible ? uvarint() - 1 : int16();
    at += Math.max(length, 0);
  };
  const count = () => (flexible ? uvarint() - 1 : int32());

  const clientIdLength = int16(); // an int16 length in every version
  at += Math.max(clientIdLength, 0);
  tags();
  string(); // transactional id
  at += 6; // acks, timeout
  const found: Buffer[] = [];
  for (let topics = count(); topics > 0; topics--) {
    if (version >= TOPIC_IDS) at += 16;
    else string();
    for (let partitions = count(); partitions > 0; partitions--) {
      at += 4; // index
      const length = count();
      found.push(frame.subarray(at, at + length));
      at += length;
      tags();
    }
    tags();
  }
  tags();
  if (at !== frame.byteLength) throw new Error(`a golden Produce request of version ${version} was not understood`);
  return found;
}
