import { type ConfigEntry, describeBroker, describeClusterDefault, describeTopic } from '../config.ts';
import { errorCodeOf, KafkaError } from '../core/errors.ts';
import { checkTopicName } from '../metadata/topic-rules.ts';
import { DescribeConfigs } from '../protocol/messages/describe-configs.ts';
import type { RequestOf, ResponseTo } from '../protocol/schema.ts';
import { RESOURCE_TYPE, requireThisBroker } from './config-resources.ts';
import { handler } from './handler.ts';
import { inSlices } from './in-slices.ts';
import type { Needs } from './services.ts';

/** A request of a few bytes may ask for one broker's hundreds of configs again and again. Ten thousand topics, each in full, are fewer. */
const MAX_ENTRIES = 500_000;

type Resource = RequestOf<typeof DescribeConfigs>['resources'][number];
type Result = ResponseTo<typeof DescribeConfigs>['results'][number];

/**
 * DescribeConfigs (32): the configuration of topics and brokers, with where each value comes from.
 *
 * Versions: v1 source and synonyms (KIP-226) · v3 type and documentation (KIP-569) · v4 flexible
 * Behaviour:
 * - Asked for no keys (null or empty) it answers all, else those that exist among the ones asked for.
 * - Broker "" is the cluster's default for brokers: only what was set there.
 * - Values of sensitive keys are null.
 * Deviations from Apache Kafka: loggers, client metrics and groups are refused with INVALID_REQUEST.
 */
export const describeConfigs = handler(
  DescribeConfigs,
  [0, 4],
  ({ metadata, config, nodeId, clock }: Needs<'metadata' | 'config' | 'nodeId' | 'clock'>) => {
    const entriesOf = ({ resourceType, resourceName, configurationKeys }: Resource): ConfigEntry[] => {
      const names = configurationKeys?.length ? configurationKeys : null;
      switch (resourceType) {
        case RESOURCE_TYPE.topic:
          checkTopicName(resourceName);
          if (!metadata.current.topic(resourceName)) throw new KafkaError('UNKNOWN_TOPIC_OR_PARTITION');
          return describeTopic(metadata.current.configs({ type: 'topic', name: resourceName }), config(), names);
        case RESOURCE_TYPE.broker:
          if (resourceName === '') return describeClusterDefault(config(), names);
          requireThisBroker(resourceName, nodeId);
          return describeBroker(config(), names);
        default:
          throw new KafkaError('INVALID_REQUEST', `Configs of resource type ${resourceType} are not implemented.`);
      }
    };
    return {
      async handle(request) {
        const results: Result[] = [];
        let entries = 0;
        await inSlices(clock, request.resources, (resource) => {
          const { resourceType, resourceName } = resource;
          try {
            if (entries >= MAX_ENTRIES)
              throw new KafkaError('INVALID_REQUEST', 'Too many configs for one response: ask for fewer resources.');
            const configs = entriesOf(resource).map((entry) => ({
              ...entry,
              configSource: entry.source,
              configType: entry.type,
              synonyms: request.includeSynonyms ? entry.synonyms : [],
              documentation: request.includeDocumentation ? entry.documentation : null,
            }));
            entries += configs.length;
            results.push({ errorCode: 0, errorMessage: '', resourceType, resourceName, configs });
          } catch (error) {
            results.push(refused(resource, error));
          }
        });
        return { results };
      },
      refuse: (request, error) => ({ results: request.resources.map((resource) => refused(resource, error)) }),
    };
  },
);

function refused({ resourceType, resourceName }: Resource, error: unknown): Result {
  const errorMessage = error instanceof KafkaError ? error.message : null;
  return { errorCode: errorCodeOf(error), errorMessage, resourceType, resourceName, configs: [] };
}
