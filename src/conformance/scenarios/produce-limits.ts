import { Fetch, Produce } from '../../protocol/messages/index.ts';
import { batchBytes, recordOf, T0 } from '../batch-bytes.ts';
import { scenario } from '../scenario.ts';
import { hello, one, PRODUCE_MODERN, whole } from './produce-support.ts';

const MIB = 1024 * 1024;
/** One record that makes a batch of exactly as many bytes. */
function batchOf(bytes: number): Buffer {
  const overhead = batchBytes({ values: ['x'.repeat(bytes - 100)] }).byteLength - (bytes - 100);
  return batchBytes({ values: ['x'.repeat(bytes - overhead)] });
}

export const produceLimitsScenarios = [
  scenario(
    Produce,
    'timestamps',
    async (stage) => {
      const appendTime = await stage.topic('append-time', { configs: { 'message.timestamp.type': 'LogAppendTime' } });
      await stage.step('LogAppendTime', one(appendTime, batchBytes({ values: ['a', 'b'] })));
      await stage.step('LogAppendTime, gzip', one(appendTime, batchBytes({ values: ['a', 'b'], attributes: 1 })));
      await stage.step('LogAppendTime, the bit set by the client', one(appendTime, batchBytes({ values: ['a'], attributes: 8 })));
      await stage.stepOf(Fetch, 11, 'what the LogAppendTime log holds', whole(appendTime));
      const after = await stage.topic('after', { configs: { 'message.timestamp.after.max.ms': '60000' } });
      await stage.step('too far ahead', one(after, batchBytes({ values: ['a'], timestamp: 4_000_000_000_000 })));
      const before = await stage.topic('before', { configs: { 'message.timestamp.before.max.ms': '60000' } });
      await stage.step('too long ago', one(before, batchBytes({ values: ['a', 'b'], timestamp: T0 })));
      await stage.step('no timestamp passes', one(before, batchBytes({ values: ['a'], timestamp: -1 })));
    },
    PRODUCE_MODERN,
  ),

  scenario(
    Produce,
    'the range of timestamps',
    async (stage) => {
      const ahead = 4_000_000_000_000;
      const plain = await stage.topic('plain');
      await stage.step('far ahead', one(plain, batchBytes({ values: ['a'], timestamp: ahead })));
      await stage.step('long ago', one(plain, batchBytes({ values: ['a'], timestamp: 1 })));
      await stage.step('0', one(plain, batchBytes({ values: ['a'], timestamp: 0 })));
      await stage.step('before 1970', one(plain, batchBytes({ values: ['a'], timestamp: -2 })));
      const configs = { 'message.timestamp.before.max.ms': '60000', 'message.timestamp.after.max.ms': '60000' };
      const both = await stage.topic('both', { configs });
      const mixed = Buffer.concat([recordOf(0, 0, null, 'old'), recordOf(1, 1, null, 'old'), recordOf(ahead - T0, 2, null, 'new')]);
      const three = { values: ['', '', ''], records: mixed, maxTimestamp: ahead };
      await stage.step('too old and too new', one(both, batchBytes(three)));
      await stage.step('too old and too new, gzip', one(both, batchBytes({ ...three, attributes: 1 })));
      await stage.step('the LogAppendTime bit on what is too old', one(both, batchBytes({ values: ['a'], attributes: 8 })));
      const compact = await stage.topic('compact', { configs: { ...configs, 'cleanup.policy': 'compact' } });
      const keyless = Buffer.concat([recordOf(0, 0, null, 'x'), recordOf(0, 1, 'k', 'old')]);
      await stage.step('one without key, one too old', one(compact, batchBytes({ values: ['', ''], records: keyless })));
      const append = await stage.topic('append', { configs: { ...configs, 'message.timestamp.type': 'LogAppendTime' } });
      await stage.step('LogAppendTime, far ahead', one(append, batchBytes({ values: ['a'], timestamp: ahead })));
      await stage.step('LogAppendTime, too old, gzip', one(append, batchBytes({ values: ['a'], attributes: 1 })));
      await stage.step('LogAppendTime, no timestamp', one(append, batchBytes({ values: ['a'], timestamp: -1 })));
      for (const topic of [plain, both, compact, append]) {
        await stage.stepOf(Fetch, 11, `what ${topic.name.replace(stage.name(''), '')} holds`, whole(topic));
      }
    },
    PRODUCE_MODERN,
  ),

  scenario(
    Produce,
    'a compacted topic',
    async (stage) => {
      const topic = await stage.topic('a', { configs: { 'cleanup.policy': 'compact' } });
      await stage.step('with key', one(topic, batchBytes({ values: ['x'], key: 'k' })));
      await stage.step('without key', one(topic, batchBytes({ values: ['x', 'y'] })));
    },
    PRODUCE_MODERN,
  ),

  scenario(
    Produce,
    'keys on compacted topics',
    async (stage) => {
      const both = await stage.topic('both', { configs: { 'cleanup.policy': 'compact,delete' } });
      const some = Buffer.concat(['k', null, '', null, 'k'].map((key, i) => recordOf(0, i, key, 'v')));
      const five = { values: ['', '', '', '', ''], maxTimestamp: T0 };
      await stage.step('two of five without key', one(both, batchBytes({ ...five, records: some })));
      await stage.step('two of five without key, gzip', one(both, batchBytes({ ...five, records: some, attributes: 1 })));
      await stage.step('five without key', one(both, batchBytes({ values: ['a', 'b', 'c', 'd', 'e'] })));
      await stage.step('an empty key', one(both, batchBytes({ values: ['a'], key: '' })));
      await stage.step('a tombstone', one(both, batchBytes({ values: [null], key: 'k' })));
      await stage.silent('without key, acks=0', one(both, hello, 0));
      await stage.stepOf(Fetch, 11, 'what the log holds', whole(both));
    },
    PRODUCE_MODERN,
  ),

  scenario(
    Produce,
    'the sizes of batches',
    async (stage) => {
      const topic = await stage.topic('a', { configs: { 'max.message.bytes': '1000' } });
      await stage.step('as large as can be', one(topic, batchOf(1000)));
      await stage.step('a byte too large', one(topic, batchOf(1001)));
      await stage.step('a byte too large, acks=1', one(topic, batchOf(1001), 1));
      await stage.silent('a byte too large, acks=0', one(topic, batchOf(1001), 0));
      await stage.step('smaller when compressed', one(topic, batchBytes({ values: ['x'.repeat(3000)], attributes: 1 })));
      const small = await stage.topic('small', { configs: { 'max.message.bytes': String(4 * MIB), 'segment.bytes': String(MIB) } });
      await stage.step('as large as a segment', one(small, batchOf(MIB)));
      await stage.step('larger than a segment', one(small, batchOf(MIB + 1)));
      await stage.step('small again', one(small, hello));
      const zero = await stage.topic('zero', { configs: { 'max.message.bytes': '0' } });
      await stage.step('nothing is small enough', one(zero, hello));
    },
    PRODUCE_MODERN,
  ),

  // With one replica, more cannot be in sync: since 4.0 the number that is asked for is at most the number of replicas.
  scenario(
    Produce,
    'min.insync.replicas above the replicas',
    async (stage) => {
      const topic = await stage.topic('a', { configs: { 'min.insync.replicas': '2' } });
      await stage.step('acks=-1', one(topic, hello));
      await stage.step('acks=1', one(topic, hello, 1));
      await stage.silent('acks=0', one(topic, hello, 0));
      await stage.stepOf(Fetch, 11, 'what the log holds', whole(topic));
    },
    PRODUCE_MODERN,
  ),
];
