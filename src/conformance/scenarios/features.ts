import { ApiVersions, EndTxn, UpdateFeatures } from '../../protocol/messages/index.ts';
import type { ResponseOf } from '../../protocol/schema.ts';
import { scenario } from '../scenario.ts';
import { producer } from './transaction-support.ts';

const METADATA = 'metadata.version';
const ELR = 'eligible.leader.replicas.version';
const TRANSACTIONS = 'transaction.version';
const NOWHERE = 'no.such.feature';
const UNKNOWN = 0;
const UPGRADE = 1;
const SAFE_DOWNGRADE = 2;
const UNSAFE_DOWNGRADE = 3;
const CLIENT = { clientSoftwareName: 'conformance', clientSoftwareVersion: '1.0' };

interface Update {
  readonly feature: string;
  readonly maxVersionLevel: number;
  readonly allowDowngrade?: boolean;
  readonly upgradeType?: number;
}

/** Version 0 knows only whether a downgrade is allowed. */
const to = (feature: string, maxVersionLevel: number, upgradeType = UPGRADE): Update => ({
  feature,
  maxVersionLevel,
  upgradeType,
  allowDowngrade: upgradeType === SAFE_DOWNGRADE || upgradeType === UNSAFE_DOWNGRADE,
});

const REFUSED: readonly (readonly [string, readonly Update[]])[] = [
  ['a feature that does not exist', [to(NOWHERE, 1)]],
  ['a feature that does not exist, to level 0', [to(NOWHERE, 0)]],
  ['a feature that does not exist, downgraded', [to(NOWHERE, 1, SAFE_DOWNGRADE)]],
  ['a feature without a name', [to('', 1)]],
  ['a level beyond the newest', [to(METADATA, 99)]],
  ['a level before the oldest', [to(METADATA, 6, UNSAFE_DOWNGRADE)]],
  ['level 0 of the metadata', [to(METADATA, 0, SAFE_DOWNGRADE)]],
  ['a negative level', [to(ELR, -1)]],
  ['a negative level, downgraded', [to(ELR, -1, SAFE_DOWNGRADE)]],
  ['a lower level without a downgrade', [to(METADATA, 25)]],
  ['a lower level of another feature without a downgrade', [to(ELR, 0)]],
  ['a level beyond the newest of another feature', [to(ELR, 2)]],
  ['a downgrade to a higher level', [to(ELR, 2, SAFE_DOWNGRADE)]],
  ['a downgrade that loses metadata', [to(METADATA, 7, SAFE_DOWNGRADE)]],
  ['a level of transactions that there is not', [to(TRANSACTIONS, 3)]],
  ['a lower level of transactions without a downgrade', [to(TRANSACTIONS, 1)]],
  ['a level of transactions that there is not, downgraded', [to(TRANSACTIONS, 3, SAFE_DOWNGRADE)]],
  ['a negative level of transactions', [to(TRANSACTIONS, -1, SAFE_DOWNGRADE)]],
  ['a good one behind a bad one', [to(NOWHERE, 1), to(ELR, 1)]],
  ['a bad one behind a good one', [to(ELR, 1), to(NOWHERE, 1)]],
  ['two bad ones', [to(NOWHERE, 1), to(ELR, 9)]],
];

