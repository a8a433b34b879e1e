import { KafkaError } from '../core/errors.ts';
import { METADATA_VERSION, SUPPORTED_FEATURES, type SupportedFeature } from './features.ts';
import { FEATURES_KEY } from './keys.ts';
import type { MetadataStore, Rev } from './store.ts';
import { encodeValue, parseFeatures } from './values.ts';
import { read, untilNoConflict, write } from './writes.ts';

/** KIP-778: a level is only lowered by who says so. */
export type UpgradeType = 'upgrade' | 'safe downgrade' | 'unsafe downgrade';

export interface FeatureUpdate {
  readonly feature: string;
  /** 0: the feature is off. */
  readonly level: number;
  /** undefined: one that does not exist. */
  readonly type: UpgradeType | undefined;
}

type Levels = ReadonlyMap<string, number>;

/**
 * Finalizes features at other levels: all of them, or none. Where nothing changes nothing is written, and the revision is that of the store.
 * @throws KafkaError INVALID_UPDATE_VERSION, which names the first feature that cannot be updated
 */
export function updateFeatures(
  store: MetadataStore,
  updates: readonly FeatureUpdate[],
  validateOnly: boolean,
  supported: readonly SupportedFeature[] = SUPPORTED_FEATURES,
): Promise<{ revision: Rev }> {
  return untilNoConflict(async () => {
    const { kv, rev: revision } = await read(store, FEATURES_KEY);
    const current: Levels = kv ? parseFeatures(FEATURES_KEY, kv.value) : new Map();
    const next = new Map(current);
    for (const update of updates) {
      const problem = problemOf(update, current, supported);
      if (problem) throw new KafkaError('INVALID_UPDATE_VERSION', `${FAILED}${problem}`);
      // Level 0 is not a level: the feature is not finalized.
      if (update.level === 0) next.delete(update.feature);
      else next.set(update.feature, update.level);
    }
    if (validateOnly || isSame(current, next)) return { revision };
    const put = { put: FEATURES_KEY, value: encodeValue(Object.fromEntries(next)) };
    const { ok, rev } = await write(store, [{ key: FEATURES_KEY, rev: kv?.rev ?? 0 }], [put]);
    return ok ? { revision: rev } : undefined;
  });
}

const FAILED = 'The update failed for all features since the following feature had an error: ';

/** null: the update may be done. Kafka's checks, in its order. */
function problemOf({ feature, level, type }: FeatureUpdate, current: Levels, supported: readonly SupportedFeature[]): string | null {
  const because = (why: string) => `Invalid update version ${level} for feature ${feature}. ${why}`;
  if (!type) return because('The given upgrade type does not exist.');
  if (level < 0) return because('A feature version cannot be less than 0.');
  const range = supported.find(({ name }) => name === feature);
  if (!range) return because('This feature is not supported here.');
  const { minVersion, maxVersion } = range;
  if (level < minVersion || level > maxVersion) return because(`Only versions ${minVersion}-${maxVersion} are supported here.`);
  const now = current.get(feature) ?? 0;
  if (level > now && type !== 'upgrade') return because("Can't downgrade to a newer version.");
  if (level >= now) return null;
  if (type === 'upgrade') return because("Can't downgrade the version of this feature without a safe or unsafe downgrade.");
  // As Kafka: a lower metadata.version might not know what stands in the metadata.
  if (feature !== METADATA_VERSION) return null;
  const why = type === 'safe downgrade' ? 'It might delete metadata information.' : 'Unsafe metadata downgrade is not supported.';
  return `Unsupported metadata.version downgrade from ${now} to ${level}. ${why}`;
}

function isSame(a: Levels, b: Levels): boolean {
  return a.size === b.size && [...a].every(([name, level]) => b.get(name) === level);
}
