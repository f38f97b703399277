/**
 * Versions that ElastiCache offers and nobody packages any more. Where the operator allows stand-ins, the nearest
 * newer version of the same engine that this machine can run serves them, and the API answers what was asked for.
 */
import type { Engine } from '../model/resource.ts';
import table from './data/engine-versions.json' with { type: 'json' };
import { compareVersions, seriesOf } from './version-order.ts';

/** The patch that ElastiCache's answers show for a version of two parts: `6.2` → `6.2.6`. */
interface OfferedVersion {
  readonly version: string;
  readonly clusterReports?: string;
}

interface Runnable {
  /** As the API writes it: `8.1`, `1.6.38`. */
  readonly version: string;
}

/** The versions that ElastiCache offers of an engine, oldest first. */
const offeredVersions = (engine: Engine): readonly OfferedVersion[] => table[engine].versions;

/**
 * Offered versions of which this machine can run no patch, each with the series (`7.0`, `1.6`) that stands in: that
 * of the nearest newer version. `runnable` is of this engine, oldest first.
 */
export function standInsFor(
  engine: Engine,
  runnable: readonly Runnable[],
): readonly { readonly version: string; readonly series: string }[] {
  return offeredVersions(engine).flatMap(({ version }) => {
    if (runnable.some((one) => seriesOf(one.version) === seriesOf(version))) return [];
    const nearest = runnable.find((one) => compareVersions(one.version, version) > 0);
    return nearest ? [{ version, series: seriesOf(nearest.version) }] : [];
  });
}

/** The patch that ElastiCache shows for a version of two parts; 0 where it is not known. */
export function shownPatch(engine: Engine, version: string): string {
  const reported = offeredVersions(engine).find((one) => one.version === version)?.clusterReports ?? '';
  return /^\d+\.\d+\.\d+$/.test(reported) ? reported : `${version}.0`;
}
