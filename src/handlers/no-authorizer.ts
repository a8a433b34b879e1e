import { KafkaError } from '../core/errors.ts';

/** What every question about ACLs is answered with: there is no authorizer, so there are no ACLs. */
export const noAuthorizer = (): KafkaError => new KafkaError('SECURITY_DISABLED', 'No Authorizer is configured.');
