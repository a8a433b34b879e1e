import { ApiVersions, Metadata } from '../../protocol/messages/index.ts';
import { scenario } from '../scenario.ts';

const CLIENT = { clientSoftwareName: 'conformance', clientSoftwareVersion: '1.0' };
const FLEXIBLE_BODY = Buffer.from('02' + '61' + '02' + '31' + '00', 'hex'); // names "a" and "1", no tags

export const apiVersionsScenarios = [
  scenario(ApiVersions, 'what is served', async (stage) => {
    await stage.step('ask', CLIENT);
    await stage.step('ask again on the same connection', CLIENT);
  }),

  // KIP-511: both names are checked, and the connection stays.
  scenario(
    ApiVersions,
    'software names',
    async (stage) => {
      const long = 'a-very.long'.repeat(40);
      for (const name of ['a', 'a-b.c9', long])
        await stage.step(`name "${name.slice(0, 20)}"`, { ...CLIENT, clientSoftwareName: name }, errorOnly);
      for (const name of ['', '-a', 'a-', '.', 'a b', 'a/b', 'ä'])
        await stage.step(`name "${name}"`, { ...CLIENT, clientSoftwareName: name });
      for (const version of ['', '1.0-', '1_0']) await stage.step(`version "${version}"`, { ...CLIENT, clientSoftwareVersion: version });
    },
    [3, 5],
  ),

  scenario(
    ApiVersions,
    'the broker that the client thinks it is',
    async (stage) => {
      const { clusterId } = await stage.ask(Metadata, 12, { topics: [] });
      await stage.step('the right node of the right cluster', { ...CLIENT, clusterId, nodeId: 1 }, errorOnly);
      await stage.step('another node of the right cluster', { ...CLIENT, clusterId, nodeId: 7 }, errorOnly);
      await stage.step('the right cluster, no node', { ...CLIENT, clusterId }, errorOnly);
      await stage.step('the right node of no cluster', { ...CLIENT, nodeId: 1 }, errorOnly);
      await stage.step('another node', { ...CLIENT, nodeId: 7 }, errorOnly);
      await stage.step('another cluster', { ...CLIENT, clusterId: 'AAAAAAAAAAAAAAAAAAAAAQ', nodeId: 1 }, errorOnly);
    },
    [5, 5],
  ),

  // KIP-511: a version that the broker does not know is answered in version 0, with the range to choose from.
  scenario(
    ApiVersions,
    'a version that is too new',
    async (stage) => {
      for (const apiVersion of [6, 99, 32_767]) {
        await stage.raw(`version ${apiVersion}`, { apiKey: 18, apiVersion, flexible: true }, FLEXIBLE_BODY);
      }
      await stage.raw(
        'version 99 with a body that nobody can read',
        { apiKey: 18, apiVersion: 99, flexible: true },
        Buffer.alloc(40, 0xff),
      );
      await stage.raw('version -1', { apiKey: 18, apiVersion: -1, flexible: false }, Buffer.alloc(0));
      await stage.step('the connection still works', CLIENT, errorOnly);
    },
    [0, 0],
  ),

  scenario(
    ApiVersions,
    'requests that nobody can answer',
    async (stage) => {
      await stage.raw('an api key that does not exist', { apiKey: 999, apiVersion: 0, flexible: false }, Buffer.alloc(0));
      await stage.raw('api key -1', { apiKey: -1, apiVersion: 0, flexible: false }, Buffer.alloc(0));
      await stage.raw('LeaderAndIsr, which is between brokers', { apiKey: 4, apiVersion: 0, flexible: false }, Buffer.alloc(20));
      await stage.raw('Vote, which is between controllers', { apiKey: 52, apiVersion: 0, flexible: true }, Buffer.alloc(20));
      await stage.raw('Metadata of a version too new', { apiKey: Metadata.key, apiVersion: 99, flexible: true }, Buffer.alloc(10));
      await stage.raw('Metadata of version -1', { apiKey: Metadata.key, apiVersion: -1, flexible: false }, Buffer.alloc(10));
      await stage.raw(
        'Metadata with a body that ends early',
        { apiKey: Metadata.key, apiVersion: 1, flexible: false },
        Buffer.from('0000', 'hex'),
      );
      await stage.raw(
        'Metadata with a topic count beyond the frame',
        { apiKey: Metadata.key, apiVersion: 1, flexible: false },
        Buffer.from('7fffffff', 'hex'),
      );
      await stage.raw(
        'Metadata with a topic count below -1',
        { apiKey: Metadata.key, apiVersion: 1, flexible: false },
        Buffer.from('fffffffe', 'hex'),
        'answered',
      );
      await stage.raw(
        'Metadata with bytes left over',
        { apiKey: Metadata.key, apiVersion: 0, flexible: false },
        Buffer.from('000000010001ff0000', 'hex'),
        'answered',
      );
      await stage.rawBytes('a frame of negative length', Buffer.from('ffffffff', 'hex'));
      await stage.rawBytes('a frame longer than socket.request.max.bytes', Buffer.from('06400001', 'hex'));
      await stage.rawBytes('an empty frame', Buffer.from('00000000', 'hex'));
      await stage.rawBytes('a frame too short for a header', Buffer.from('00000003001200', 'hex'));
      await stage.rawBytes('HTTP', Buffer.from('GET / HTTP/1.1\r\n\r\n'));
    },
    [0, 0],
  ),
];

const errorOnly = ({ errorCode }: { errorCode: number }) => ({ errorCode });
