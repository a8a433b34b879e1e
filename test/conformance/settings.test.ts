import { expect, test } from 'vitest';
import { swapNodeIds } from '../../src/conformance/node-ids.ts';
import {
  ASSUMPTIONS,
  brokenAssumptions,
  isOfSettings,
  otherSettings,
  recordedConfigs,
  shownOtherwise,
  whyLeftOut,
} from '../../src/conformance/settings.ts';
import { unfoldTranscripts } from '../../src/conformance/stored-transcripts.ts';
import { loadTranscripts } from '../../src/conformance/transcript-files.ts';

const STATIC = 4;
const DEFAULT = 5;
const config = (name: string, value: string | null, configSource = DEFAULT) => ({ name, value, configSource });

test('what somebody has set otherwise is told from what another software has for a default', () => {
  const recorded = [config('num.partitions', '1', STATIC), config('log.roll.ms', '7'), config('gone', '1'), config('same', 'x', STATIC)];
  const found = [config('num.partitions', '3', STATIC), config('log.roll.ms', '8'), config('new', '2', STATIC), config('same', 'x')];
  expect(otherSettings(recorded, found)).toEqual([
    { key: 'num.partitions', recorded: '1', found: '3' },
    { key: 'new', recorded: null, found: '2' },
  ]);
});

test('where a broker runs is no setting', () => {
  expect(otherSettings([config('log.dirs', '<own>', STATIC)], [config('log.dirs', '/data', STATIC)])).toEqual([]);
});

test('scenarios that a setting leaves without a meaning are left out, with the reason', () => {
  const broken = brokenAssumptions([{ key: 'num.partitions', recorded: '1', found: '3' }]);
  expect(whyLeftOut('CreateTopics: creating', broken)).toBe('num.partitions is not 1, and topics are created with the default');
  expect(whyLeftOut('Fetch: reading', broken)).toBeNull();
  const delay = brokenAssumptions([{ key: 'group.initial.rebalance.delay.ms', recorded: '0', found: '3000' }]);
  expect(delay).toHaveLength(1);
  expect(whyLeftOut('JoinGroup: one member', delay)).toBeNull();
});

const pick = (from: Readonly<Record<string, string>>, key: string) => (key in from ? { [key]: from[key] } : {});

test('what is assumed is what the recorded brokers had', () => {
  const recorded = unfoldTranscripts(loadTranscripts(['DescribeConfigs']));
  for (const kafka of ['4.4.0', '3.9.1'] as const) {
    const configs = new Map(recordedConfigs(recorded[kafka], 4).map(({ name, value }) => [name, value]));
    expect(configs.size).toBeGreaterThan(100);
    const before4: Readonly<Record<string, string>> = kafka === '3.9.1' ? { 'num.recovery.threads.per.data.dir': '1' } : {}; // KIP-1030
    for (const { key, value } of ASSUMPTIONS) expect({ [key]: configs.get(key) }).toEqual({ [key]: value, ...pick(before4, key) });
  }
});

test('a setting shows in listings of configs, under the names of those that follow it, and nowhere else', () => {
  const keys = shownOtherwise([{ key: 'log.retention.ms', recorded: '-1', found: null }]);
  const of = (path: string) => isOfSettings({ path }, keys);
  expect(of('topics.~a.configs.retention.ms.value')).toBe(true);
  expect(of('results.4 1.configs.log.retention.hours.value')).toBe(true);
  expect(of('results.2 ~a.configs.retention.ms')).toBe(true);
  expect(of('results.2 ~a.configs.retention.ms.more')).toBe(true);
  expect(of('results.2 ~a.configs.retention.bytes.value')).toBe(false);
  expect(of('topics.~a.retention.ms')).toBe(false);
  expect(of('topics.~a.errorCode')).toBe(false);
});

test('node ids change places wherever they stand, and nothing else does', () => {
  const response = {
    nodeId: 5,
    errorCode: 5,
    topics: [{ leaderId: 5, isrNodes: [5, 1, 2], partitionIndex: 1, records: Buffer.of(5) }],
    results: [
      { resourceType: 4, resourceName: '5' },
      { resourceType: 2, resourceName: '5' },
      { resourceType: 4, resourceName: '' },
    ],
    controllerId: -1,
  };
  const swapped = swapNodeIds(response, 5, 1);
  expect(swapped).toEqual({
    nodeId: 1,
    errorCode: 5,
    topics: [{ leaderId: 1, isrNodes: [1, 5, 2], partitionIndex: 1, records: Buffer.of(5) }],
    results: [
      { resourceType: 4, resourceName: '1' },
      { resourceType: 2, resourceName: '5' },
      { resourceType: 4, resourceName: '' },
    ],
    controllerId: -1,
  });
  expect(swapNodeIds(swapped, 1, 5)).toEqual(response);
  expect(swapNodeIds(response, 1, 1)).toBe(response);
});
