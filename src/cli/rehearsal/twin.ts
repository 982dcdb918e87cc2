/**
 * A made-up mailbox like one that was surveyed, and a server for it: the same sizes, lengths and repetitions of unique-ids,
 * capabilities and ways to answer. Contents are made when they are read. All of it is plain data, for another thread.
 */
import type { Survey } from '../../sources/pop3/survey/survey.ts'
import { messageBytes } from '../../testing/generate-mailbox.ts'
import type { Behaviour, Mailbox, Pop3ServerOptions } from '../../testing/index.ts'

export interface Twin {
  /** Of each message, announced. */
  readonly octets: Uint32Array
  /** Octets of each unique-id; 0 where there is none. */
  readonly uidlOctets: Uint16Array
  /** Who shares a number here shares the unique-id. */
  readonly names: Uint32Array
  /** Who shares a number here, and the octets, has the same bytes. */
  readonly contents: Uint32Array
  readonly server: {
    readonly capa: boolean
    readonly pipelining: boolean
    readonly uidl: boolean
    readonly top: boolean
    readonly utf8: boolean
    /** Argument of EXPIRE; null: not announced. */
    readonly expire: string | null
    readonly hasUidl: boolean
    readonly numbered: { readonly list: boolean; readonly uidl: boolean }
    readonly quitRemovesRead: boolean
    readonly statOctets: 'modulo-4-gib' | 'absent' | null
  }
  readonly roundTripMs: number
  /** That opening takes beside its round trips. */
  readonly openMs: number
}

export interface TwinOptions {
  /** Every so many of the messages are taken. */
  readonly step: number
  readonly quitRemovesRead: boolean
}

/** Connecting, greeting, CAPA twice, USER, PASS and STAT. */
const OPENING_ROUND_TRIPS = 7
const WRAP = 2 ** 32

export function twinOf(survey: Survey, options: TwinOptions): Twin {
  const { sizes, uidls, timing } = survey
  const { roundTripMs, openMs } = timing
  const numbers = listedNumbers(survey, options.step)
  const octets = Uint32Array.from(numbers, (n) => sizes.octets(n))
  const names = Uint32Array.from(numbers, (n) => uidls?.first(n) ?? 0)
  const contents = numbers.map((n, index) => {
    const first = names[index] ?? 0
    return first > 0 && sizes.octets(first) === sizes.octets(n) ? first : n
  })
  return {
    ...{ octets, names, contents },
    uidlOctets: Uint16Array.from(numbers, (n) => uidls?.length(n) ?? 0),
    server: serverOf(survey, options.quitRemovesRead),
    ...{ roundTripMs, openMs: Math.max(0, openMs - OPENING_ROUND_TRIPS * roundTripMs) },
  }
}

function listedNumbers({ sizes }: Survey, step: number): Uint32Array {
  const numbers = new Uint32Array(Math.ceil(sizes.last / step))
  let count = 0
  for (let n = 1; n <= sizes.last; n += step) if (sizes.has(n)) numbers[count++] = n
  return numbers.subarray(0, count)
}

function serverOf(survey: Survey, quitRemovesRead: boolean): Twin['server'] {
  const { capabilities, pipelining, uidls, numbered, stat, sizes } = survey
  const { known, uidl, top, utf8, expireDays } = capabilities
  const wraps = sizes.total >= WRAP && sizes.total % WRAP === stat.octets
  return {
    ...{ capa: known, pipelining, uidl, top, utf8, quitRemovesRead },
    expire: expireDays === null ? null : expireDays === Infinity ? 'NEVER' : String(expireDays),
    hasUidl: uidls !== null,
    numbered: numbered ?? { list: true, uidl: true },
    statOctets: wraps ? 'modulo-4-gib' : stat.octets === 0 && sizes.total > 0 ? 'absent' : null,
  }
}

/** Whatever it is, as long as it is always the same. */
const SEED = 1

export function twinMailbox({ octets, uidlOctets, names, contents }: Twin): Mailbox {
  return {
    size: octets.length,
    octetsOf: (index) => octets[index] ?? 0,
    message(index) {
      const length = octets[index] ?? 0
      return {
        uidl: String(names[index] ?? 0).padStart(uidlOctets[index] ?? 0, '0'),
        octets: length,
        read: () => messageBytes(SEED, contents[index] ?? 0, length),
      }
    },
  }
}

/** Options of a server for the twin; delays are not among them. */
export function twinServer(twin: Twin): Pop3ServerOptions {
  const { capa, pipelining, uidl, top, utf8, expire, numbered, hasUidl } = twin.server
  const behaviour: Behaviour = {
    noUidl: !hasUidl,
    quitRemovesRead: twin.server.quitRemovesRead,
    statOctets: twin.server.statOctets ?? undefined,
    oneLine: numbered.list ? undefined : 'whole-listing',
    omitUidl: (index) => (twin.uidlOctets[index] === 0 ? 'value' : undefined),
    replyOverride:
      numbered.list && !numbered.uidl
        ? (verb, argument) => (verb === 'UIDL' && argument !== '' ? '-ERR\r\n' : undefined)
        : undefined,
  }
  return {
    mailbox: twinMailbox(twin),
    // Without SASL the delay of the opening has one command to be at.
    capabilities: {
      ...{ capa, pipelining, uidl, top, utf8, saslPlain: false },
      expire: expire ?? undefined,
    },
    behaviour,
    logLimit: 100,
  }
}
