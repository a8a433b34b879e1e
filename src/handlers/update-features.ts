import { type UpgradeType, updateFeatures as update } from '../metadata/feature-writes.ts';
import { UpdateFeatures } from '../protocol/messages/update-features.ts';
import type { RequestOf } from '../protocol/schema.ts';
import { handler } from './handler.ts';
import type { Needs } from './services.ts';

/** upgrade_type on the wire. */
const UPGRADE_TYPES: Readonly<Record<number, UpgradeType>> = { 1: 'upgrade', 2: 'safe downgrade', 3: 'unsafe downgrade' };

/** The last version that knows only whether a downgrade is allowed. */
const LAST_WITHOUT_TYPES = 0;

/**
 * UpdateFeatures (57): finalizes features of the cluster at other levels (KIP-584).
 *
 * Versions: v1 validateOnly and types of upgrades (KIP-778) · v2 no results for each feature, as all succeed or none (KIP-1022)
 * Behaviour:
 * - The levels are the cluster's, and last. An answer is not ahead of what ApiVersions says next.
 * - A feature that is not built, or a level beyond what is supported, is INVALID_UPDATE_VERSION, as Apache Kafka answers for what it does not know.
 * - metadata.version is never lowered, eligible.leader.replicas.version never switched off.
 * Deviations from Apache Kafka: those of the features that there are (metadata/features.ts).
 */
export const updateFeatures = handler(UpdateFeatures, [0, 2], ({ store, metadata }: Needs<'store' | 'metadata'>) => ({
  async handle({ featureUpdates, validateOnly }, { version }) {
    const updates = featureUpdates.map((each) => ({ feature: each.feature, level: each.maxVersionLevel, type: typeOf(each, version) }));
    const { revision } = await update(store, updates, validateOnly);
    await metadata.waitFor(revision);
    const results = featureUpdates.map(({ feature }) => ({ feature, errorCode: 0, errorMessage: 'NONE' })); // Kafka's word
    return { errorCode: 0, errorMessage: null, results };
  },
  refuse: (_request, error) => ({ errorCode: error.code, errorMessage: error.message, results: [] }),
}));

type Update = RequestOf<typeof UpdateFeatures>['featureUpdates'][number];

function typeOf({ upgradeType, allowDowngrade }: Update, version: number): UpgradeType | undefined {
  if (version > LAST_WITHOUT_TYPES) return UPGRADE_TYPES[upgradeType];
  return allowDowngrade ? 'safe downgrade' : 'upgrade';
}
