import { expect, test } from 'vitest';
import { unregisterBroker } from '../../src/handlers/unregister-broker.ts';
import { sender } from './group-handlers.ts';
import { scriptedAdmin } from './partition-admin-fixture.ts';

test('a broker is forgotten, or the reason is told why not, in the words of Apache Kafka', async () => {
  const partitionAdmin = scriptedAdmin();
  const send = sender(unregisterBroker, { partitionAdmin });
  expect(await send(0, { brokerId: 3 })).toEqual({ throttleTimeMs: 0, errorCode: 0, errorMessage: '' });
  expect(partitionAdmin.asked).toEqual([{ unregister: 3 }]);
  expect(await send(0, { brokerId: 9 })).toMatchObject({ errorCode: 102, errorMessage: 'Broker ID 9 is not currently registered' });
});
