import type { Api, Decoded, Encodable, Fields } from '../protocol/schema.ts';
import { Stage } from './stage.ts';
import type { Venue } from './venue.ts';

/** A sequence of requests about one API, played at each of its versions. */
export interface Scenario {
  readonly name: string;
  readonly apiKey: number;
  readonly versions: readonly [number, number];
  /** It changes what others see too (dynamic configs of brokers, leaders of all partitions, quotas of everybody): not for a cluster that others use. */
  readonly disturbs: boolean;
  /** It asks for what a broker in a cluster may not have: partitions that nobody can put there. */
  readonly onlyAlone: boolean;
  /** What it is answered depends on what else is asked at the same time: no two of these are played at once, nor any other beside them. */
  readonly oneAtATime?: boolean;
  play(venue: Venue, version: number): Promise<void>;
}

/**
 * Declares a scenario. It plays on topics and groups of its own (`stage.name`), so that scenarios neither disturb each other nor depend on
 * their order.
 */
export function scenario<Req extends Fields, Res extends Fields>(
  api: Api<Req, Res>,
  name: string,
  play: (stage: Stage<Encodable<Req>, Decoded<Res>>) => Promise<void>,
  versions: readonly [number, number] = api.versions,
  {
    disturbs = false,
    onlyAlone = false,
    oneAtATime = false,
  }: { readonly disturbs?: boolean; readonly onlyAlone?: boolean; readonly oneAtATime?: boolean } = {},
): Scenario {
  const fullName = `${api.name}: ${name}`;
  return {
    name: fullName,
    apiKey: api.key,
    versions,
    disturbs,
    onlyAlone,
    oneAtATime,
    play: async (venue, version) => {
      const stage = new Stage(venue, fullName, version, api);
      try {
        await play(stage as unknown as Stage<Encodable<Req>, Decoded<Res>>);
      } finally {
        await stage.close();
      }
    },
  };
}
