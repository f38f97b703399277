/** The only way to random numbers and new ids. */
import { randomBytes, randomInt, randomUUID } from 'node:crypto';

export interface Ids {
  /** 16 hex digits. */
  incarnation(): string;
  requestId(): string;
  /** An id that is greater than every one made before by this process, and by earlier ones unless the clock went back. */
  operationId(now: number): string;
  /** Six lower-case alphanumerics for DNS labels. */
  dnsHash(): string;
  /** 32 random bytes as hex. */
  secret(): string;
  /** Uniform in [0, 1). */
  random(): number;
}

const alphanumerics = 'abcdefghijklmnopqrstuvwxyz0123456789';
let counter = 0;

export const systemIds: Ids = {
  incarnation: () => randomBytes(8).toString('hex'),
  requestId: () => randomUUID(),
  operationId: (now) => {
    counter += 1;
    return `${now.toString(36).padStart(9, '0')}-${counter.toString(36).padStart(6, '0')}-${randomBytes(3).toString('hex')}`;
  },
  dnsHash: () => Array.from({ length: 6 }, () => alphanumerics[randomInt(alphanumerics.length)]).join(''),
  secret: () => randomBytes(32).toString('hex'),
  random: () => randomBytes(6).readUIntBE(0, 6) / 2 ** 48,
};
