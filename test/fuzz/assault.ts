import { setTimeout as sleep } from 'node:timers/promises';
import { framed } from '../support/raw-client.ts';
import { type Chance, chance } from './chance.ts';
import { Conversation, type Figures } from './conversation.ts';
import type { Corpus, Known, SeedFrame } from './corpus.ts';
import { mutated } from './mutate.ts';

const REPLY_DEADLINE_MS = 1_000;
/** Length, key, version: what stands behind them is the correlation id and the rest of the header. */
const BEHIND_CORRELATION_ID = 8;
const LENGTHS = [-1, -0x80000000, 0x7fffffff, 100 << 20, (100 << 20) + 1, 50 << 20, 1 << 20, 0, 1, 7];

type Assault = (conversation: Conversation, corpus: Corpus, chance: Chance) => Promise<void> | void;

/** Each with its weight: how often it is chosen, relative to the others. */
const ASSAULTS: readonly { readonly weight: number; readonly act: Assault }[] = [
  {
    weight: 30, // mutated requests of every API
    async act(conversation, corpus, chance) {
      for (let left = chance.between(1, 12); left > 0 && !conversation.closed; left--) {
        conversation.write(framed(hostileFrame(corpus, chance)));
        if (chance.percent(70)) await conversation.settled(REPLY_DEADLINE_MS);
      }
      await conversation.settled(REPLY_DEADLINE_MS);
    },
  },
  {
    weight: 20, // batches that get past their CRC
    async act(conversation, corpus, chance) {
      for (let left = chance.between(1, 12); left > 0; left--) conversation.write(framed(corpus.produce(chance).bytes));
      await conversation.settled(REPLY_DEADLINE_MS);
    },
  },
  {
    weight: 10, // a valid request with one mutated behind it, many at once, in pieces that do not end where frames do
    async act(conversation, corpus, chance) {
      const frames = Array.from({ length: chance.between(20, 150) }, () =>
        framed(chance.percent(99) ? corpus.valid(chance).bytes : hostileFrame(corpus, chance)),
      );
      let rest: Buffer = Buffer.concat(frames);
      while (rest.byteLength > 0 && !conversation.closed) {
        const length = chance.between(1, 8000);
        conversation.write(rest.subarray(0, length));
        rest = rest.subarray(length);
        if (chance.percent(30)) await sleep(1);
      }
      await conversation.settled(2 * REPLY_DEADLINE_MS);
    },
  },
  {
    weight: 6, // byte by byte
    async act(conversation, corpus, chance) {
      const bytes = framed(chance.percent(70) ? corpus.valid(chance).bytes : hostileFrame(corpus, chance)).subarray(0, 300);
      for (let at = 0; at < bytes.byteLength && !conversation.closed; at++) {
        conversation.write(bytes.subarray(at, at + 1));
        await sleep(1);
      }
      await conversation.settled(REPLY_DEADLINE_MS);
    },
  },
  {
    weight: 8, // half a frame, and gone
    async act(conversation, corpus, chance) {
      const bytes = framed(corpus.valid(chance).bytes);
      conversation.write(bytes.subarray(0, chance.between(1, bytes.byteLength)));
      await sleep(chance.pick([0, 1, 50, 1000]));
    },
  },
  {
    weight: 6, // noise
    async act(conversation, _, chance) {
      conversation.write(chance.bytes(chance.pick([1, 4, 8, 100, 4000])));
      await sleep(chance.pick([0, 20, 200]));
    },
  },
  {
    weight: 8, // lengths that are not those of the frames
    async act(conversation, corpus, chance) {
      const bytes = framed(corpus.valid(chance).bytes);
      bytes.writeInt32BE(chance.percent(70) ? chance.pick(LENGTHS) : bytes.byteLength + chance.between(-12, 12), 0);
      conversation.write(bytes);
      for (let left = chance.between(0, 3); left > 0; left--) conversation.write(framed(corpus.valid(chance).bytes));
      await sleep(chance.pick([1, 50, 500]));
    },
  },
  {
    weight: 3, // asks for much and never reads it
    async act(conversation, corpus, chance) {
      conversation.socket.pause();
      for (let left = 300; left > 0 && conversation.socket.writableLength < 1 << 18; left--)
        conversation.write(framed(corpus.wordy(chance).bytes));
      await sleep(chance.between(500, 3000));
    },
  },
  {
    weight: 2, // a large frame, whole or cut off
    async act(conversation, corpus, chance) {
      const { bytes } = corpus.valid(chance);
      const large = framed(Buffer.concat([bytes, Buffer.alloc(chance.between(1, 4) << 20, chance.below(256))]));
      conversation.write(chance.percent(50) ? large : large.subarray(0, chance.between(1 << 18, large.byteLength)));
      await conversation.settled(REPLY_DEADLINE_MS);
    },
  },
];
const TOTAL_WEIGHT = ASSAULTS.reduce((sum, { weight }) => sum + weight, 0);

function hostileFrame(corpus: Corpus, chance: Chance): Buffer {
  const { bytes }: SeedFrame = chance.percent(10) ? corpus.produce(chance) : corpus.valid(chance);
  if (chance.percent(10)) return bytes;
  // Mostly the header stays: what it names is what the rest is read as.
  return mutated(bytes, chance.percent(85) ? BEHIND_CORRELATION_ID : 0, chance, () => corpus.valid(chance).bytes);
}

export interface Battlefield {
  readonly port: number;
  readonly corpus: Corpus;
  readonly known: Known;
  readonly figures: Figures;
}

/** One hostile connection from its beginning to its end. `seed` decides what it sends, but for the ids that the broker gave. */
export async function assault({ port, corpus, figures, known }: Battlefield, seed: number): Promise<void> {
  const chosen = chance(seed);
  let weight = chosen.below(TOTAL_WEIGHT);
  const { act } = ASSAULTS.find((each) => (weight -= each.weight) < 0)!;
  const conversation = new Conversation(port, `connection with seed ${seed}`, figures, known);
  await conversation.connected();
  await act(conversation, corpus, chosen);
  conversation.leave(chosen.percent(50) ? 'end' : 'destroy');
}

/** Many connections at once, which say nothing or half a word. */
export async function crowd({ port, figures, known }: Battlefield, size: number): Promise<void> {
  const conversations = Array.from({ length: size }, () => new Conversation(port, 'one of a crowd', figures, known));
  await Promise.all(conversations.map((each) => each.connected()));
  for (const [i, each] of conversations.entries()) if (i % 2 === 0) each.write(Buffer.of(0, 0, 1));
  await sleep(300);
  for (const each of conversations) each.leave('destroy');
}
