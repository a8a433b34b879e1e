import type { KnownDifference } from './known.ts';

const NO_ID_YET = 'What is only validated gets no id; Apache Kafka makes one up.';
const WIDER = 'The minimum stays 0, as in Apache Kafka 3.9: old and odd clients go by it.';
const FEATURES = 'A feature is advertised when it is built.';
const NULL_RECORDS = 'librdkafka takes null for a parse error.';
const KRAFT = 'There is no KRaft controller, and no listener of its own for one.';
const NO_ZOOKEEPER = 'In version 0 offsets were kept in ZooKeeper, and 3.9.1 without one refuses it. Here they go where all the others go.';
const OLD_DUPLICATES =
  'Version 1 is only answered by 3.9.1, which drops what is named twice; here it is as in 4.4.0, where everything named is answered.';
const NOTHING = 'A valid assignment of nothing in place of empty bytes, which some clients cannot decode.';
const NO_TRACE = 'Who was refused, or has given its id back, leaves no group behind; Apache Kafka keeps an empty one until its next sweep.';
const GONE = 'Who went away while it waited has not joined: a share given to it would be read by nobody until its session ends.';
const LAST_OFFSET = 'A group that only kept offsets is gone with the last of them; in Apache Kafka it stands until the next sweep.';
const OUT_OF_RANGE = 'Clients recover from OFFSET_OUT_OF_RANGE by the offsets beside it, and loop on -1.';
const NEGATIVE_LIMIT = 'A negative limit is one of 0; Apache Kafka fails inside.';
const UNANSWERED = 'Apache Kafka fails inside and never answers.';
const SPEAKING_CODE = 'Apache Kafka fails inside and answers UNKNOWN_SERVER_ERROR; there is a code for it.';
const UNREADABLE = 'Records that not every client can read are refused; Apache Kafka keeps them.';
const OLD_CONFIGS = 'Only 3.9.1 answers version 0, with keys and defaults of its own, and isDefault never set.';
const HOST_NAMES = 'Names of hosts are not looked up, and an address must have all its parts.';
const HALF_DONE = 'What is refused is not half carried out.';
const WHY = 'The message says what is wrong; Apache Kafka leaves it out here.';
const TWICE = 'A partition that stands in a request twice is served twice; Apache Kafka silently drops one of the two.';
const V0_TIME = 'A segment counts from the time of its last record; Apache Kafka took the time of its file.';
const ACLS = 'Without an authorizer nobody looks at what is asked; Apache Kafka closes the connection on codes that it does not know.';
const LOGGERS = 'Loggers have no configs here, so none are listed.';
const TAG_TWICE =
  'An unknown tag that stands twice is passed over, as it is once. Apache Kafka passes it over too, but fails where it writes the request anew.';
const NO_LOGGERS = 'Loggers have no configs here, and asking for them is refused.';
const NO_METRICS = 'There are no metrics of clients (KIP-714) yet; their configs are refused.';
const NO_GROUPS = 'Nothing acts on configs of groups before the newer group protocols are built; they are refused.';
const UNDOCUMENTED = 'Keys that do nothing here have no documentation.';
const TOGETHER =
  'Produces of a connection are taken in together. Where one with acks 0 fails, the connection closes behind those that came with it.';
const NO_ISOLATION =
  'An isolation level that does not exist is refused before anything else; Apache Kafka fails inside on it where there is something to read.';
const NO_SESSION = 'A session id that is in no cache is no session; on the ends of the range Apache Kafka fails inside.';
const OWN_TIMES =
  'Records whose producer set the LogAppendTime bit keep their own times; Apache Kafka gives them that of the batch if it compresses them anew.';
const ELR =
  'With eligible leader replicas (KIP-966) Apache Kafka sets min.insync.replicas for the whole cluster when it begins; here it stands where it was set.';
const COLLIDING = 'Two names that metrics cannot tell apart do not come into being by one request either.';
const NEXT_ID =
  'After a fence in the last epoch the next producer id is taken when somebody asks for it; Apache Kafka takes it at once, and its epoch 0 is nobody’s.';
const ALWAYS_ELR = 'Elections rely on eligible leader replicas (KIP-966), which cannot be switched off here.';

