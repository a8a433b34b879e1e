import type { KnownDifference } from './known.ts';

const WHY = 'The message says what is wrong; Apache Kafka leaves it out here.';
const LAST_MEMBER =
  'The last member of an ISR stays in it, until its disk is lost. Apache Kafka moves it to the eligible leader replicas, and beside them keeps the last leader.';

const ORDER =
  'Replicas that leave keep their order, so that a reassignment that is taken back has its preferred leader again; Apache Kafka sorts them.';

/** Where three brokers of minikafka differ from Apache Kafka on three nodes, and why; beside what one of them does otherwise (known-differences.ts). */
export const CLUSTER_KNOWN_DIFFERENCES: readonly KnownDifference[] = [
  {
    scenario: 'WriteTxnMarkers: to a broker that does not lead',
    step: 'broker 3',
    path: '*.errorCode',
    reason: 'A partition that exists is known, also where it has no replica; Apache Kafka only knows those that a broker has.',
  },
  { scenario: 'Produce: *', path: 'responses.*.errorMessage', reason: WHY },
  {
    scenario: 'Fetch: *',
    step: '*from beyond *',
    path: 'responses.*',
    reason: 'Clients recover from OFFSET_OUT_OF_RANGE by the offsets beside it, and loop on -1.',
  },
  { scenario: 'AlterPartitionReassignments: without broker 3', path: '*replicas.*', reason: ORDER },
  { scenario: 'AlterPartitionReassignments: without broker 3', path: '*removingReplicas.*', reason: ORDER },
  { scenario: 'AlterPartitionReassignments: without broker 3', path: '*replicaNodes.*', reason: ORDER },
  { scenario: 'Metadata: what broker 3 has left behind', step: 'down-alone*', path: '*isrNodes*', reason: LAST_MEMBER },
  { scenario: 'Metadata: what broker 3 has left behind', step: 'down-alone*', path: '*Elr*', reason: LAST_MEMBER },
  { scenario: 'Metadata: what broker 3 has left behind', step: 'down-alone*', path: '*eligibleLeaderReplicas*', reason: LAST_MEMBER },
];
