import { KafkaError } from '../core/errors.ts';
import { ListConfigResources } from '../protocol/messages/list-config-resources.ts';
import { RESOURCE_TYPE } from './config-resources.ts';
import { handler } from './handler.ts';
import type { Needs } from './services.ts';

/** Types of which there are no resources here. */
const BROKER_LOGGER = 8;
const CLIENT_METRICS = 16;
const GROUP = 32;
/** Asked for no type, all of them are listed. */
const TYPES: readonly number[] = [RESOURCE_TYPE.topic, RESOURCE_TYPE.broker, BROKER_LOGGER, CLIENT_METRICS, GROUP];

/**
 * ListConfigResources (74): the names of what can have configs.
 *
 * Versions: v0 client metrics only (KIP-714) · v1 every type (KIP-1142)
 * Behaviour: all topics, and all brokers that are alive; an empty list of types means all types.
 * Deviations from Apache Kafka: no loggers, client metrics and groups: their configs are not implemented.
 */
export const listConfigResources = handler(ListConfigResources, [0, 1], ({ metadata }: Needs<'metadata'>) => {
  const namesOf = (type: number): string[] => {
    const { current } = metadata;
    if (type === RESOURCE_TYPE.topic) return Array.from(current.topics(), ({ name }) => name);
    if (type === RESOURCE_TYPE.broker) return Array.from(current.brokers.keys(), String);
    return [];
  };
  return {
    handle: ({ resourceTypes }, { version }) => {
      const asked = version === 0 ? [CLIENT_METRICS] : resourceTypes.length > 0 ? resourceTypes : TYPES;
      const unknown = asked.find((type) => !TYPES.includes(type));
      if (unknown !== undefined) throw new KafkaError('UNSUPPORTED_VERSION', `There is no resource type ${unknown}.`);
      const configResources = [...new Set(asked)].flatMap((resourceType) =>
        namesOf(resourceType).map((resourceName) => ({ resourceName, resourceType })),
      );
      return { errorCode: 0, configResources };
    },
    refuse: (_request, error) => ({ errorCode: error.code, configResources: [] }),
  };
});
