/** Java's String.hashCode: over UTF-16 units, in 32 bits. */
export function javaHash(text: string): number {
  let hash = 0;
  for (let i = 0; i < text.length; i++) hash = (Math.imul(hash, 31) + text.charCodeAt(i)) | 0;
  return hash;
}

/** The partition of a coordinator's topic that a group or a transactional id lives in. Kafka takes 0 as the absolute value of the smallest int. */
export function partitionFor(id: string, partitions: number): number {
  const hash = javaHash(id);
  return hash === -(2 ** 31) ? 0 : Math.abs(hash) % partitions;
}
