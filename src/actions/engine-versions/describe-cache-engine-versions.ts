/** DescribeCacheEngineVersions: what this machine can run, not what AWS lists. */
import type {
  CacheEngineVersionMessage,
  DescribeCacheEngineVersionsMessage,
} from '@aws-sdk/client-elasticache';
import { describeEngineVersions, type EngineVersionDescription } from '../../catalog/engine-versions.ts';
import { pageOf, parsePage } from '../../model/paging.ts';
import type { Action, ActionDeps } from '../action.ts';

export const describeCacheEngineVersions =
  (deps: ActionDeps): Action<DescribeCacheEngineVersionsMessage, CacheEngineVersionMessage> =>
  async (input) => {
    const request = parsePage(input);
    const rows = describeEngineVersions(await deps.engineOffer(), {
      engine: input.Engine,
      engineVersion: input.EngineVersion,
      family: input.CacheParameterGroupFamily,
      defaultOnly: input.DefaultOnly,
    });
    const page = pageOf(rows, sortKey, request);
    return {
      CacheEngineVersions: page.items.map((row) => ({
        Engine: row.engine,
        EngineVersion: row.version,
        CacheParameterGroupFamily: row.family,
        CacheEngineDescription: row.engineDescription,
        CacheEngineVersionDescription: row.versionDescription,
      })),
      Marker: page.marker,
    };
  };

/** The rows' own order, by engine and then by the numbers of the version, as text that compares so. */
function sortKey({ engine, version }: EngineVersionDescription): string {
  const numbers = version.split('.').map((part) => part.padStart(5, '0'));
  return `${engine}/${numbers.join('.')}`;
}
