/** Fields that hold a broker's id, or several, in requests and responses alike. */
const NODE_FIELDS: ReadonlySet<string> = new Set([
  'nodeId',
  'brokerId',
  'brokerIds',
  'controllerId',
  'leader',
  'leaderId',
  'replicaId',
  'replicas',
  'replicaNodes',
  'isrNodes',
  'offlineReplicas',
  'addingReplicas',
  'removingReplicas',
  'eligibleLeaderReplicas',
  'lastKnownElr',
  'preferredReadReplica',
]);
/** Of config resources that are brokers: BROKER and BROKER_LOGGER. */
const BROKER_RESOURCES: ReadonlySet<unknown> = new Set([4, 8]);

/**
 * Scenarios know their broker as node 1, as it was where they were recorded. With a broker of another id the two ids change places, in what is
 * sent and in what comes back, so that a scenario sees node 1.
 * @param value a decoded message; bytes and everything that is no node id are kept as they are
 */
export function swapNodeIds<T>(value: T, a: number, b: number): T {
  if (a === b) return value;
  const swap = (id: unknown): unknown => (id === a ? b : id === b ? a : id);
  const walk = (inner: unknown, isNode: boolean): unknown => {
    if (typeof inner === 'number') return isNode ? swap(inner) : inner;
    if (inner instanceof Uint8Array || typeof inner !== 'object' || inner === null) return inner;
    if (Array.isArray(inner)) return inner.map((element) => walk(element, isNode));
    const fields = Object.entries(inner).map(([name, field]) => [name, walk(field, NODE_FIELDS.has(name))]);
    const copy = Object.fromEntries(fields) as Record<string, unknown>;
    if (BROKER_RESOURCES.has(copy.resourceType) && typeof copy.resourceName === 'string') {
      const named = copy.resourceName;
      if (named === String(a) || named === String(b)) copy.resourceName = String(swap(Number(named)));
    }
    return copy;
  };
  return walk(value, false) as T;
}
