import { Fetch, Produce } from '../../protocol/messages/index.ts';
import { batchBytes } from '../batch-bytes.ts';
import { scenario } from '../scenario.ts';
import { hello, one, PRODUCE_MODERN, part, whole } from './produce-support.ts';

export const produceScenarios = [
  scenario(
    Produce,
    'appending',
    async (stage) => {
      const topic = await stage.topic('a');
      await stage.step('acks=-1', one(topic, hello));
      await stage.step('acks=1', one(topic, batchBytes({ values: ['a', null, 'c'], key: 'k' }), 1));
      await stage.silent('acks=0', one(topic, hello, 0));
      await stage.step('gzip', one(topic, batchBytes({ values: ['x'.repeat(100), 'y'], attributes: 1 })));
      await stage.step('no timestamp', one(topic, batchBytes({ values: ['a', 'b'], timestamp: -1 })));
      await stage.step('a max timestamp that the client left unset', one(topic, batchBytes({ values: ['a', 'b'], maxTimestamp: -1 })));
      await stage.step('the LogAppendTime bit on a CreateTime topic', one(topic, batchBytes({ values: ['a'], attributes: 8 })));
      await stage.stepOf(Fetch, 11, 'what the log holds', whole(topic));
    },
    PRODUCE_MODERN,
  ),

  scenario(
    Produce,
    'several partitions and topics',
    async (stage) => {
      const a = await stage.topic('a', { partitions: 2 });
      const b = await stage.topic('b');
      await stage.step('all good', {
        acks: -1,
        timeoutMs: 5000,
        topicData: [
          { ...a, partitionData: [part(0, hello), part(1, hello)] },
          { ...b, partitionData: [part(0, hello)] },
        ],
      });
      await stage.step('one bad among good ones', {
        acks: -1,
        timeoutMs: 5000,
        topicData: [
          { ...a, partitionData: [part(0, hello), part(1, batchBytes({ values: ['x'], crc: 1 })), part(7, hello)] },
          { ...b, partitionData: [part(0, hello)] },
        ],
      });
      await stage.step('nothing', { acks: -1, timeoutMs: 5000, topicData: [] });
      await stage.step('a topic without partitions', { acks: -1, timeoutMs: 5000, topicData: [{ ...a, partitionData: [] }] });
    },
    PRODUCE_MODERN,
  ),
];
