/**
 * The POP3 servers of a domain by SRV records (RFC 6186). A record is what anybody on the way may have written, so the
 * certificate must be for the domain that the user typed, not for the server that the record names.
 */
import { randomInt } from 'node:crypto'
import type { SrvRecord } from 'node:dns'
import { resolveSrv } from 'node:dns/promises'
import { ConnectionError } from '../errors.ts'
import { codeOf } from './connection-errors.ts'

/** A server of the domain, and how TLS begins there. */
export interface DiscoveredServer {
  readonly host: string
  readonly port: number
  readonly tls: 'implicit' | 'stls'
}

/** Looks SRV records up, as `resolveSrv` of `node:dns/promises` does. */
export type ResolveSrv = (name: string) => Promise<readonly SrvRecord[]>

/** Answers of a name service that mean: there is none. */
const NONE = new Set(['ENOTFOUND', 'ENODATA', 'NOTFOUND', 'NODATA'])

/**
 * Servers in the order in which to try them: those with TLS from the first byte, then those with STLS.
 * @param tls `stls` leaves the first kind out
 * @throws ConnectionError MAILDRAIN_POP3_NO_SERVICE when there is none, MAILDRAIN_POP3_UNREACHABLE when nobody answers
 */
export async function discoverPop3(
  domain: string,
  tls: 'implicit' | 'stls' = 'implicit',
  resolve: ResolveSrv = resolveSrv,
): Promise<DiscoveredServer[]> {
  const services = [
    ...(tls === 'implicit' ? [['_pop3s._tcp', 'implicit'] as const] : []),
    ['_pop3._tcp', 'stls'] as const,
  ]
  const servers: DiscoveredServer[] = []
  for (const [service, begins] of services) {
    const records = await lookUp(`${service}.${domain}`, domain, resolve)
    for (const { name, port } of inOrder(records)) servers.push({ host: name, port, tls: begins })
  }
  if (servers.length > 0) return servers
  throw new ConnectionError(
    'MAILDRAIN_POP3_NO_SERVICE',
    `${domain} announces no POP3 server (${services.map(([service]) => service).join(', ')}); name the server itself`,
  )
}

async function lookUp(
  name: string,
  domain: string,
  resolve: ResolveSrv,
): Promise<readonly SrvRecord[]> {
  try {
    // A target of "." says that the service is decidedly not there (RFC 2782).
    return (await resolve(name)).filter((record) => record.name !== '' && record.name !== '.')
  } catch (cause) {
    if (NONE.has(codeOf(cause))) return []
    throw new ConnectionError(
      'MAILDRAIN_POP3_UNREACHABLE',
      `the POP3 servers of ${domain} could not be looked up: ${codeOf(cause) || 'the name service failed'}; check the network`,
      { cause },
    )
  }
}

/** Lower priority first; within one, by chance in proportion to weight (RFC 2782). */
function inOrder(records: readonly SrvRecord[]): SrvRecord[] {
  const rest = records.toSorted((a, b) => a.priority - b.priority || a.weight - b.weight)
  const ordered: SrvRecord[] = []
  while (rest.length > 0) {
    const peers = rest.filter(({ priority }) => priority === rest[0]?.priority)
    let ticket = randomInt(peers.reduce((sum, { weight }) => sum + weight, 0) + 1)
    const chosen = peers.find(({ weight }) => (ticket -= weight) <= 0) ?? peers[0]
    if (chosen === undefined) break
    ordered.push(chosen)
    rest.splice(rest.indexOf(chosen), 1)
  }
  return ordered
}
