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
    for (const patternTypeFilter of [1, 2, 3, 4])
      await stage.step(`pattern type ${patternTypeFilter}`, { ...filter(), resourceNameFilter: 'a', patternTypeFilter });
    for (const resourceTypeFilter of [2, 3, 4, 5, 6])
      await stage.step(`resource type ${resourceTypeFilter}`, { ...filter(), resourceTypeFilter });
    for (const permissionType of [2, 3]) await stage.step(`permission ${permissionType}`, { ...filter(), permissionType });
    await stage.step('of nobody, from nowhere', { ...filter(), resourceNameFilter: '', principalFilter: '', hostFilter: '' });
    await stage.step('an operation that does not exist', filter(UNKNOWN));
  }),
];

export const createAclsScenarios = [
  scenario(CreateAcls, 'without an authorizer', async (stage) => {
    await stage.step('two', { creations: [acl('a'), acl('b')] });
    await stage.step('none', { creations: [] });
    await stage.step('one twice', { creations: [acl('a'), acl('a')] });
    await stage.step('of the cluster', { creations: [{ ...acl('kafka-cluster', 9), resourceType: 4 }] });
    await stage.step('of a group, with a prefix', {
      creations: [{ ...acl('g'), resourceType: 3, resourcePatternType: stage.version > 0 ? 4 : 3 }],
    });
    await stage.step('denied', { creations: [{ ...acl('a'), permissionType: 2, host: '10.0.0.7' }] });
    await stage.step('of a principal that is none', { creations: [{ ...acl('a'), principal: 'ada' }] });
    await stage.step('of a resource without a name', { creations: [acl('')] });
    await stage.step('an operation that does not exist', { creations: [acl('a', UNKNOWN)] });
  }),
];

export const deleteAclsScenarios = [
  scenario(DeleteAcls, 'without an authorizer', async (stage) => {
    await stage.step('two filters', { filters: [filter(), filter(READ)] });
    await stage.step('none', { filters: [] });
    await stage.step('one twice', { filters: [filter(), filter()] });
    await stage.step('one that names everything', {
      filters: [
        {
          ...filter(READ),
          resourceTypeFilter: TOPIC,
          resourceNameFilter: 'a',
          principalFilter: 'User:ada',
          hostFilter: '*',
          permissionType: ALLOW,
        },
      ],
    });
    await stage.step('an operation that does not exist', { filters: [filter(UNKNOWN)] });
  }),
];