/** Where minikafka differs from Apache Kafka, and why. A difference that is not here fails the comparison; so does an entry that no longer occurs. */
export const KNOWN_DIFFERENCES: readonly KnownDifference[] = [
  { scenario: 'ApiVersions: what is served', path: 'apiKeys.*', absentIn: 'minikafka', reason: 'An API is advertised when it is built.' },
  { scenario: 'ApiVersions: what is served', path: 'apiKeys.*.minVersion', reason: WIDER },
  { scenario: 'ApiVersions: what is served', path: 'supportedFeatures.*', absentIn: 'minikafka', reason: FEATURES },
  { scenario: 'ApiVersions: what is served', path: 'finalizedFeatures.*', absentIn: 'minikafka', reason: FEATURES },
  { scenario: 'ApiVersions: what is served', path: 'supportedFeatures.eligible.leader.replicas.version*', reason: ALWAYS_ELR },
  { scenario: 'UpdateFeatures: validated only', step: 'switched off', reason: ALWAYS_ELR },
  {
    scenario: 'UpdateFeatures: the level of transactions',
    step: 'at level 0 an abort in an epoch of its own',
    reason: 'What a client may do follows from the versions it speaks; Apache Kafka cannot write it to its log at level 0.',
  },

  { scenario: 'Produce: message sets that are damaged', path: '*.errorCode', reason: SPEAKING_CODE },
  { scenario: 'Produce: batches that are refused', step: 'null', path: 'outcome', reason: UNANSWERED },
  { scenario: 'Produce: compression.type and base timestamps', path: '0.baseTimestamp', reason: OWN_TIMES },
  { scenario: 'Produce: compression.type and base timestamps', path: '0.records.*.timestamp', reason: OWN_TIMES },
  {
    scenario: 'ApiVersions: pipelined requests behind a bad one are not done',
    step: 'acks 0 into nothing, *',
    path: 'records',
    reason: TOGETHER,
  },
  { scenario: 'Fetch: malformed requests', path: 'sessionId *', reason: NO_SESSION },
  { scenario: 'Fetch: malformed requests', path: 'isolationLevel *', reason: NO_ISOLATION },
  { scenario: 'ListOffsets: malformed requests', path: 'isolationLevel *', reason: SPEAKING_CODE },
  { scenario: 'IncrementalAlterConfigs: malformed requests', path: '*.configOperation *', reason: SPEAKING_CODE },
  { scenario: '*AlterConfigs: malformed requests', step: 'headers', path: 'an unknown tag twice', reason: TAG_TWICE },
  { scenario: 'AlterConfigs: of a topic', step: 'a topic twice', path: 'outcome', reason: UNANSWERED },
  { scenario: 'Produce: *', step: 'a codec that does not exist', reason: SPEAKING_CODE },
  { scenario: 'Produce: headers of batches', step: 'codec *', reason: SPEAKING_CODE },
  { scenario: 'Produce: *', step: '* that is none', path: '*.errorCode', reason: SPEAKING_CODE },
  { scenario: 'Produce: batches whose length is not theirs', step: 'the longest', path: '*.errorCode', reason: SPEAKING_CODE },
  {
    scenario: 'Produce: records that cannot be read',
    step: 'none: a length that is no varint',
    path: '*.errorCode',
    reason: SPEAKING_CODE,
  },
  { scenario: 'Produce: records that not every client can read', path: 'responses.*', reason: UNREADABLE },
  { scenario: 'IncrementalAlterConfigs: of a topic', step: 'an operation that does not exist', reason: SPEAKING_CODE },

  { scenario: 'Fetch: zstd in message sets', path: 'responses.*.records', reason: NULL_RECORDS },
  { scenario: 'Fetch: *', step: '*out of range*', path: 'responses.*', reason: OUT_OF_RANGE },
  { scenario: 'Fetch: *', step: 'beyond the end', path: 'responses.*', reason: OUT_OF_RANGE },
  { scenario: 'Fetch: *', step: 'a negative offset', path: 'responses.*', reason: OUT_OF_RANGE },
  { scenario: 'Fetch: *', step: 'before the log start', path: 'responses.*', reason: OUT_OF_RANGE },
  { scenario: 'Fetch: leader epochs', step: 'the last fetched epoch is unknown here', path: 'responses.*', reason: OUT_OF_RANGE },
  { scenario: 'Fetch: a session', step: 'the error again, for nothing has changed', path: 'responses.*', reason: OUT_OF_RANGE },
  { scenario: 'Fetch: limits that are odd', step: 'a negative * limit', path: 'responses.*', reason: NEGATIVE_LIMIT },
  { scenario: 'Fetch: limits that are odd', step: 'a negative limit *', path: 'responses.*', reason: NEGATIVE_LIMIT },
  { scenario: 'Fetch: the fields of a request', step: 'isolation level *', path: '*errorCode', reason: SPEAKING_CODE },

  {
    scenario: 'Metadata: a topic that is created by asking for it',
    step: 'the first answer',
    reason:
      'The topic is created before the answer, which is the finished topic: kafkajs consumers give up on the error that Apache Kafka answers first.',
  },

  { scenario: 'Metadata: by id', step: 'the zero id and no name', versions: [12, 13], reason: SPEAKING_CODE },
  { scenario: 'Metadata: malformed requests', path: 'topics.name *', versions: [12, 13], reason: SPEAKING_CODE },

  { scenario: 'Produce: *', path: 'responses.*.errorMessage', reason: WHY },
  { scenario: 'InitProducerId: when its epochs are used up', step: 'told', path: 'transactionStates.*', reason: NEXT_ID },
  { scenario: 'InitProducerId: when its epochs are used up', step: 'another producer id', path: 'producerEpoch', reason: NEXT_ID },
  { scenario: 'EndTxn: that took too long', path: 'responses.*.errorMessage', reason: WHY },
  { scenario: 'AddPartitionsToTxn: asked by leaders', step: 'no transactions', path: 'outcome', reason: UNANSWERED },
  {
    scenario: 'DeleteRecords: of a transaction that is open',
    step: 'the end for readers of committed records',
    path: '*.offset',
    reason:
      'No end of a log is before its start; Apache Kafka 4.4 shows where the batch begins whose first records are deleted, 3.9 does not.',
  },
  { scenario: 'CreatePartitions: *', path: 'results.*.errorMessage', reason: WHY },
  { scenario: '*: beyond controller_mutation_rate*', path: '*.errorMessage', reason: WHY },
  { scenario: 'AlterClientQuotas: of ips', step: 'a name', path: 'entries.0.*', reason: HOST_NAMES },
  { scenario: 'AlterClientQuotas: of ips', step: 'an address of three numbers', path: 'entries.0.*', reason: HOST_NAMES },
  { scenario: 'AlterClientQuotas: what is refused', step: 'what an entity twice has done', path: 'values.*', reason: HALF_DONE },
  { scenario: '*: no time', path: '*errorMessage', reason: WHY },
  { scenario: 'CreateTopics: names that collide', step: 'two of one request', reason: COLLIDING },
  { scenario: 'Produce: requests that are refused', step: 'the same partition twice', path: 'responses.*', reason: TWICE },
  { scenario: 'Fetch: what does not exist', step: 'the same topic twice', path: 'responses.*', reason: TWICE },
  { scenario: 'Fetch: what does not exist', step: 'the same partition twice', path: 'responses.*', reason: TWICE },
  {
    scenario: 'Fetch: waiting until there is something',
    step: 'answered when the topic is deleted',
    path: 'responses.*.abortedTransactions',
    reason: 'Beside an error the list says nothing: empty and null mean the same to clients.',
  },
  { scenario: 'ListOffsets: by time', path: 'topics.*.oldStyleOffsets*', versions: [0, 0], reason: V0_TIME },
  {
    scenario: 'ListOffsets: who asks, and for what',
    step: 'replica id *',
    path: 'topics.*.oldStyleOffsets*',
    versions: [0, 0],
    reason: V0_TIME,
  },
  { scenario: 'ListOffsets: who asks, and for what', step: 'isolation level *', path: '*errorCode', reason: SPEAKING_CODE },
  { scenario: 'ListOffsets: who asks, and for what', step: 'at most -1', path: '*errorCode', reason: SPEAKING_CODE },

  { scenario: 'OffsetCommit: *', versions: [0, 0], reason: NO_ZOOKEEPER },
  { scenario: 'OffsetCommit: topics that do not exist, or are named twice', step: 'a * twice', versions: [1, 1], reason: OLD_DUPLICATES },
  { scenario: 'OffsetFetch: *', versions: [0, 0], reason: NO_ZOOKEEPER },
  { scenario: 'JoinGroup: what a refused join leaves', step: '*group*', path: 'groups.*', reason: NO_TRACE },
  {
    scenario: 'JoinGroup: a static member joins the others',
    step: 'as * with an id that was given out',
    path: 'errorCode',
    reason: SPEAKING_CODE,
  },
  {
    scenario: 'JoinGroup: a static member joins the others',
    step: 'as * with an id that was given out',
    path: 'memberId',
    reason: SPEAKING_CODE,
  },
  { scenario: 'JoinGroup: a member whose client goes away while it waits', reason: GONE },
  { scenario: 'SyncGroup: one member', step: 'the leader assigns nothing', path: 'assignment', reason: NOTHING },
  { scenario: 'SyncGroup: members that wait for their share', step: 'one that the leader left out*', path: 'assignment', reason: NOTHING },
  { scenario: 'OffsetDelete: without members', step: 'when there is nothing left of the group', reason: LAST_OFFSET },
  { scenario: 'FindCoordinator: of a share group', reason: 'There are no share groups yet.' },

  { scenario: 'CreateTopics: *', path: 'topics.*.configs.min.insync.replicas.configSource', reason: ELR },
  { scenario: 'DescribeConfigs: *', path: 'results.*.configs.min.insync.replicas*', reason: ELR },
  { scenario: 'CreateTopics: creating', step: 'validated only', path: 'topics.*.topicId', versions: [7, 7], reason: NO_ID_YET },
  { scenario: 'CreateTopics: what is refused', step: 'a config twice', path: 'topics.*.topicId', versions: [7, 7], reason: NO_ID_YET },
  { scenario: 'CreateTopics: names', step: 'valid name *', path: 'topics.*.topicId', versions: [7, 7], reason: NO_ID_YET },
  {
    scenario: 'CreateTopics: beyond controller_mutation_rate, what is only validated',
    step: 'more than are at hand',
    path: 'topics.*.topicId',
    versions: [7, 7],
    reason: NO_ID_YET,
  },

  { scenario: 'DescribeConfigs: resources without configs here', step: 'loggers: one key', reason: NO_LOGGERS },
  { scenario: 'DescribeConfigs: resources without configs here', step: 'client metrics: *', reason: NO_METRICS },
  { scenario: 'DescribeConfigs: resources without configs here', step: 'group: *', reason: NO_GROUPS },
  { scenario: 'AlterConfigs: resources without configs here', step: 'client metrics: nothing', reason: NO_METRICS },
  { scenario: 'AlterConfigs: resources without configs here', step: 'a group: *', reason: NO_GROUPS },
  { scenario: 'IncrementalAlterConfigs: resources without configs here', step: 'loggers: *', reason: NO_LOGGERS },
  { scenario: 'IncrementalAlterConfigs: resources without configs here', step: 'client metrics: *', reason: NO_METRICS },
  { scenario: 'IncrementalAlterConfigs: resources without configs here', step: 'a group: *', reason: NO_GROUPS },
  {
    scenario: 'IncrementalAlterConfigs: of brokers, validated only',
    step: "the cluster's default: delete min.insync.replicas",
    reason: ELR,
  },
  { scenario: 'DescribeConfigs: *', path: 'results.*.isDefault', versions: [0, 0], reason: OLD_CONFIGS },
  { scenario: 'DescribeConfigs: synonyms and sensitive values', path: 'results.4 1.configs.s*.documentation', reason: UNDOCUMENTED },
  { scenario: 'DescribeConfigs: of a topic', path: 'results.2 ~a.configs.*', versions: [0, 0], reason: OLD_CONFIGS },
  { scenario: 'DescribeConfigs: of a broker', path: 'results.4 1.configs.*', versions: [0, 0], reason: OLD_CONFIGS },
  {
    scenario: 'DescribeConfigs: of a broker',
    path: 'results.4 1.configs.*',
    absentIn: 'minikafka',
    reason: 'A key is listed when it does something here.',
  },
  {
    scenario: 'DescribeConfigs: of a broker',
    path: 'results.4 1.configs.offsets.topic.segment.bytes*',
    reason:
      'Small segments are soon compacted, so that groups are read quickly at the start: a default of ours (src/config/our-defaults.ts).',
  },
  { scenario: 'DescribeConfigs: of a broker', path: '*controller.*', reason: KRAFT },
  { scenario: 'DescribeConfigs: of a broker', path: '*process.roles.*', reason: KRAFT },
  { scenario: 'DescribeConfigs: of a broker', path: '*listener*', reason: KRAFT },

  { scenario: '*Acls: without an authorizer', step: 'an operation that does not exist', path: 'outcome', reason: ACLS },
  { scenario: 'ListConfigResources: *', path: 'configResources.8 *', absentIn: 'minikafka', reason: LOGGERS },
  { scenario: 'DescribeTopicPartitions: by name', step: 'invalid name ""', reason: SPEAKING_CODE },
];
