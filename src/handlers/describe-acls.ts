import { DescribeAcls } from '../protocol/messages/describe-acls.ts';
import { handler } from './handler.ts';
import { noAuthorizer } from './no-authorizer.ts';

/**
 * DescribeAcls (29): which ACLs match a filter.
 *
 * Versions: v1 pattern types (KIP-290) · v2 flexible · v3 user resources (KIP-373)
 * Behaviour: SECURITY_DISABLED, whatever is asked, as Apache Kafka without an authorizer answers.
 * Deviations from Apache Kafka: a filter that means nothing (an unknown operation, say) is answered so as well; Apache Kafka closes the connection.
 */
export const describeAcls = handler(DescribeAcls, [0, 3], () => ({
  handle: () => {
    throw noAuthorizer();
  },
  refuse: (_request, error) => ({ errorCode: error.code, errorMessage: error.message, resources: [] }),
}));
