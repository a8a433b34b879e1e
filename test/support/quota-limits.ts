import type { ClientQuotaKey } from '../../src/security/quota-entity.ts';
import type { Limit, QuotaLimits } from '../../src/security/quota-limits.ts';

/** The same limit for each client and address by itself. */
export function limitsOf(perSecond: Partial<Record<ClientQuotaKey | 'ip', number>>): QuotaLimits {
  const ofClient = (key: ClientQuotaKey, _user: string, clientId: string): Limit | null => {
    const limit = perSecond[key];
    return limit === undefined ? null : { perSecond: limit, sharedAs: clientId };
  };
  return { ofClient, ofIp: () => perSecond.ip ?? null } as unknown as QuotaLimits;
}
