import {
  array,
  bool,
  bytes,
  float64,
  int8,
  int16,
  int32,
  int64,
  message,
  string,
  struct,
  uint16,
  uuid,
} from '../../src/protocol/schema.ts';
import { kafkaMessage } from './schema-files.ts';

/** A message that uses all that the DSL and Kafka's definitions can say, also what no declared message needs yet. */
export const Everything = message({
  name: 'Everything',
  versions: [0, 3],
  flexibleFrom: 2,
  fields: {
    port: uint16.default(9092),
    ratio: float64,
    cursor: struct({ topic: string, partition: int32.default(-1) }).nullable(),
    // The names are reserved words of JavaScript, and the tags stand out of order.
    class: string.since(2).nullable(2).default('none').tag(3),
    new: bytes.since(2).nullable(2).tag(1),
    nested: struct({ id: uuid, inner: struct({ flag: bool.default(true), name: string.nullable().default(null) }) }).since(1),
    optional: struct({ count: int16.default(3) })
      .since(2)
      .nullable(2)
      .default(null)
      .tag(2),
    sizes: array(int8).since(2).nullable(2).default(null).tag(0),
    blobs: array(bytes).until(2),
    groups: array({ id: uuid, next: struct({ offset: int64.default(-1) }).nullable(1), ratios: array(float64).since(3) }).nullable(1),
  },
});

export const kafkaEverything = kafkaMessage({
  type: 'data',
  name: 'Everything',
  validVersions: '0-3',
  flexibleVersions: '2+',
  fields: [
    { name: 'Port', type: 'uint16', versions: '0+', default: '9092' },
    { name: 'Ratio', type: 'float64', versions: '0+' },
    {
      name: 'Cursor',
      type: 'Cursor',
      versions: '0+',
      nullableVersions: '0+',
      fields: [
        { name: 'Topic', type: 'string', versions: '0+' },
        { name: 'Partition', type: 'int32', versions: '0+', default: '-1' },
      ],
    },
    { name: 'Class', type: 'string', versions: '2+', nullableVersions: '2+', taggedVersions: '2+', tag: 3, default: 'none' },
    { name: 'New', type: 'bytes', versions: '2+', nullableVersions: '2+', taggedVersions: '2+', tag: 1 },
    {
      name: 'Nested',
      type: 'Nested',
      versions: '1+',
      fields: [
        { name: 'Id', type: 'uuid', versions: '0+' },
        {
          name: 'Inner',
          type: 'Inner',
          versions: '0+',
          fields: [
            { name: 'Flag', type: 'bool', versions: '0+', default: 'true' },
            { name: 'Name', type: 'string', versions: '0+', nullableVersions: '0+', default: 'null' },
          ],
        },
      ],
    },
    {
      name: 'Optional',
      type: 'Optional',
      versions: '2+',
      nullableVersions: '2+',
      taggedVersions: '2+',
      tag: 2,
      default: 'null',
      fields: [{ name: 'Count', type: 'int16', versions: '0+', default: '3' }],
    },
    { name: 'Sizes', type: '[]int8', versions: '2+', nullableVersions: '2+', taggedVersions: '2+', tag: 0, default: 'null' },
    { name: 'Blobs', type: '[]bytes', versions: '0-2' },
    {
      name: 'Groups',
      type: '[]Group',
      versions: '0+',
      nullableVersions: '1+',
      fields: [
        { name: 'Id', type: 'uuid', versions: '0+' },
        {
          name: 'Next',
          type: 'Next',
          versions: '0+',
          nullableVersions: '1+',
          fields: [{ name: 'Offset', type: 'int64', versions: '0+', default: '-1' }],
        },
        { name: 'Ratios', type: '[]float64', versions: '3+' },
      ],
    },
  ],
});
