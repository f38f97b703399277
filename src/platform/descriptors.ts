/** Open files that this process has from whoever started it. */
import { closeSync, readdirSync, readFileSync } from 'node:fs';

const O_CLOEXEC = 0o2000000; // include/uapi/asm-generic/fcntl.h; fs.constants has none

/**
 * Closes those beyond the standard three that a program which we start would inherit: a lock of the shell's, held by a
 * cache node, would be held for as long as the cache lives. Whatever Node or Limber opened is not passed on, and stays.
 */
export function closeInherited(): void {
  for (const descriptor of readdirSync('/proc/self/fd').map(Number)) {
    if (descriptor <= 2 || !isPassedOn(descriptor)) continue;
    try {
      closeSync(descriptor);
    } catch {
      // It was the one by which the folder was read.
    }
  }
}

function isPassedOn(descriptor: number): boolean {
  try {
    const flags = /^flags:\s*([0-7]+)/m.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, 'latin1'))?.[1];
    return flags !== undefined && (Number.parseInt(flags, 8) & O_CLOEXEC) === 0;
  } catch {
    return false;
  }
}
