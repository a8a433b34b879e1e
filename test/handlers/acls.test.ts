import { expect, test } from 'vitest';
import { createAcls } from '../../src/handlers/create-acls.ts';
import { deleteAcls } from '../../src/handlers/delete-acls.ts';
import { describeAcls } from '../../src/handlers/describe-acls.ts';
import { sender, versionsOf } from './group-handlers.ts';

const SECURITY_DISABLED = 54;
const refusal = { errorCode: SECURITY_DISABLED, errorMessage: expect.stringMatching(/^No Authorizer is configured/) };

const filter = {
  resourceTypeFilter: 1,
  resourceNameFilter: null,
  principalFilter: null,
  hostFilter: null,
  operation: 1,
  permissionType: 1,
};
const acl = { resourceType: 2, resourceName: 'orders', principal: 'User:ada', host: '*', operation: 3, permissionType: 3 };

test.each(versionsOf(describeAcls))('DescribeAcls v%i says that security is disabled', async (version) => {
  expect(await sender(describeAcls, {})(version, filter)).toEqual({ throttleTimeMs: 0, ...refusal, resources: [] });
});

test.each(versionsOf(createAcls))('CreateAcls v%i says so of each ACL', async (version) => {
  const send = sender(createAcls, {});
  expect(await send(version, { creations: [acl, acl] })).toEqual({ throttleTimeMs: 0, results: [refusal, refusal] });
  expect(await send(version, { creations: [] })).toEqual({ throttleTimeMs: 0, results: [] });
});

test.each(versionsOf(deleteAcls))('DeleteAcls v%i says so of each filter', async (version) => {
  const send = sender(deleteAcls, {});
  const result = { ...refusal, matchingAcls: [] };
  expect(await send(version, { filters: [filter, filter] })).toEqual({ throttleTimeMs: 0, filterResults: [result, result] });
  expect(await send(version, { filters: [] })).toEqual({ throttleTimeMs: 0, filterResults: [] });
});
