/** Version numbers as the engines print them: whole numbers joined by dots (`9.1.2`). */
import { seriesOf } from '../catalog/version-order.ts';

/** The numbers of a version or the start of one (`8.1` → [8, 1]), or null when it is not a version. */
export function versionParts(version: string): readonly number[] | null {
  if (!/^\d{1,6}(\.\d{1,6}){0,2}$/.test(version)) return null;
  return version.split('.').map(Number);
}

/** Negative when `a` is older than `b`. Missing parts count as 0. */
export function compareVersions(a: string, b: string): number {
  const left = versionParts(a) ?? [];
  const right = versionParts(b) ?? [];
  for (let index = 0; index < 3; index++) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** True when `asked` (`8`, `8.1` or `8.1.4`) names `version` or a series that it belongs to. */
export function isOfVersion(version: string, asked: string): boolean {
  return version === asked || version.startsWith(`${asked}.`);
}

/** True when `version` is a later patch of the very minor that `asked` (three parts) names. */
export function isNewerPatch(version: string, asked: string): boolean {
  const parts = versionParts(asked);
  if (parts?.length !== 3) return false;
  return isOfVersion(version, `${parts[0]}.${parts[1]}`) && compareVersions(version, asked) > 0;
}

/** `9.1.2` from a Debian package version (`5:9.1.2+dfsg1-1~bpo12+1`), or null. */
export function upstreamVersion(packageVersion: string): string | null {
  return /^(?:\d+:)?(\d+\.\d+\.\d+)(?=[^\d.]|$)/.exec(packageVersion)?.[1] ?? null;
}

/** `9.1` from a Debian package version, or null. */
export function seriesOfPackage(packageVersion: string): string | null {
  const version = upstreamVersion(packageVersion);
  return version === null ? null : seriesOf(version);
}
