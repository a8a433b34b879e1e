import { api, array, bool, int8, int16, int32, string } from '../schema.ts';

/**
 * DescribeConfigs (32). v1 source and synonyms (KIP-226) · v2 throttling follows the answer (KIP-219)
 * · v3 type and documentation (KIP-569) · v4 flexible
 */
export const DescribeConfigs = api({
  key: 32,
  name: 'DescribeConfigs',
  versions: [0, 4],
  flexibleFrom: 4,
  request: {
    resources: array({
      resourceType: int8,
      resourceName: string,
      configurationKeys: array(string).nullable(),
    }),
    includeSynonyms: bool.since(1).default(false),
    includeDocumentation: bool.since(3).default(false),
  },
  response: {
    throttleTimeMs: int32.default(0),
    results: array({
      errorCode: int16,
      errorMessage: string.nullable(),
      resourceType: int8,
      resourceName: string,
      configs: array({
        name: string,
        value: string.nullable(),
        readOnly: bool,
        isDefault: bool.until(0),
        configSource: int8.since(1).default(-1),
        isSensitive: bool,
        synonyms: array({
          name: string,
          value: string.nullable(),
          source: int8,
        }).since(1),
        configType: int8.since(3).default(0),
        documentation: string.since(3).nullable(),
      }),
    }),
  },
});
