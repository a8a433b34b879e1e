import { refuseNulls, replaceConfigs } from '../config.ts';
import { AlterConfigs } from '../protocol/messages/alter-configs.ts';
import { type Alteration, alterResources, refusedAlteration } from './config-resources.ts';
import { handler } from './handler.ts';
import type { Needs } from './services.ts';

/**
 * AlterConfigs (33): replaces all that is set for a resource. What the request does not name goes back to its default.
 *
 * Versions: v2 flexible
 * Behaviour: a change takes effect before it is answered; each resource succeeds or fails for itself.
 * Deviations from Apache Kafka: loggers, client metrics and groups are refused with INVALID_REQUEST.
 */
export const alterConfigs = handler(AlterConfigs, [0, 2], (needs: Needs<'topicAdmin' | 'config' | 'nodeId' | 'clock'>) => ({
  async handle({ resources, validateOnly }) {
    const alterations = resources.map(
      ({ resourceType, resourceName, configs }): Alteration => ({
        resourceType,
        resourceName,
        check: () => refuseNulls(configs),
        change: (_current, scope, broker) => replaceConfigs(configs, scope, broker),
      }),
    );
    return { responses: await alterResources(alterations, validateOnly, needs) };
  },
  refuse: (request, error) => ({ responses: request.resources.map((resource) => refusedAlteration(resource, error)) }),
}));
