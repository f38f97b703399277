/** CRC-64/Jones, which Redis and Valkey write behind each DUMP. */
const polynomial = 0x95ac9329ac4bc9b5n; // reflected

const table = Array.from({ length: 256 }, (_, byte) => {
  let value = BigInt(byte);
  for (let bit = 0; bit < 8; bit += 1) value = value & 1n ? (value >> 1n) ^ polynomial : value >> 1n;
  return value;
});

export function crc64(bytes: Uint8Array): bigint {
  let value = 0n;
  for (const byte of bytes) value = table[Number((value ^ BigInt(byte)) & 0xffn)]! ^ (value >> 8n);
  return value;
}
