/** Order of version numbers, whole numbers joined by dots: `7.0` < `7.0.15` < `7.1`. Missing parts count as 0. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [a, b].map((version) => version.split('.').map(Number)) as [number[], number[]];
  for (let index = 0; index < Math.max(left.length, right.length); index += 1) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

export function isAtLeast(version: string, minimum: string): boolean {
  return compareVersions(version, minimum) >= 0;
}

/** `7.0` of `7.0.15`. */
export function seriesOf(version: string): string {
  return version.split('.').slice(0, 2).join('.');
}
