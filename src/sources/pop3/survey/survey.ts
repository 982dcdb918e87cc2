/**
 * What a mailbox looks like, seen without touching it: STAT, the probe of numbered answers, one complete LIST and UIDL,
 * NOOP, QUIT. No RETR, no TOP, no DELE: so QUIT has nothing to commit (G2). Memory is some 22 octets a message.
 */
import type { ErrorCode } from '../../../errors.ts'
import { MaildrainError, Pop3ReplyError } from '../../../errors.ts'
import type { Ledger } from '../../../ledger/ledger.ts'
import type { QuitRemoves } from '../../../pipeline/gate.ts'
import type { Capabilities, NumberedListing, Pop3Client } from '../../../pop3/index.ts'
import { type ConnectContext, Connector, Logins } from '../connect.ts'
import { Host } from '../host.ts'
import type { ResolvedPop3SourceOptions } from '../options.ts'
import { type PlannerState, restorePlanner } from '../planner/planner.ts'
import { LedgerCount, type LedgerShare } from './ledger-count.ts'
import { ListedSizes } from './listed-sizes.ts'
import { ListedUidls } from './listed-uidls.ts'

export interface SurveyContext extends Omit<ConnectContext, 'stopping'> {
  /** Of the destination, to tell what it knows already. */
  readonly ledger?: Ledger | undefined
  /** Octets above which a message would not be asked for. */
  readonly maxMessageBytes: number
}

/** All in ms; what was not measured is null. */
export interface Timing {
  /** Connecting, TLS and the first CAPA. */
  readonly connectMs: number
  readonly loginMs: number
  /** From connecting to the answer of STAT. */
  readonly openMs: number
  /** The shortest of a few NOOPs. */
  readonly roundTripMs: number
  readonly listMs: number
  readonly uidlMs: number | null
  readonly quitMs: number | null
}

export interface Survey {
  readonly capabilities: Capabilities
  readonly implementation: string | null
  readonly secure: boolean
  readonly pipelining: boolean
  readonly utf8: boolean
  readonly hangsOnCapa: boolean
  readonly stat: { readonly messages: number; readonly octets: number }
  /** Null where it was not probed: with fewer than two messages nothing can be told. */
  readonly numbered: NumberedListing | null
  readonly sizes: ListedSizes
  /** Null where the server has no unique-ids. */
  readonly uidls: ListedUidls | null
  /** UIDL is announced, and was refused with this code. */
  readonly uidlRefused: ErrorCode | null
  readonly ledger: LedgerShare | null
  /** What earlier runs have seen QUIT remove. */
  readonly quitSeen: QuitRemoves
  /** What they have learned of sessions. */
  readonly planner: PlannerState
  readonly timing: Timing
}

/** NOOPs that the round trip is measured with. */
const ROUND_TRIPS = 3

/**
 * @throws MaildrainError as a drain would before its first message, and Pop3ProtocolError for a listing that no drain would
 * believe
 */
export async function surveyMailbox(
  options: ResolvedPop3SourceOptions,
  context: SurveyContext,
): Promise<Survey> {
  const host = new Host(context.ledger?.host ?? null, () => context.clock.now())
  const connector = new Connector(
    options,
    { ...context, stopping: context.signal },
    { host, logins: new Logins() },
  )
  const client = await connector.open()
  const stop = () => client.close()
  context.signal.addEventListener('abort', stop, { once: true })
  try {
    context.signal.throwIfAborted()
    return await look(client, { host, context, opening: connector.opening })
  } catch (error) {
    context.signal.throwIfAborted()
    throw error
  } finally {
    context.signal.removeEventListener('abort', stop)
    client.close()
  }
}

interface Look {
  readonly host: Host
  readonly context: SurveyContext
  readonly opening: { readonly connectMs: number; readonly loginMs: number }
}

async function look(client: Pop3Client, { host, context, opening }: Look): Promise<Survey> {
  const { clock } = context
  const timed = async <T>(work: () => Promise<T>): Promise<[T, number]> => {
    const began = clock.monotonic()
    const value = await work()
    return [value, clock.monotonic() - began]
  }
  const [stat, statMs] = await timed(() => client.stat())
  const { messages } = stat
  await host.probe(client, messages)
  const roundTrips: number[] = []
  for (let i = 0; i < ROUND_TRIPS; i += 1) roundTrips.push((await timed(() => client.noop()))[1])
  const sizes = new ListedSizes(messages, context.maxMessageBytes)
  const [, listMs] = await timed(() =>
    client.listAll((n, octets) => sizes.see(n, octets), messages),
  )
  const [names, uidlMs] = await timed(() => listUidls(client, sizes, context))
  const [ended, quitMs] = await timed(() => quit(client))
  const { capabilities, implementation, secure, pipelining, utf8, hangsOnCapa } = client
  return {
    ...{ capabilities, implementation, secure, pipelining, utf8, hangsOnCapa },
    ...{ stat, numbered: messages < 2 ? null : host.listing, sizes, ...names },
    ...{ quitSeen: host.quit, planner: restorePlanner(host.planner) },
    timing: {
      ...opening,
      openMs: opening.connectMs + opening.loginMs + statMs,
      roundTripMs: Math.min(...roundTrips),
      listMs,
      uidlMs: names.uidls === null ? null : uidlMs,
      quitMs: ended ? quitMs : null,
    },
  }
}

async function listUidls(
  client: Pop3Client,
  sizes: ListedSizes,
  { ledger, random }: SurveyContext,
): Promise<Pick<Survey, 'uidls' | 'uidlRefused' | 'ledger'>> {
  const uidls = new ListedUidls(sizes.last, random)
  const count = ledger === undefined ? null : new LedgerCount(ledger)
  try {
    await client.uidlAll(
      (n, uidl) => {
        uidls.see(n, uidl)
        count?.see(uidl, sizes.octets(n))
      },
      sizes.last,
      (n) => {
        uidls.miss(n)
        count?.see(null, sizes.octets(n))
      },
    )
    return { uidls, uidlRefused: null, ledger: count?.share() ?? null }
  } catch (error) {
    if (!(error instanceof Pop3ReplyError)) throw error
    const announced = client.capabilities.uidl
    const unnamed = ledger === undefined ? null : new LedgerCount(ledger)
    for (const octets of sizes.all()) unnamed?.see(null, octets)
    return {
      ...{ uidls: null, uidlRefused: announced ? error.code : null },
      ledger: unnamed?.share() ?? null,
    }
  }
}

/** Whatever becomes of it: nothing was read, so there is nothing that it could remove. */
async function quit(client: Pop3Client): Promise<boolean> {
  try {
    await client.quit()
    return true
  } catch (error) {
    if (error instanceof MaildrainError) return false
    throw error
  }
}
