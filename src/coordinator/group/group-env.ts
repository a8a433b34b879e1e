import type { Clock } from '../../core/clock.ts';
import type { Logger } from '../../core/logger.ts';
import type { GroupConfig } from './group-config.ts';

/** What the rules of a group need from outside of it. */
export interface GroupEnv {
  readonly clock: Clock;
  /** Wall-clock time by which offsets expire. */
  readonly expiryNow: () => number;
  readonly logger: Logger;
  readonly config: () => GroupConfig;
  /** A fresh uuid, for member ids. */
  readonly newUuid: () => string;
}
