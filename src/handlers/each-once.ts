/**
 * What a request names, each once, in the order of the request. Most admin requests carry out nothing that they name twice, and answer it once,
 * with INVALID_REQUEST, as Kafka does.
 */
export function eachOnce<T>(items: readonly T[], keyOf: (item: T, index: number) => string): { item: T; duplicated: boolean }[] {
  const found = new Map<string, { item: T; duplicated: boolean }>();
  for (const [index, item] of items.entries()) {
    const key = keyOf(item, index);
    const before = found.get(key);
    if (before) before.duplicated = true;
    else found.set(key, { item, duplicated: false });
  }
  return [...found.values()];
}

/** The keys that occur more than once. */
export function repeated(keys: Iterable<string>): ReadonlySet<string> {
  const seen = new Set<string>();
  const twice = new Set<string>();
  for (const key of keys) (seen.has(key) ? twice : seen).add(key);
  return twice;
}
