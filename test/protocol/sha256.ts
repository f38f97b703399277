import { createHash, createHmac, type Hash } from 'node:crypto';

/** The SDK signs with a hash of this shape; Node has the functions. */
export class Sha256 {
  readonly #hash: Hash;
  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    const made = secret === undefined ? createHash('sha256') : createHmac('sha256', secret as Uint8Array);
    this.#hash = made as Hash;
  }
  update(data: Uint8Array) {
    this.#hash.update(data);
  }
  async digest() {
    return new Uint8Array(this.#hash.digest());
  }
  reset() {}
}
