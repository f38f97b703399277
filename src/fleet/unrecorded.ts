/** Nodes of this data directory that no record names: there are some after an older copy of the state was put back. */
import { join } from 'node:path';
import type { NodeAddress } from '../engines/valkey/config-file.ts';
import type { Fleet } from './fleet.ts';

/** True when one of them was last started at this address. */
export async function isUnrecordedNode(
  { runtime, store }: Pick<Fleet, 'runtime' | 'store'>,
  { address, port }: NodeAddress,
): Promise<boolean> {
  for (const incarnation of await runtime.findDirectories()) {
    if (await store.node(incarnation)) continue;
    const file = join(runtime.directoryOf(incarnation), 'engine.conf');
    const config = await runtime.files.read(file).catch(() => '');
    const lines = config.split('\n');
    if (lines.includes(`bind ${address}`) && lines.includes(`port ${port}`)) return true;
  }
  return false;
}
