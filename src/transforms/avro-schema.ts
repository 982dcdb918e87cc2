/**
 * The Avro schema of a record, read once from schemas/mail-message.avsc, and its single-object header (Avro
 * specification, "Single object encoding": C3 01, then the little-endian CRC-64-AVRO of the parsing canonical form).
 */
import { readFileSync } from 'node:fs'
import avsc from 'avsc'
import { crc64Avro } from './crc64-avro.ts'

// src/transforms and dist/transforms are both two levels below the root, so one path serves tests and package.
const schemaFile = new URL('../../schemas/mail-message.avsc', import.meta.url)

/**
 * Timestamps stay plain numbers: a logical type would have to be registered by every reader, and dates beyond
 * 8.64e15 ms would throw.
 */
export const recordType = avsc.Type.forSchema(
  JSON.parse(readFileSync(schemaFile, 'utf8')) as avsc.Schema,
  { omitRecordMethods: true },
)

/** C3 01 and the fingerprint: the ten bytes before each record's body. */
export const recordHeader: Buffer = headerOf(recordType)

/** Single-object header of any schema; `schema()` of avsc is the parsing canonical form. */
export function headerOf(type: avsc.Type): Buffer {
  const header = Buffer.from('c3010000000000000000', 'hex')
  header.writeBigUInt64LE(crc64Avro(Buffer.from(JSON.stringify(type.schema()), 'utf8')), 2)
  return header
}
