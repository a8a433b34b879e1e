import { CreateAcls, DeleteAcls, DescribeAcls } from '../../protocol/messages/index.ts';
import { scenario } from '../scenario.ts';

const ANY = 1;
const TOPIC = 2;
const READ = 3;
const ALLOW = 3;
const UNKNOWN = 0;

const filter = (operation = ANY) => ({
  resourceTypeFilter: ANY,
  resourceNameFilter: null,
  principalFilter: null,
  hostFilter: null,
  operation,
  permissionType: ANY,
});
const acl = (resourceName: string, operation = READ) => ({
  resourceType: TOPIC,
  resourceName,
  principal: 'User:ada',
  host: '*',
  operation,
  permissionType: ALLOW,
});

export const describeAclsScenarios = [
  scenario(DescribeAcls, 'without an authorizer', async (stage) => {
    await stage.step('any', filter());
    await stage.step('of a topic', { ...filter(READ), resourceTypeFilter: TOPIC, resourceNameFilter: 'a', principalFilter: 'User:ada' });
    await stage.step('an operation that does not exist', filter(UNKNOWN));
  }),
];

export const createAclsScenarios = [
  scenario(CreateAcls, 'without an authorizer', async (stage) => {
    await stage.step('two', { creations: [acl('a'), acl('b')] });
    await stage.step('none', { creations: [] });
    await stage.step('an operation that does not exist', { creations: [acl('a', UNKNOWN)] });
  }),
];

export const deleteAclsScenarios = [
  scenario(DeleteAcls, 'without an authorizer', async (stage) => {
    await stage.step('two filters', { filters: [filter(), filter(READ)] });
    await stage.step('none', { filters: [] });
    await stage.step('an operation that does not exist', { filters: [filter(UNKNOWN)] });
  }),
];
