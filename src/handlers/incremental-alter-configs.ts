import { type ConfigOp, incrementalAlter, refuseNulls } from '../config.ts';
import { KafkaError } from '../core/errors.ts';
import { IncrementalAlterConfigs } from '../protocol/messages/incremental-alter-configs.ts';
import { type Alteration, alterResources, refusedAlteration } from './config-resources.ts';
import { handler } from './handler.ts';
import type { Needs } from './services.ts';

/** config_operation on the wire. */
const OPERATIONS: readonly ConfigOp['op'][] = ['SET', 'DELETE', 'APPEND', 'SUBTRACT'];
const DELETE = OPERATIONS.indexOf('DELETE');

/**
 * IncrementalAlterConfigs (44): sets, deletes, appends to, or subtracts from single keys (KIP-339).
 *
 * Versions: v1 flexible
 * Behaviour: a change takes effect before it is answered; each resource succeeds or fails for itself; an invalid value never costs the connection.
 * Deviations from Apache Kafka: loggers, client metrics and groups are refused with INVALID_REQUEST.
 */
export const incrementalAlterConfigs = handler(
  IncrementalAlterConfigs,
  [0, 1],
  (needs: Needs<'topicAdmin' | 'config' | 'nodeId' | 'clock'>) => ({
    async handle({ resources, validateOnly }) {
      const alterations = resources.map(
        ({ resourceType, resourceName, configs }): Alteration => ({
          resourceType,
          resourceName,
          check: () => refuseNulls(configs.filter(({ configOperation }) => configOperation !== DELETE)),
          change: (current, scope, broker) => incrementalAlter(current, configs.map(operationOf), scope, broker),
        }),
      );
      return { responses: await alterResources(alterations, validateOnly, needs) };
    },
    refuse: (request, error) => ({ responses: request.resources.map((resource) => refusedAlteration(resource, error)) }),
  }),
);

function operationOf({ name, value, configOperation }: { name: string; value: string | null; configOperation: number }): ConfigOp {
  const op = OPERATIONS[configOperation];
  if (!op) throw new KafkaError('INVALID_REQUEST', `Unknown operation ${configOperation} for config ${name}.`);
  return { name, op, value };
}
