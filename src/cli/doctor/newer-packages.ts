/** Newer patches in the package sources that engines were fetched from. */
import { seriesOf } from '../../catalog/version-order.ts';
import { EngineUnavailable } from '../../engine-store/contract.ts';
import { createEngineStore } from '../../engine-store/engine-store.ts';
import { newerPackages } from '../../engine-store/newer-packages.ts';
import { type Finding, ok, warn } from './finding.ts';

const subject = 'packages';

export async function findNewerPackages(): Promise<Finding[]> {
  const store = createEngineStore();
  try {
    const newer = await newerPackages(store.directory, await store.installed(), store.available());
    if (newer.length === 0) return [ok(subject, 'the sources have nothing newer for the engines here')];
    return newer.map(({ engine: { engine, version, directory }, packages }) =>
      warn(
        subject,
        `newer than what ${engine} ${version} runs with: ${packages.join(', ')}`,
        `Move ${directory} away and say \`limber engines install ${engine}@${seriesOf(version)}\`; nodes run it from their next start on.`,
      ),
    );
  } catch (error) {
    if (!(error instanceof EngineUnavailable)) throw error;
    return [warn(subject, `not looked at: ${error.message}`, 'Try again when the source answers.')];
  }
}
