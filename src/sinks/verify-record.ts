/** Are the bytes of a record those that it speaks of? The one question behind audit, restore and rebuilding a ledger. */
import { createHash } from 'node:crypto'
import { messageKey } from '../identity.ts'
import type { StoredRecord } from './sink.ts'

export interface Verification {
  /** K that the record names, without what tells further records apart. */
  readonly key: string
  /** Is this a message's first record? */
  readonly first: boolean
  /** Why the bytes are not to be believed; null when hash and K are what the bytes give. */
  readonly why: string | null
}

/** Hash and K are computed from the bytes (G6), and nothing that the record says of itself is taken for granted. */
export function verifyRecord(record: StoredRecord): Verification {
  const further = /^([a-z2-7]+)\.\d+$/.exec(record.key)
  const key = further?.[1] ?? record.key
  return { key, first: further === null, why: record.damage ?? mismatch(record, key) }
}

function mismatch({ mailbox, uidl, sha256, raw }: StoredRecord, key: string): string | null {
  const found = createHash('sha256').update(raw).digest('hex')
  if (found !== sha256) return `its ${raw.length} octets have another SHA-256 than it says`
  const computed = messageKey(mailbox, uidl, found)
  return computed === key ? null : 'mailbox, unique-id and bytes give another key'
}
