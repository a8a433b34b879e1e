import { anonymous, type ClientQuotas, type MutationQuota } from '../security/client-quotas.ts';
import type { RequestContext } from './handler.ts';

/** What one request may still create or delete; null: as much as it likes. Clients before `firstStrict` know no THROTTLING_QUOTA_EXCEEDED: they wait. */
export function mutationQuota(quotas: ClientQuotas, { clientId, version }: RequestContext, firstStrict: number): MutationQuota | null {
  return quotas.isEnforced ? quotas.mutationsOf(anonymous(clientId), version >= firstStrict) : null;
}
