import { DeleteAcls } from '../protocol/messages/delete-acls.ts';
import { handler } from './handler.ts';
import { noAuthorizer } from './no-authorizer.ts';

/**
 * DeleteAcls (31): removes the ACLs that match filters.
 *
 * Versions: v1 pattern types (KIP-290) · v2 flexible · v3 user resources (KIP-373)
 * Behaviour: SECURITY_DISABLED for each filter, as Apache Kafka without an authorizer answers.
 * Deviations from Apache Kafka: a filter that means nothing is answered so as well; Apache Kafka closes the connection.
 */
export const deleteAcls = handler(DeleteAcls, [0, 3], () => ({
  handle: () => {
    throw noAuthorizer();
  },
  refuse: (request, error) => ({
    filterResults: request.filters.map(() => ({ errorCode: error.code, errorMessage: error.message, matchingAcls: [] })),
  }),
}));
