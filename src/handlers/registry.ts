import type { Api } from '../protocol/schema.ts';
import type { HandlerSpec, Handling } from './handler.ts';

/** One API that this broker serves, ready to be called. */
export interface ServedApi {
  readonly api: Api;
  readonly versions: readonly [number, number];
  readonly handling: Handling<Api>;
}

export type Registry = ReadonlyMap<number, ServedApi>;

/** What ApiVersions says of one API. */
export interface AdvertisedApi {
  readonly apiKey: number;
  readonly minVersion: number;
  readonly maxVersion: number;
}

/** A handler of any API, as the list holds it: the list itself is what keeps each handler and its API's types together. */
export type AnyHandler<N> = HandlerSpec<Api, N>;

export function makeRegistry<N>(handlers: readonly AnyHandler<N>[], needs: N): Registry {
  const served = handlers.map(({ api, versions, make }): [number, ServedApi] => [api.key, { api, versions, handling: make(needs) }]);
  return new Map(served);
}

export function advertisedApis(handlers: readonly { api: Api; versions: readonly [number, number] }[]): AdvertisedApi[] {
  return handlers.map(({ api, versions: [minVersion, maxVersion] }) => ({ apiKey: api.key, minVersion, maxVersion }));
}
