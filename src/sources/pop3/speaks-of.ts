/** The question behind an echo (G9): does the server still say of this number what its listing said? */
import { Pop3ReplyError } from '../../errors.ts'
import type { Pop3Client } from '../../pop3/index.ts'
import type { Host } from './host.ts'
import type { WorkItem } from './work.ts'

/** Undefined when it refuses to say; rejects when the session is over. */
export async function speaksOf(
  client: Pop3Client,
  host: Host,
  { n, uidl, listedOctets }: Pick<WorkItem, 'n' | 'uidl' | 'listedOctets'>,
): Promise<boolean | undefined> {
  try {
    if (uidl !== null && host.listing.uidl) return (await client.uidl(n)) === uidl
    return host.listing.list ? (await client.list(n)) === listedOctets : undefined
  } catch (error) {
    if (error instanceof Pop3ReplyError) return undefined
    throw error
  }
}
