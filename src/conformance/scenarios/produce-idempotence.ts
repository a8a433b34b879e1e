import { DeleteRecords, DeleteTopics, Fetch, Produce } from '../../protocol/messages/index.ts';
import { batchBytes } from '../batch-bytes.ts';
import { scenario } from '../scenario.ts';
import { one, PRODUCE_MODERN, type Topic, whole } from './produce-support.ts';

const MAX_SEQUENCE = 2 ** 31 - 1;
const MAX_EPOCH = 2 ** 15 - 1;

/** Batches of one producer, by the sequence of their first record. */
const producing =
  (topic: Topic, producerId: number) =>
  (baseSequence: number, values: readonly string[] = ['x'], producerEpoch = 0, acks = -1) =>
    one(topic, batchBytes({ values, producerId, producerEpoch, baseSequence }), acks);

export const produceIdempotenceScenarios = [
  scenario(
    Produce,
    'an idempotent producer',
    async (stage) => {
      const topic = await stage.topic('a');
      const producerId = await stage.producerId();
      const batch = (baseSequence: number, values = ['x'], producerEpoch = 0) =>
        one(topic, batchBytes({ values, producerId, producerEpoch, baseSequence }));
      await stage.step('sequence 0', batch(0, ['a', 'b']));
      await stage.step('the next', batch(2));
      await stage.step('the first again', batch(0, ['a', 'b']));
      await stage.step('a gap', batch(9));
      await stage.step('back, and no repetition', batch(1));
      await stage.step('a newer epoch that does not start at 0', batch(3, ['x'], 1));
      await stage.step('a newer epoch', batch(0, ['x'], 1));
      await stage.step('the older epoch', batch(3, ['x'], 0));
      await stage.step('no sequence', one(topic, batchBytes({ values: ['x'], producerId, producerEpoch: 1, baseSequence: -1 })));
      for (let i = 1; i <= 5; i++) await stage.step(`filling the window ${i}`, batch(i, ['x'], 1));
      await stage.step('the oldest in the window again', batch(1, ['x'], 1));
      await stage.step('one that has left the window', batch(0, ['x'], 1));
      await stage.step(
        'a producer id that nobody handed out',
        one(topic, batchBytes({ values: ['x'], producerId: 987_654_321, producerEpoch: 3, baseSequence: 5 })),
      );
      await stage.stepOf(Fetch, 11, 'what the log holds', whole(topic));
    },
    PRODUCE_MODERN,
  ),

  scenario(
    Produce,
    'sequences at the end of their range',
    async (stage) => {
      const topic = await stage.topic('a', { partitions: 3 });
      const across = producing(topic, 11);
      await stage.step('up to the last but one', across(MAX_SEQUENCE - 1));
      await stage.step('across the end', across(MAX_SEQUENCE, ['a', 'b', 'c']));
      await stage.step('across the end again', across(MAX_SEQUENCE, ['a', 'b', 'c']));
      await stage.step('too early', across(1));
      await stage.step('too late', across(3));
      await stage.step('the next', across(2));
      const exact = producing(topic, 12);
      await stage.step('exactly to the end', exact(MAX_SEQUENCE - 1, ['a', 'b']));
      await stage.step('the end again', exact(MAX_SEQUENCE));
      await stage.step('not from 1', exact(1));
      await stage.step('from 0', exact(0));
      await stage.stepOf(Fetch, 11, 'what the log holds', whole(topic));
    },
    PRODUCE_MODERN,
  ),

  scenario(
    Produce,
    'what counts as a repetition',
    async (stage) => {
      const topic = await stage.topic('a', { partitions: 2 });
      const batch = producing(topic, 21);
      await stage.step('three records', batch(0, ['a', 'b', 'c']));
      await stage.step('the same sequences, other records', batch(0, ['d', 'e', 'f']));
      await stage.step('the first of them', batch(0, ['a']));
      await stage.step('the last of them', batch(2, ['c']));
      await stage.step('more than them', batch(0, ['a', 'b', 'c', 'd']));
      await stage.step('repeated with acks=1', batch(0, ['a', 'b', 'c'], 0, 1));
      await stage.silent('repeated with acks=0', batch(0, ['a', 'b', 'c'], 0, 0));
      await stage.silent('a gap with acks=0', batch(9, ['x'], 0, 0));
      await stage.step(
        'repeated, compressed',
        one(topic, batchBytes({ values: ['a', 'b', 'c'], producerId: 21, producerEpoch: 0, baseSequence: 0, attributes: 1 })),
      );
      await stage.step(
        'the same sequences in another partition',
        one(topic, batchBytes({ values: ['a'], producerId: 21, producerEpoch: 0, baseSequence: 7 }), -1, 1),
      );
      await stage.step('the next here', batch(3));
      await stage.step('another producer, the same sequences', producing(topic, 22)(0, ['a', 'b', 'c']));
      await stage.step('and again the first', batch(4));
      await stage.step('without a producer in between', one(topic, batchBytes({ values: ['x'] })));
      await stage.step('still the next', batch(5));
      await stage.stepOf(Fetch, 11, 'what the log holds', whole(topic));
    },
    PRODUCE_MODERN,
  ),

  scenario(
    Produce,
    'epochs of a producer',
    async (stage) => {
      const topic = await stage.topic('a');
      const batch = producing(topic, 31);
      await stage.step('epoch 5', batch(0, ['x'], 5));
      await stage.step('epoch 4, from 0', batch(0, ['x'], 4));
      await stage.step('epoch 4, the next', batch(1, ['x'], 4));
      await stage.step('epoch 7, from 1', batch(1, ['x'], 7));
      await stage.step('epoch 7, from 0', batch(0, ['x'], 7));
      await stage.step('epoch 5 again', batch(0, ['x'], 5));
      await stage.step('the last epoch', batch(0, ['x'], MAX_EPOCH));
      await stage.step('epoch -1', batch(1, ['x'], -1));
      await stage.step('epoch -1 of a new producer', producing(topic, 32)(0, ['x'], -1));
      await stage.step('the next of it', producing(topic, 32)(1, ['x'], -1));
      await stage.step('epoch 0 after that', producing(topic, 32)(7, ['x'], 0));
      await stage.step('sequence -1 of a new producer', producing(topic, 33)(-1, ['x'], 0));
      await stage.step('sequence -2', producing(topic, 33)(-2, ['x'], 0));
      await stage.step(
        'sequence -1, transactional',
        one(topic, batchBytes({ values: ['x'], producerId: 34, producerEpoch: 0, baseSequence: -1, attributes: 16 })),
      );
      await stage.stepOf(Fetch, 11, 'what the log holds', whole(topic));
    },
    PRODUCE_MODERN,
  ),

  scenario(
    Produce,
    'repetitions on a LogAppendTime topic',
    async (stage) => {
      const topic = await stage.topic('a', { configs: { 'message.timestamp.type': 'LogAppendTime' } });
      const batch = producing(topic, 41);
      await stage.step('the first', batch(0));
      await stage.step('the first again', batch(0));
      await stage.step('a gap', batch(9));
    },
    PRODUCE_MODERN,
  ),

  scenario(
    Produce,
    'a producer whose records were deleted',
    async (stage) => {
      const topic = await stage.topic('a');
      const batch = producing(topic, 51);
      await stage.step('two batches', batch(0, ['a', 'b']));
      await stage.step('and another', batch(2, ['c']));
      await stage.ask(DeleteRecords, 1, {
        topics: [{ name: topic.name, partitions: [{ partitionIndex: 0, offset: -1 }] }],
        timeoutMs: 5000,
      });
      await stage.step('the last again', batch(2, ['c']));
      await stage.step('the first again', batch(0, ['a', 'b']));
      await stage.step('a gap', batch(9));
      await stage.step('the next', batch(3));
      await stage.ask(DeleteTopics, 5, { topicNames: [topic.name], timeoutMs: 5000 });
      const anew = await stage.topic('b');
      await stage.step('a gap in another topic', producing(anew, 51)(9));
    },
    PRODUCE_MODERN,
  ),

  scenario(
    Produce,
    'a window of five batches',
    async (stage) => {
      const topic = await stage.topic('a');
      const batch = producing(topic, 61);
      const sizes = [1, 2, 3, 1, 2, 3];
      let sequence = 0;
      const sent: { sequence: number; values: string[] }[] = [];
      for (const size of sizes) {
        const values = Array.from({ length: size }, (_, i) => `${sequence + i}`);
        await stage.step(`batch ${sent.length}`, batch(sequence, values));
        sent.push({ sequence, values });
        sequence += size;
      }
      for (const [i, { sequence: first, values }] of sent.entries()) await stage.step(`batch ${i} again`, batch(first, values));
      await stage.step('two of them as one', batch(sent[4]!.sequence, [...sent[4]!.values, ...sent[5]!.values]));
      await stage.step('the next', batch(sequence));
    },
    PRODUCE_MODERN,
  ),
];
