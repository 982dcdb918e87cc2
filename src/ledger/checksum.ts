/**
 * A checksum for what a ledger holds. Neither SQLite nor a file system notices a flipped bit inside a row, and a state that
 * nobody wrote could let mail be deleted. CRC-32 finds every single bit and every burst of up to 32.
 */
import { crc32 } from 'node:zlib'

/** Of values in an order that never changes: an unsigned number of 32 bits. */
export const checksumOf = (values: readonly (string | number | null)[]): number =>
  crc32(JSON.stringify(values))
