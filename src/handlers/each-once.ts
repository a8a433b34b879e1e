/**
 * What an admin request names, each once, in the order of the request. Kafka carries out nothing that a request names twice, and answers it
 * once, with INVALID_REQUEST.
 */
export function eachOnce<T>(items: readonly T[], keyOf: (item: T) => string): { item: T; duplicated: boolean }[] {
  const found = new Map<string, { item: T; duplicated: boolean }>();
  for (const item of items) {
    const before = found.get(keyOf(item));
    if (before) before.duplicated = true;
    else found.set(keyOf(item), { item, duplicated: false });
  }
  return [...found.values()];
}
