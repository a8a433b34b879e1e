/**
 * What is measured. `betterIs` says which way is good; `goal` is the ratio minikafka / Apache Kafka to reach; `digits` after the point.
 * @typedef {{ name: string, unit: string, digits: number, betterIs: 'more' | 'less', goal?: number }} Figure
 * @typedef {'start' | 'idle' | 'produce' | 'small' | 'consume' | 'latency' | 'guarantees' | 'transactions' | 'after' |
 *   'clusterIdle' | 'replicated' | 'replicatedLatency' | 'replicatedTransactions'} Measure
 */

/** @type {Record<Measure, Figure[]>} */
export const FIGURES = {
  start: [{ name: 'start to first Metadata answer', unit: 'ms', digits: 0, betterIs: 'less' }],
  idle: [{ name: 'RSS idle', unit: 'MB', digits: 0, betterIs: 'less' }],
  produce: [
    { name: 'produce 1 KiB, 1 partition', unit: 'MiB/s', digits: 1, betterIs: 'more', goal: 1.2 },
    { name: 'broker CPU per GiB produced', unit: 's', digits: 2, betterIs: 'less', goal: 0.4 },
  ],
  small: [
    { name: 'produce 100 B, 6 partitions', unit: 'krecords/s', digits: 0, betterIs: 'more', goal: 1 },
    { name: 'broker CPU per GiB of 100 B', unit: 's', digits: 2, betterIs: 'less' },
  ],
  consume: [
    { name: 'consume 1 KiB, 1 partition', unit: 'MiB/s', digits: 1, betterIs: 'more', goal: 1 },
    { name: 'broker CPU per GiB consumed', unit: 's', digits: 2, betterIs: 'less', goal: 1 },
  ],
  latency: [
    { name: 'end to end, average', unit: 'ms', digits: 2, betterIs: 'less' },
    { name: 'end to end, 99th percentile', unit: 'ms', digits: 0, betterIs: 'less' },
  ],
  guarantees: [
    { name: 'produce 1 KiB, 6 partitions, plain', unit: 'MiB/s', digits: 1, betterIs: 'more' },
    { name: 'the same, idempotent', unit: 'MiB/s', digits: 1, betterIs: 'more' },
    { name: 'the same, in transactions of 100 ms', unit: 'MiB/s', digits: 1, betterIs: 'more' },
    { name: 'broker CPU per GiB, plain', unit: 's', digits: 2, betterIs: 'less' },
    { name: 'broker CPU per GiB, idempotent', unit: 's', digits: 2, betterIs: 'less' },
    { name: 'broker CPU per GiB, in transactions of 100 ms', unit: 's', digits: 2, betterIs: 'less' },
  ],
  transactions: [
    { name: 'transaction of 3 records in 3 partitions, median', unit: 'ms', digits: 2, betterIs: 'less' },
    { name: 'the same, 99th percentile', unit: 'ms', digits: 1, betterIs: 'less' },
    { name: 'broker CPU per 1000 transactions', unit: 's', digits: 2, betterIs: 'less' },
  ],
  after: [{ name: 'RSS after all loads', unit: 'MB', digits: 0, betterIs: 'less' }],
  clusterIdle: [{ name: 'three nodes, PSS idle', unit: 'MB', digits: 0, betterIs: 'less' }],
  replicated: [
    { name: 'three replicas, produce 1 KiB, 3 partitions', unit: 'MiB/s', digits: 1, betterIs: 'more' },
    { name: 'CPU of three nodes per GiB produced', unit: 's', digits: 2, betterIs: 'less' },
  ],
  replicatedLatency: [
    { name: 'three replicas, end to end, average', unit: 'ms', digits: 2, betterIs: 'less' },
    { name: 'three replicas, end to end, 99th percentile', unit: 'ms', digits: 0, betterIs: 'less' },
  ],
  replicatedTransactions: [
    { name: 'three replicas, transaction of 3 records in 3 partitions, median', unit: 'ms', digits: 2, betterIs: 'less' },
    { name: 'three replicas, the same, 99th percentile', unit: 'ms', digits: 1, betterIs: 'less' },
  ],
};

export const MEASURES = /** @type {Measure[]} */ (Object.keys(FIGURES));
