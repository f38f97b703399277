/** What a process takes. */
import { readFileSync } from 'node:fs';

/** Resident memory of a process, in MB (2^20). */
export function residentMegabytes(pid: number | undefined): number {
  return (Number(readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ')[1]) * 4096) / 2 ** 20;
}
