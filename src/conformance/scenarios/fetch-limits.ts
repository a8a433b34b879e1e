import { Fetch } from '../../protocol/messages/index.ts';
import { scenario } from '../scenario.ts';
import { AT_ONCE_MS, append, at, FETCH_MODERN, of, request, wholeBatches } from './fetch-support.ts';

const patient = { maxWaitMs: AT_ONCE_MS };

export const fetchLimitsScenarios = [
  scenario(
    Fetch,
    'limits of bytes',
    async (stage) => {
      const topic = await stage.topic('a', { partitions: 3 });
      const large = await append(stage, topic, ['x'.repeat(1000)], 0);
      await append(stage, topic, ['y'.repeat(1000)], 0);
      await append(stage, topic, ['small'], 1);
      await append(stage, topic, ['z'.repeat(1000)], 2);
      await stage.step('one large batch over the partition limit', request([of(topic, at(0, 0, { partitionMaxBytes: 10 }))]));
      await stage.step('one large batch over the limit of the request', request([of(topic, at(0, 0))], { maxBytes: 10 }));
      await stage.step('two partitions, the first over its limit', request([of(topic, at(0, 0, { partitionMaxBytes: 10 }), at(1, 0))]));
      await stage.step('two partitions, the second over its limit', request([of(topic, at(1, 0), at(0, 0, { partitionMaxBytes: 10 }))]));
      await stage.step('the request is full after the first', request([of(topic, at(0, 0), at(1, 0), at(2, 0))], { maxBytes: large }));
      await stage.step('room for the second batch too', request([of(topic, at(0, 0), at(1, 0))], { maxBytes: 2 * large }));
      await stage.step('limits of 0', request([of(topic, at(0, 0, { partitionMaxBytes: 0 }))], { maxBytes: 0 }));
    },
    FETCH_MODERN,
  ),

  scenario(
    Fetch,
    'limits that are odd',
    async (stage) => {
      const topic = await stage.topic('a', { partitions: 2 });
      await append(stage, topic, ['one']);
      await append(stage, topic, ['two']);
      const from = (more: object = {}) => [of(topic, at(0, 0, more))];
      await stage.step('a negative partition limit', request(from({ partitionMaxBytes: -1 })));
      await stage.step('a negative limit of the request', request(from(), { maxBytes: -1 }));
      await stage.step('negative min bytes', request(from(), { minBytes: -1, ...patient }));
      await stage.step('a negative wait', request([of(topic, at(0, 2))], { maxWaitMs: -1 }));
      await stage.step('the largest limits', request(from({ partitionMaxBytes: 2 ** 31 - 1 }), { maxBytes: 2 ** 31 - 1, ...patient }));
      await stage.step('min bytes beyond the limit of the request', request(from(), { minBytes: 1000, maxBytes: 50, ...patient }));
      await stage.step('min bytes 0', request([of(topic, at(1, 0))], { minBytes: 0, ...patient }));
      await stage.step('no topics', request([], { minBytes: 1000, ...patient }));
      await stage.step('min bytes met by two partitions', request([of(topic, at(1, 0), at(0, 0))], { minBytes: 140, ...patient }));
    },
    FETCH_MODERN,
  ),

  scenario(
    Fetch,
    'limits over several topics',
    async (stage) => {
      const a = await stage.topic('a', { partitions: 2 });
      const b = await stage.topic('b', { partitions: 2 });
      const bytes = await append(stage, a, ['x'.repeat(500)], 1);
      await append(stage, b, ['y'.repeat(500)], 0);
      await append(stage, b, ['z'.repeat(500)], 1);
      await append(stage, b, ['z'.repeat(500)], 1);
      const all = [of(a, at(0, 0), at(1, 0)), of(b, at(0, 0), at(1, 0))];
      await stage.step('an empty partition first, then one too large', request(all, { maxBytes: 10 }));
      await stage.step('room for one', request(all, { maxBytes: bytes }));
      await stage.step('room for two', request(all, { maxBytes: 2 * bytes }));
      await stage.step('room for all', request(all, { maxBytes: 10 * bytes }));
      await stage.step('the other topic first', request([...all].reverse(), { maxBytes: bytes }));
      const small = [
        of(a, at(1, 0, { partitionMaxBytes: 1 })),
        of(b, at(0, 0, { partitionMaxBytes: bytes }), at(1, 0, { partitionMaxBytes: bytes })),
      ];
      await stage.step('limits of partitions', request(small));
      await stage.step('out of range, which does not count', request([of(a, at(0, 77), at(1, 0)), of(b, at(0, 0))], { maxBytes: bytes }));
    },
    FETCH_MODERN,
  ),

  // Apache Kafka sends the file up to the limit; clients drop the part of a batch at the end.
  scenario(
    Fetch,
    'limits inside a batch',
    async (stage) => {
      const topic = await stage.topic('a');
      const bytes = await append(stage, topic, ['x'.repeat(100)]);
      for (let i = 0; i < 3; i++) await append(stage, topic, ['y'.repeat(100)]);
      for (const more of [0, 1, 16, 17, 61, bytes - 1]) {
        await stage.step(`one batch and ${more} bytes`, request([of(topic, at(0, 0, { partitionMaxBytes: bytes + more }))]), wholeBatches);
        await stage.step(
          `of the request: one batch and ${more} bytes`,
          request([of(topic, at(0, 1))], { maxBytes: bytes + more }),
          wholeBatches,
        );
      }
    },
    FETCH_MODERN,
  ),
];