export const updateFeaturesScenarios = [
  scenario(UpdateFeatures, 'what is refused', async (stage) => {
    for (const [what, featureUpdates] of REFUSED) await stage.step(what, { featureUpdates });
    await stage.step('nothing', { featureUpdates: [] });
    await stage.step('nothing, at once', { featureUpdates: [], timeoutMs: 0 });
  }),

  scenario(
    UpdateFeatures,
    'validated only',
    async (stage) => {
      const validated = (...featureUpdates: Update[]) => ({ featureUpdates, validateOnly: true });
      await stage.step('the level that it has', validated(to(ELR, 1)));
      await stage.step('nothing', validated());
      for (const [what, updates] of REFUSED) await stage.step(what, validated(...updates));
      await stage.step('an unsafe downgrade that loses metadata', validated(to(METADATA, 7, UNSAFE_DOWNGRADE)));
      await stage.step('the last metadata.version', validated(to(METADATA, 32, SAFE_DOWNGRADE)));
      await stage.step('switched off', validated(to(ELR, 0, SAFE_DOWNGRADE)));
      await stage.step('transactions: the level that they have', validated(to(TRANSACTIONS, 2)));
      for (const level of [1, 0])
        for (const type of [SAFE_DOWNGRADE, UNSAFE_DOWNGRADE])
          await stage.step(`transactions: level ${level}, downgrade ${type}`, validated(to(TRANSACTIONS, level, type)));
      for (const type of [UNKNOWN, 4, -1]) await stage.step(`upgrade type ${type}`, validated(to(ELR, 1, type)));
    },
    [1, 2],
  ),

  // Apache Kafka writes the levels once more, into everybody's metadata.
  scenario(
    UpdateFeatures,
    'the levels that there are',
    async (stage) => {
      const { finalizedFeatures } = await stage.ask(ApiVersions, 4, CLIENT);
      const levelOf = (feature: string) => finalizedFeatures.find(({ name }) => name === feature)?.maxVersionLevel ?? 0;
      const [metadata, elr] = [levelOf(METADATA), levelOf(ELR)];
      await stage.step('one', { featureUpdates: [to(METADATA, metadata)] });
      await stage.step('two', { featureUpdates: [to(ELR, elr), to(METADATA, metadata)] });
      await stage.step('one, downgraded', { featureUpdates: [to(METADATA, metadata, SAFE_DOWNGRADE)] });
      await stage.step('one twice', { featureUpdates: [to(METADATA, metadata), to(METADATA, metadata)] });
      await stage.stepOf(ApiVersions, 4, 'are those from before', CLIENT, (response) => ({
        finalizedFeatures: response.finalizedFeatures.filter(({ name }) => name === METADATA || name === ELR),
      }));
    },
    [0, 2],
    { disturbs: true },
  ),

  scenario(
    UpdateFeatures,
    'the level of transactions',
    async (stage) => {
      const see = (name: string) =>
        stage.stepOf(ApiVersions, 4, `${name}: what is finalized`, CLIENT, ({ finalizedFeatures, supportedFeatures }) => ({
          finalized: finalizedFeatures.filter(({ name: feature }) => feature === TRANSACTIONS),
          supported: supportedFeatures.filter(({ name: feature }) => feature === TRANSACTIONS),
        }));
      await see('at first');
      try {
        for (const level of [1, 0]) {
          await stage.step(`down to ${level}`, { featureUpdates: [to(TRANSACTIONS, level, SAFE_DOWNGRADE)] });
          await stage.until(ApiVersions, 4, CLIENT, levelIs(level));
          await see(`down to ${level}`);
          const who = await producer(stage, `t${level}`);
          await stage.stepOf(EndTxn, 5, `at level ${level} an abort in an epoch of its own`, { ...who, committed: false });
        }
        for (const level of [1, 2]) {
          await stage.step(`up to ${level}`, { featureUpdates: [to(TRANSACTIONS, level)] });
          await stage.until(ApiVersions, 4, CLIENT, levelIs(level));
          await see(`up to ${level}`);
        }
      } finally {
        await stage.ask(UpdateFeatures, 1, { featureUpdates: [to(TRANSACTIONS, 2)] });
      }
    },
    [1, 2],
    { disturbs: true },
  ),
];

const levelIs =
  (level: number) =>
  ({ finalizedFeatures }: ResponseOf<typeof ApiVersions>): boolean =>
    (finalizedFeatures.find(({ name }) => name === TRANSACTIONS)?.maxVersionLevel ?? 0) === level;
