import type { BrokerConfig } from '../config.ts';
import type { Clock } from '../core/clock.ts';
import type { MetadataFeed } from '../metadata/image-feed.ts';
import { ClientQuotas } from '../security/client-quotas.ts';
import { QuotaLimits } from '../security/quota-limits.ts';

/** Quotas as the metadata has them, from now on. */
export function clientQuotas(config: BrokerConfig, metadata: MetadataFeed, clock: Clock): ClientQuotas {
  const quotas = new ClientQuotas({
    clock,
    window: { samples: config.int('quota.window.num'), sampleMs: config.int('quota.window.size.seconds') * 1000 },
    controllerWindow: {
      samples: config.int('controller.quota.window.num'),
      sampleMs: config.int('controller.quota.window.size.seconds') * 1000,
    },
  });
  quotas.set(QuotaLimits.of(metadata.current));
  metadata.onChange((image, { configs }) => {
    if (configs.some(({ type }) => type === 'quota')) quotas.set(QuotaLimits.of(image));
  });
  return quotas;
}
