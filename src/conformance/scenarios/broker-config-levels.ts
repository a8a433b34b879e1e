import { DescribeConfigs, IncrementalAlterConfigs } from '../../protocol/messages/index.ts';
import type { ResponseOf } from '../../protocol/schema.ts';
import { scenario } from '../scenario.ts';
import { ALTERED_KEY, BROKER, DELETE, describe, NODE, PLUGIN_PREFIX, SET } from './config-support.ts';

type Described = ResponseOf<typeof DescribeConfigs>;
const shows =
  (key: string, source: number | undefined) =>
  ({ results }: Described) =>
    results[0]?.configs.find(({ name }) => name === key)?.configSource === source;

const DYNAMIC_BROKER = 2;
const DYNAMIC_DEFAULT = 3;
const DEFAULT = 5;

/** What is really altered of a broker: a key that does nothing in either broker, and one that nobody knows. They are put back. */
export const brokerConfigLevelsScenarios = [
  scenario(
    IncrementalAlterConfigs,
    'the levels of a broker config',
    async (stage) => {
      const alter = (what: string, name: string, key: string, operation: number, value: string | null) =>
        stage.step(what, {
          resources: [{ resourceType: BROKER, resourceName: name, configs: [{ name: key, configOperation: operation, value }] }],
          validateOnly: false,
        });
      const look = async (what: string, key: string, source: number | undefined) => {
        for (const [who, name] of [
          ['of this broker', NODE],
          ['of the default', ''],
        ] as const) {
          const request = describe(BROKER, name, [key], { includeSynonyms: true });
          if (name === NODE) await stage.until(DescribeConfigs, 4, request, shows(key, source));
          await stage.stepOf(DescribeConfigs, 4, `${what}, ${who}`, request);
        }
      };
      const plugin = `${PLUGIN_PREFIX}${stage.name('key')}`;
      try {
        await alter('set for all', '', ALTERED_KEY, SET, '501');
        await look('set for all', ALTERED_KEY, DYNAMIC_DEFAULT);
        await alter('set for this broker', NODE, ALTERED_KEY, SET, '0502');
        await look('set for both', ALTERED_KEY, DYNAMIC_BROKER);
        await alter('a plug-in of this broker', NODE, plugin, SET, 'secret');
        await look('a plug-in', plugin, DYNAMIC_BROKER);
      } finally {
        await alter('no plug-in any more', NODE, plugin, DELETE, null);
        await alter('not set for this broker any more', NODE, ALTERED_KEY, DELETE, null);
        await look('set for all only', ALTERED_KEY, DYNAMIC_DEFAULT);
        await alter('not set for all any more', '', ALTERED_KEY, DELETE, null);
        await look('as it was', ALTERED_KEY, DEFAULT);
        await look('no plug-in', plugin, undefined);
      }
    },
    // One version only: two would meet.
    [1, 1],
    { disturbs: true },
  ),
];
