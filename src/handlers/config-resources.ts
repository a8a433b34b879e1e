import type { BrokerConfig, ConfigScope } from '../config.ts';
import { errorCodeOf, KafkaError } from '../core/errors.ts';
import type { ConfigResource } from '../metadata/keys.ts';
import { checkTopicName } from '../metadata/topic-rules.ts';
import { repeated } from './each-once.ts';
import { inSlices } from './in-slices.ts';
import type { Needs } from './services.ts';

/** ConfigResource.Type on the wire. */
export const RESOURCE_TYPE = { topic: 2, broker: 4 } as const;

/** A resource of AlterConfigs or IncrementalAlterConfigs, and how its request changes it. */
export interface Alteration {
  readonly resourceType: number;
  readonly resourceName: string;
  /** What is wrong with it whatever resource it names. @throws KafkaError */
  readonly check: () => void;
  readonly change: (current: ReadonlyMap<string, string>, scope: ConfigScope, broker: BrokerConfig) => ReadonlyMap<string, string>;
}

export interface AlterationResult {
  readonly errorCode: number;
  readonly errorMessage: string | null;
  readonly resourceType: number;
  readonly resourceName: string;
}

/** @throws KafkaError INVALID_REQUEST when a broker resource does not name this broker: its configs are its own to tell and to change */
export function requireThisBroker(resourceName: string, nodeId: number): void {
  if (!/^[+-]?\d+$/.test(resourceName)) throw new KafkaError('INVALID_REQUEST', `Broker id must be an integer, but it is: ${resourceName}`);
  if (Number(resourceName) !== nodeId) {
    throw new KafkaError('INVALID_REQUEST', `Unexpected broker id, expected ${nodeId} or empty string, but received ${resourceName}`);
  }
}

/** Carries out alterations one by one; each succeeds or fails for itself, and takes effect before it is answered. */
export async function alterResources(
  alterations: readonly Alteration[],
  validateOnly: boolean,
  needs: Needs<'topicAdmin' | 'config' | 'nodeId' | 'clock'>,
): Promise<AlterationResult[]> {
  const results: AlterationResult[] = [];
  const keyOf = (each: Alteration) => `${each.resourceType}/${each.resourceName}`;
  const twice = repeated(alterations.map(keyOf));
  await inSlices(needs.clock, alterations, async (alteration) => {
    const { resourceType, resourceName, check, change } = alteration;
    try {
      if (twice.has(keyOf(alteration))) throw new KafkaError('INVALID_REQUEST', 'Each resource must appear at most once.');
      check();
      const { resource, scope } = resourceOf(alteration, needs.nodeId);
      await needs.topicAdmin.alterConfigs(resource, (current) => change(current, scope, needs.config()), validateOnly);
      results.push({ errorCode: 0, errorMessage: null, resourceType, resourceName });
    } catch (error) {
      results.push(refusedAlteration(alteration, error));
    }
  });
  return results;
}

export function refusedAlteration(
  { resourceType, resourceName }: { resourceType: number; resourceName: string },
  error: unknown,
): AlterationResult {
  const errorMessage = error instanceof KafkaError ? error.message : null;
  return { errorCode: errorCodeOf(error), errorMessage, resourceType, resourceName };
}

function resourceOf({ resourceType, resourceName: name }: Alteration, nodeId: number): { resource: ConfigResource; scope: ConfigScope } {
  if (resourceType === RESOURCE_TYPE.topic) {
    checkTopicName(name);
    return { resource: { type: 'topic', name }, scope: 'topic' };
  }
  if (resourceType !== RESOURCE_TYPE.broker) {
    throw new KafkaError('INVALID_REQUEST', `Configs of resource type ${resourceType} are not implemented.`);
  }
  if (name === '') return { resource: { type: 'broker', name: '' }, scope: 'cluster default' };
  requireThisBroker(name, nodeId);
  return { resource: { type: 'broker', name: String(nodeId) }, scope: 'broker' };
}
