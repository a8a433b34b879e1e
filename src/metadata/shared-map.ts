/** 10,000 entries make 40 a bucket: what an edit copies. */
const BUCKETS = 256;

type Buckets<V> = readonly (ReadonlyMap<string, V> | undefined)[];

/**
 * An immutable map that shares structure with the one it was made from: an edit copies only the buckets that it touches, so that a change of
 * one topic does not copy ten thousand.
 */
export class SharedMap<V> {
  readonly size: number;
  private readonly buckets: Buckets<V>;

  private constructor(buckets: Buckets<V>, size: number) {
    this.buckets = buckets;
    this.size = size;
  }

  static empty<V>(): SharedMap<V> {
    return new SharedMap<V>(new Array(BUCKETS).fill(undefined), 0);
  }

  get(key: string): V | undefined {
    return this.buckets[bucketOf(key)]?.get(key);
  }

  /** In no particular order. */
  *entries(): Generator<[string, V]> {
    for (const bucket of this.buckets) if (bucket) yield* bucket;
  }

  *values(): Generator<V> {
    for (const bucket of this.buckets) if (bucket) yield* bucket.values();
  }

  edit(): SharedMapEdit<V> {
    return new SharedMapEdit(this, this.buckets, (buckets, size) => new SharedMap(buckets, size));
  }
}

/** Changes on the way to the next SharedMap; the one it began from stays as it is. */
export class SharedMapEdit<V> {
  private readonly before: SharedMap<V>;
  private readonly source: Buckets<V>;
  private readonly build: (buckets: Buckets<V>, size: number) => SharedMap<V>;
  private readonly touched = new Map<number, Map<string, V>>();
  private size: number;

  constructor(before: SharedMap<V>, source: Buckets<V>, build: (buckets: Buckets<V>, size: number) => SharedMap<V>) {
    this.before = before;
    this.source = source;
    this.build = build;
    this.size = before.size;
  }

  get(key: string): V | undefined {
    const index = bucketOf(key);
    return (this.touched.get(index) ?? this.source[index])?.get(key);
  }

  set(key: string, value: V): void {
    const bucket = this.own(key);
    if (!bucket.has(key)) this.size++;
    bucket.set(key, value);
  }

  delete(key: string): void {
    if (this.get(key) === undefined) return;
    if (this.own(key).delete(key)) this.size--;
  }

  /** The map with all changes; the same one when there are none. */
  done(): SharedMap<V> {
    if (this.touched.size === 0) return this.before;
    const buckets = [...this.source];
    for (const [index, bucket] of this.touched) buckets[index] = bucket.size > 0 ? bucket : undefined;
    return this.build(buckets, this.size);
  }

  private own(key: string): Map<string, V> {
    const index = bucketOf(key);
    let bucket = this.touched.get(index);
    if (!bucket) {
      bucket = new Map(this.source[index]);
      this.touched.set(index, bucket);
    }
    return bucket;
  }
}

function bucketOf(key: string): number {
  let hash = 0;
  for (let i = 0; i < key.length; i++) hash = (Math.imul(hash, 31) + key.charCodeAt(i)) | 0;
  return (hash ^ (hash >>> 8)) & (BUCKETS - 1);
}
