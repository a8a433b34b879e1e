import { CreateAcls } from '../protocol/messages/create-acls.ts';
import { handler } from './handler.ts';
import { noAuthorizer } from './no-authorizer.ts';

/**
 * CreateAcls (30): adds ACLs.
 *
 * Versions: v1 pattern types (KIP-290) · v2 flexible · v3 user resources (KIP-373)
 * Behaviour: SECURITY_DISABLED for each, as Apache Kafka without an authorizer answers.
 * Deviations from Apache Kafka: an ACL that means nothing is answered so as well; Apache Kafka closes the connection.
 */
export const createAcls = handler(CreateAcls, [0, 3], () => ({
  handle: () => {
    throw noAuthorizer();
  },
  refuse: (request, error) => ({ results: request.creations.map(() => ({ errorCode: error.code, errorMessage: error.message })) }),
}));
