/** Loopback addresses for engines that are started by hand: clear of Limber's pools and of another bench's. */
export function bareAddresses(count: number): string[] {
  const block = 1 + Math.floor(Math.random() * 250);
  const row = Math.floor(Math.random() * 250);
  return Array.from({ length: count }, (_, index) => `127.${96 + (block % 4)}.${row}.${1 + index}`);
}
