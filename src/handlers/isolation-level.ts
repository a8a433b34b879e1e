import { KafkaError } from '../core/errors.ts';

const READ_UNCOMMITTED = 0;
const READ_COMMITTED = 1;

/** Whether a request asks for what is committed alone. @throws KafkaError INVALID_REQUEST for a level that does not exist */
export function isReadCommitted({ isolationLevel }: { readonly isolationLevel: number }): boolean {
  if (isolationLevel !== READ_UNCOMMITTED && isolationLevel !== READ_COMMITTED) throw new KafkaError('INVALID_REQUEST');
  return isolationLevel === READ_COMMITTED;
}
