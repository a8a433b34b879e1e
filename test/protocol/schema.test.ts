import { describe, expect, test } from 'vitest';
import * as messages from '../../src/protocol/messages/index.ts';
import type { Message } from '../../src/protocol/schema.ts';
import { differences } from '../support/schema-compare.ts';
import { declaredMessages } from '../support/schema-declared.ts';
import { advertisedVersions, kafkaMessages } from '../support/schema-files.ts';
import { wrongCopies } from '../support/schema-mistakes.ts';

const { APIS } = messages;
const kafkaApis = kafkaMessages('api');

const declared = await declaredMessages();

test.each(declared)('$message.name is declared as Kafka defines it, field by field at every version', ({ message, kafka }) => {
  expect(kafka, `${message.name} is no message of Kafka's`).toBeDefined();
  expect(differences(message, kafka!)).toEqual([]);
});

test('APIS lists every API that is declared, once, in key order', () => {
  const exported = Object.values(messages).filter((value) => value !== APIS);
  expect(new Set<unknown>(APIS)).toEqual(new Set<unknown>(exported));
  const keys = APIS.map(({ key }) => key);
  expect(keys).toEqual([...new Set(keys)].sort((a, b) => a - b));
});

test.each(APIS)('$name has the key and the last version that a 4.4.0 broker advertises', (api) => {
  const kafka = kafkaApis.get(`${api.name}Request`)!;
  const [first, last] = advertisedVersions().get(api.key)!;
  expect(kafkaApis.get(`${api.name}Response`)!.apiKey).toBe(kafka.apiKey);
  expect(api.key).toBe(kafka.apiKey);
  expect(api.versions[0]).toBeLessThanOrEqual(first);
  expect(api.versions[1]).toBe(kafka.latestVersionUnstable ? last + 1 : last);
});

test('InitProducerId v6 is the only declared version that Kafka does not advertise', () => {
  const unstable = APIS.filter(({ name }) => kafkaApis.get(`${name}Request`)!.latestVersionUnstable);
  expect(unstable.map(({ name, versions }) => `${name} v${versions[1]}`)).toEqual(['InitProducerId v6']);
});

describe('a wrong declaration is reported', () => {
  test.each(declared)('in any field of $message.name', ({ message, kafka }) => {
    const copies = [...wrongCopies(message)];
    const unnoticed = copies.filter(({ copy }) => differences(copy, kafka!).length === 0);
    expect(unnoticed.map(({ mistake }) => mistake)).toEqual([]);
    expect(copies.length).toBeGreaterThan(0);
  });

  const { request } = messages.Fetch;
  const reversed = Object.fromEntries(Object.entries(request.fields).reverse());
  test.each<[string, Message, RegExp]>([
    ['name', { ...request, name: 'FetchAnswer' }, /^name: declared FetchAnswer, in Kafka FetchRequest$/],
    ['versions', { ...request, versions: [0, 17] }, /^versions: declared 0,17, in Kafka 0,18$/],
    ['flexible version', { ...request, flexibleFrom: 11 }, /^flexibleFrom: declared 11, in Kafka 12$/],
    ['order', { ...request, fields: reversed }, /^v0 #0: declared topics.* in Kafka replicaId/],
  ])('in the %s of a message', (_, wrong, report) => {
    expect(differences(wrong, kafkaApis.get('FetchRequest')!)[0]).toMatch(report);
  });
});
