import { type ConfigEntry, describeBroker, describeClusterDefault, describeTopic } from '../config.ts';
import { errorCodeOf, KafkaError } from '../core/errors.ts';
import { checkTopicName } from '../metadata/topic-rules.ts';
import { DescribeConfigs } from '../protocol/messages/describe-configs.ts';
import type { RequestOf, ResponseTo } from '../protocol/schema.ts';
import { RESOURCE_TYPE, requireThisBroker } from './config-resources.ts';
import { handler } from './handler.ts';
import type { Needs } from './services.ts';

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
export const describeConfigs = handler(DescribeConfigs, [0, 4], ({ metadata, config, nodeId }: Needs<'metadata' | 'config' | 'nodeId'>) => {
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
    handle: (request) => ({
      results: request.resources.map((resource): Result => {
        const { resourceType, resourceName } = resource;
        try {
          const configs = entriesOf(resource).map((entry) => ({
            ...entry,
            configSource: entry.source,
            configType: entry.type,
            synonyms: request.includeSynonyms ? entry.synonyms : [],
            documentation: request.includeDocumentation ? entry.documentation : null,
          }));
          return { errorCode: 0, errorMessage: '', resourceType, resourceName, configs };
        } catch (error) {
          return refused(resource, error);
        }
      }),
    }),
    refuse: (request, error) => ({ results: request.resources.map((resource) => refused(resource, error)) }),
  };
});

function refused({ resourceType, resourceName }: Resource, error: unknown): Result {
  const errorMessage = error instanceof KafkaError ? error.message : null;
  return { errorCode: errorCodeOf(error), errorMessage, resourceType, resourceName, configs: [] };
}
