/** A session's complete listing: sizes first, then unique-ids, each told to the plan and the look as it streams by. */
import { Pop3ReplyError } from '../../errors.ts'
import type { Pop3Client } from '../../pop3/index.ts'
import type { Host } from './host.ts'
import type { Look } from './look.ts'
import type { WorkPlan } from './work.ts'

/** LIST sizes are kept in 32 bits: what is larger is over every limit anyway. */
const MAX_SIZE = 0xffffffff

export interface Listing {
  /** Does the server have unique-ids? */
  readonly hasUidl: boolean
  /** Numbers that were listed with their size, and their unique-id where there are any. */
  readonly named: number
}

/** @param messages count that STAT gave */
export async function list(
  client: Pop3Client,
  messages: number,
  into: { readonly look: Look; readonly plan: WorkPlan; readonly host: Host },
): Promise<Listing> {
  const sizes = new Uint32Array(messages + 1)
  const listed = new Uint8Array(messages + 1)
  await client.listAll((n, octets) => {
    sizes[n] = Math.min(octets, MAX_SIZE)
    listed[n] = 1
  }, messages)
  let named = 0
  const consider = (n: number, uidl: string | null): void => {
    // Without a size there is nothing to hold the message against; a later session lists it again.
    if (listed[n] !== 1) return
    named += 1
    into.plan.consider(n, uidl, sizes[n] ?? 0)
  }
  try {
    await client.uidlAll(
      (n, uidl) => {
        into.look.see(uidl, { n, octets: sizes[n] ?? 0 })
        consider(n, uidl)
      },
      messages,
      // Some servers leave the unique-id out here and there: the bytes tell what it is.
      (n) => consider(n, null),
    )
    return { hasUidl: true, named }
  } catch (error) {
    // A server that announces UIDL, or has just answered it, and fails has a bad moment; only one that does not announce it has none.
    const known = client.capabilities.uidl || into.host.listing.uidl
    if (!(error instanceof Pop3ReplyError) || known) throw error
  }
  for (let n = 1; n <= messages; n += 1) consider(n, null)
  return { hasUidl: false, named }
}
