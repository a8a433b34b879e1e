import { canonicalIp } from '../core/ip-address.ts';
import type { MetadataImage } from '../metadata/image.ts';
import { type ClientQuotaKey, parseEntityName, type QuotaEntity } from './quota-entity.ts';

/** The quota that holds for a client, and who shares it. */
export interface Limit {
  readonly perSecond: number;
  /** The same for all clients that are measured together. */
  readonly sharedAs: string;
}

/** What is set for names, for the default of all others, and where the entity has no such type. */
interface Choices<T> {
  readonly named: Map<string, T>;
  byDefault: T | undefined;
  without: T | undefined;
}

type Values = ReadonlyMap<string, number>;
const noChoices = <T>(): Choices<T> => ({ named: new Map(), byDefault: undefined, without: undefined });

/** All quotas that are set, as of one image of the metadata. */
export class QuotaLimits {
  private readonly users = noChoices<Choices<Values>>();
  private readonly ips = noChoices<Values>();

  /** null: there are none. */
  static of(image: MetadataImage): QuotaLimits | null {
    const limits = new QuotaLimits();
    let any = false;
    for (const [name, values] of image.configsOf('quota')) {
      const entity = parseEntityName(name);
      if (!entity) continue;
      limits.set(entity, new Map([...values].map(([key, value]) => [key, Number(value)])));
      any = true;
    }
    return any ? limits : null;
  }

  /**
   * The most specific quota for a client; null: it has none. As Kafka chooses: user and client id, user and default client id, user, then the same of
   * the default user, then client id and default client id; each key for itself.
   */
  ofClient(key: ClientQuotaKey, user: string, clientId: string): Limit | null {
    const { named, byDefault, without } = this.users;
    for (const clients of [named.get(user), byDefault, without]) {
      if (!clients) continue;
      // As in Kafka, a client without an id is only held to the quotas of its user.
      const own = clientId === '' ? undefined : (clients.named.get(clientId)?.get(key) ?? clients.byDefault?.get(key));
      const sharingUser = clients === without ? '' : user;
      if (own !== undefined) return { perSecond: own, sharedAs: `${sharingUser.length} ${sharingUser}${clientId}` };
      const ofAll = clients.without?.get(key);
      if (ofAll !== undefined) return { perSecond: ofAll, sharedAs: `${sharingUser.length} ${sharingUser}` };
    }
    return null;
  }

  /** Connections per second from one address; null: as many as come. */
  ofIp(ip: string): number | null {
    const { named, byDefault } = this.ips;
    if (named.size === 0 && !byDefault) return null;
    return (named.get(canonicalIp(ip) ?? ip) ?? byDefault)?.get('connection_creation_rate') ?? null;
  }

  private set(entity: QuotaEntity, values: Values): void {
    const ip = entity.get('ip');
    if (ip !== undefined) choose(this.ips, ip === null ? null : (canonicalIp(ip) ?? ip), () => values);
    else choose(choose(this.users, entity.get('user'), noChoices<Values>), entity.get('client-id'), () => values);
  }
}

/** What stands there for a name, null for the default, undefined for none; made anew where nothing does. */
function choose<T>(choices: Choices<T>, name: string | null | undefined, make: () => T): T {
  const chosen = (name === undefined ? choices.without : name === null ? choices.byDefault : choices.named.get(name)) ?? make();
  if (name === undefined) choices.without = chosen;
  else if (name === null) choices.byDefault = chosen;
  else choices.named.set(name, chosen);
  return chosen;
}
