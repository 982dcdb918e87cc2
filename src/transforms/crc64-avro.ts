/**
 * CRC-64-AVRO, the schema fingerprint of the Avro specification ("Schema Fingerprints"); avsc offers MD5 only.
 */

/** The polynomial, which is also the fingerprint of nothing. */
const EMPTY = 0xc15d213aa4d7a795n

const TABLE = Array.from({ length: 256 }, (_, byte) => {
  let value = BigInt(byte)
  for (let bit = 0; bit < 8; bit++) value = (value >> 1n) ^ ((value & 1n) === 1n ? EMPTY : 0n)
  return value
})

/** The 64-bit Rabin fingerprint of `bytes`, unsigned. */
export function crc64Avro(bytes: Uint8Array): bigint {
  let value = EMPTY
  for (const byte of bytes) value = (value >> 8n) ^ (TABLE[Number(value & 0xffn) ^ byte] ?? EMPTY)
  return value
}
