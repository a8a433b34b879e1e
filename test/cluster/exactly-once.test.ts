import { test } from 'vitest';
import { javaWithKafka } from '../clients/java.ts';
import { ROUNDS, TransformRun } from './transform-run.ts';
import { javaTransformer, KAFKAJS, type Transformer } from './transform-workers.ts';

const java = javaWithKafka();
const transformers = (): Transformer[] => (java === null ? [KAFKAJS] : [KAFKAJS, javaTransformer(java)]);

test.each(transformers())(
  `three workers with $name, in ${ROUNDS} rounds of kill -9 of workers and brokers: all of the input is in the output exactly once`,
  { timeout: 240_000 + ROUNDS * 60_000 },
  async (transformer) => {
    const run = await TransformRun.start(transformer);
    for (let round = 1; round <= ROUNDS; round++) await run.round(round);
    await run.finish();
  },
);
