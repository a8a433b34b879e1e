import type { BrokerConfig } from '../config.ts';
import type { GroupCoordinator } from '../coordinator/group/group-coordinator.ts';
import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/logger.ts';
import type { Purgatory } from '../core/purgatory.ts';
import type { MetadataFeed } from '../metadata/image-feed.ts';
import type { MetadataStore } from '../metadata/store.ts';
import type { FetchSessions } from '../replication/fetch-sessions.ts';
import type { ReplicaManager } from '../replication/replica-manager.ts';
import type { ClientQuotas } from '../security/client-quotas.ts';
import type { LogDirs } from '../storage/log-dirs.ts';
import type { Endpoints } from './endpoints.ts';
import type { PartitionAdmin } from './partition-admin.ts';
import type { ProducerIds } from './producer-ids.ts';
import type { AdvertisedApi } from './registry.ts';
import type { TopicAdmin } from './topic-admin.ts';
import type { UnheardTopics } from './unheard-topics.ts';

/** Everything that a handler may ask for. Each handler names the few that it needs, so that a test passes stubs for just those. */
export interface Services {
  readonly nodeId: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** This broker's effective configuration; dynamic changes show at once. */
  readonly config: () => BrokerConfig;
  readonly store: MetadataStore;
  /** The cluster as this broker knows it. */
  readonly metadata: MetadataFeed;
  /** What other brokers have created a moment ago (metadata-store rule 11). */
  readonly unheardTopics: UnheardTopics;
  readonly topicAdmin: TopicAdmin;
  readonly partitionAdmin: PartitionAdmin;
  readonly replicas: ReplicaManager;
  /** The log directories. */
  readonly logs: LogDirs;
  readonly fetchSessions: FetchSessions;
  readonly groups: GroupCoordinator;
  readonly purgatory: Purgatory;
  /** What clients may use of this broker. */
  readonly quotas: ClientQuotas;
  readonly endpoints: Endpoints;
  /** What ApiVersions answers: the registry's own list. */
  readonly advertised: readonly AdvertisedApi[];
  /** Producer ids that no producer has had. */
  readonly producerIds: ProducerIds;
}

export type Needs<K extends keyof Services> = Pick<Services, K>;
