/**
 * Why a node that lives does not answer, as far as its process and its last refusal show; for people only. Nothing
 * is decided by it: `diagnosis.ts` says what is dead or hung. Pure.
 */
import type { ProcessState } from '../../runtime/contract.ts';
import type { Track } from './diagnosis.ts';

/** Processor time is compared over at least this long. */
const shareAfterMs = 100;
/**
 * Of one core: a command that runs uses all of it, or its part on a machine that is busy otherwise; an idle engine's
 * timer takes less than a hundredth.
 */
const busyShare = 0.05;

/** The refusals of an engine that cannot serve, by the first word of its reply. */
const refusals: Readonly<Record<string, string>> = {
  MAXCLIENTS: 'it is full: every connection that it may have is taken',
  LOADING: 'it is loading its data',
  BUSY: 'it is busy with a script',
};

/** Why the node does not answer; null while it does, and while it is too early to say. `refusal`: the code of its last reply, if it gave one. */
export function reasonOfSilence(
  { silentSince, firstLook }: Track,
  process: ProcessState,
  now: number,
  refusal: string | null,
): string | null {
  if (silentSince === null) return null;
  if (process.kind === 'stopped') return 'its process is suspended';
  if (refusal !== null && refusals[refusal]) return refusals[refusal];
  if (process.isWaitingForDisk) return 'it waits for a disk';
  if (firstLook === null || now - firstLook.at < shareAfterMs) return null;
  const share = (process.cpuMs - firstLook.cpuMs) / (now - firstLook.at);
  return share >= busyShare ? 'it is busy' : 'it is paused: it idles, and answers nobody';
}
