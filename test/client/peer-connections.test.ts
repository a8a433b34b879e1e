import { expect, onTestFinished, test } from 'vitest';
import { PeerConnections } from '../../src/client/peer-connections.ts';
import { realClock } from '../../src/core/clock.ts';
import { tcpTransport } from '../../src/core/tcp-transport.ts';
import { AddPartitionsToTxn, WriteTxnMarkers } from '../../src/protocol/messages/index.ts';
import { scriptedCluster } from '../cli/scripted-cluster.ts';
import { eventually } from '../support/eventually.ts';

const TIMEOUT_MS = 10_000;

test('each API has a connection of its own to a broker, so that no answer waits behind one of another API', async () => {
  const cluster = await scriptedCluster(1, {
    WriteTxnMarkers: { key: 27, version: 1, answer: () => ({ markers: [] }) },
    AddPartitionsToTxn: { key: 24, version: 4, answer: () => ({ throttleTimeMs: 0, errorCode: 0, resultsByTransaction: [] }) },
  });
  const [, port] = cluster.addresses[0]!.split(':');
  const peers = new PeerConnections({
    clock: realClock,
    transport: tcpTransport,
    addressOf: () => ({ host: '127.0.0.1', port: Number(port) }),
    clientId: 'broker-2',
  });
  onTestFinished(async () => {
    peers.close();
    await cluster.close();
  });
  const write = () => peers.request(1, WriteTxnMarkers, 1, { markers: [] }, TIMEOUT_MS);
  const ask = () => peers.request(1, AddPartitionsToTxn, 4, { transactions: [] }, TIMEOUT_MS);
  await Promise.all([write(), ask(), write(), ask()]);
  expect(cluster.open).toEqual([2]);
  peers.close();
  await eventually(async () => expect(cluster.open).toEqual([0]));
});
