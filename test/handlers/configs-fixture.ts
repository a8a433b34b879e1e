import type { Struct } from '../support/interpreter.ts';
import type { RawClient } from '../support/raw-client.ts';

export const TOPIC = 2;
export const BROKER = 4;

/** The value in force, as DescribeConfigs tells it, with its source. */
export async function configOf(client: RawClient, resourceType: number, resourceName: string, key: string): Promise<[unknown, unknown]> {
  const resources = [{ resourceType, resourceName, configurationKeys: [key] }];
  const [result] = (await client.call('DescribeConfigs', 4, { resources })).results as Struct[];
  const [config] = result!.configs as Struct[];
  return [config?.value, config?.configSource];
}
