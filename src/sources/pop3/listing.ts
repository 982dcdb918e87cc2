/** A session's complete listing: sizes first, then unique-ids, each told to the plan and the look as it streams by. */
import { Pop3ReplyError } from '../../errors.ts'
import type { Pop3Client } from '../../pop3/index.ts'
import type { Look } from './look.ts'
import type { WorkPlan } from './work.ts'

/** LIST sizes are kept in 32 bits: what is larger is over every limit anyway. */
const MAX_SIZE = 0xffffffff

/**
 * @param messages count that STAT gave
 * @returns false when the server has no unique-ids
 */
export async function list(
  client: Pop3Client,
  messages: number,
  into: { readonly look: Look; readonly plan: WorkPlan },
): Promise<boolean> {
  const sizes = new Uint32Array(messages + 1)
  const listed = new Uint8Array(messages + 1)
  await client.listAll((n, octets) => {
    sizes[n] = Math.min(octets, MAX_SIZE)
    listed[n] = 1
  }, messages)
  try {
    await client.uidlAll((n, uidl) => {
      into.look.see(uidl)
      // Without a size there is nothing to hold the message against; a later session lists it again.
      if (listed[n] === 1) into.plan.consider(n, uidl, sizes[n] ?? 0)
    }, messages)
    return true
  } catch (error) {
    // A server that announces UIDL and fails has a bad moment; only one that does not announce it has none.
    if (!(error instanceof Pop3ReplyError) || client.capabilities.uidl) throw error
  }
  for (let n = 1; n <= messages; n += 1)
    if (listed[n] === 1) into.plan.consider(n, null, sizes[n] ?? 0)
  return false
}
