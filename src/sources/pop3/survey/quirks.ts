/** What is unusual about a server or a mailbox, and what a drain does about it: one finding, one answer. */
import { formatBytes, formatCount, formatSeconds } from '../../../observe/units.ts'
import type { ResolvedPop3SourceOptions } from '../options.ts'
import { quitRemoves } from '../host.ts'
import type { Survey } from './survey.ts'

export interface Quirk {
  readonly code: string
  /** What was seen, a sentence. */
  readonly seen: string
  /** What maildrain does about it, a sentence. */
  readonly answer: string
}

export interface QuirkContext {
  readonly deletion: boolean
  readonly options: Pick<ResolvedPop3SourceOptions, 'quitDeletes'>
}

type Finder = (survey: Survey, context: QuirkContext) => Quirk | null

/** Gmail and WildDuck show so many messages of a mailbox, however many there are. */
const CAPPED = 250
/** STAT of Cyrus and Stalwart counts octets in 32 bits. */
const WRAP = 2 ** 32

const count = (n: number, what: string): string => `${formatCount(n)} ${what}${n === 1 ? '' : 's'}`

export function quirksOf(survey: Survey, context: QuirkContext): Quirk[] {
  return FINDERS.flatMap((find) => find(survey, context) ?? [])
}

const capa: Finder = ({ capabilities, hangsOnCapa }) =>
  capabilities.known
    ? null
    : {
        code: 'no-capa',
        seen: hangsOnCapa
          ? 'CAPA was not answered in time.'
          : 'The server does not tell its capabilities (CAPA).',
        answer:
          'maildrain goes on without it: one command at a time, and optional commands are tried.',
      }

const expire: Finder = ({ capabilities, quitSeen }, { options, deletion }) => {
  const removes = quitRemoves(capabilities.expireDays, options.quitDeletes, quitSeen)
  if (removes === 'deleted') return null
  if (removes === 'read')
    return {
      code: 'quit-removes-read',
      seen:
        options.quitDeletes === 'yes'
          ? 'QUIT removes what was only read, as --quit-deletes yes says.'
          : capabilities.expireDays === 0
            ? 'EXPIRE 0: QUIT removes what was only read.'
            : 'An earlier run saw QUIT remove what was only read.',
      answer: deletion
        ? 'maildrain sends QUIT only when every message that it read is durable, and otherwise closes the connection without it.'
        : 'maildrain closes sessions that read mail without QUIT, so that mail stays.',
    }
  return {
    code: 'quit-unknown',
    seen: 'The server does not say whether QUIT removes what was only read (no EXPIRE).',
    answer: deletion
      ? 'maildrain takes it for one that does, until a message that is durable and was not deleted shows it in the next session.'
      : 'maildrain closes sessions that read mail without QUIT, unless --quit-deletes no says that mail stays.',
  }
}

const pipelining: Finder = ({ pipelining: has, timing, capabilities }) =>
  has || !capabilities.known
    ? null
    : {
        code: 'no-pipelining',
        seen: 'The server does not announce PIPELINING.',
        answer: `maildrain sends one command at a time, each of which takes a round trip of ${timing.roundTripMs.toFixed(1)} ms.`,
      }

const loginDelay: Finder = ({ capabilities: { loginDelaySeconds: seconds } }) =>
  seconds === null || seconds === 0
    ? null
    : {
        code: 'login-delay',
        seen: `LOGIN-DELAY: the server wants ${formatSeconds(seconds)} between two logins.`,
        answer: 'maildrain waits that long before each session, and reckons with it.',
      }

const numbered: Finder = ({ numbered: answers }) => {
  if (answers === null || answers.list) return null
  return {
    code: 'no-numbered-listing',
    seen: 'LIST 1 is not answered about message 1 alone.',
    answer: 'maildrain asks for the whole listing in each session, and reads it as a stream.',
  }
}

const numberedUidl: Finder = ({ numbered: answers, uidls }) =>
  answers?.list !== true || answers.uidl || uidls === null
    ? null
    : {
        code: 'no-numbered-uidl',
        seen: 'UIDL 1 is not answered about message 1 alone.',
        answer: 'maildrain asks for the whole listing in each session, and reads it as a stream.',
      }

const noUidl: Finder = ({ uidls, uidlRefused }, { deletion }) => {
  if (uidls !== null) return null
  if (uidlRefused !== null)
    return {
      code: 'uidl-refused',
      seen: `UIDL is announced and was refused (${uidlRefused}).`,
      answer:
        'maildrain takes that for a bad moment: it tries again in new sessions, and gives up after ten minutes.',
    }
  return {
    code: 'no-uidl',
    seen: 'The server has no unique-ids (UIDL).',
    answer: deletion
      ? 'maildrain tells messages apart by the SHA-256 of their bytes, for which each has to be read.'
      : 'maildrain refuses to drain it without --delete: each run would write all mail again.',
  }
}

const statCount: Finder = ({ sizes, stat }) =>
  sizes.listed === stat.messages
    ? null
    : {
        code: 'list-incomplete',
        seen: `STAT counts ${count(stat.messages, 'message')}, LIST names ${formatCount(sizes.listed)}.`,
        answer:
          'maildrain leaves a message without a size alone, and looks for it again in a later session.',
      }

const statOctets: Finder = ({ sizes, stat }) => {
  const { total } = sizes
  if (total === stat.octets || sizes.listed === 0) return null
  const seen =
    total >= WRAP && total % WRAP === stat.octets
      ? `STAT counts octets in 32 bits and says ${formatBytes(stat.octets)}; LIST adds up to ${formatBytes(total)}.`
      : stat.octets === 0
        ? `STAT says nothing of octets that could be used; LIST adds up to ${formatBytes(total)}.`
        : `STAT says ${formatCount(stat.octets)} octets, LIST adds up to ${formatCount(total)}.`
  return { code: 'stat-octets', seen, answer: 'maildrain believes LIST.' }
}

const noSizes: Finder = ({ sizes }) =>
  sizes.empty === 0
    ? null
    : {
        code: 'empty-sizes',
        seen: `LIST announces no octets for ${count(sizes.empty, 'message')}.`,
        answer: 'maildrain reads them, and makes room as their bytes come.',
      }

const oversize: Finder = ({ sizes }) =>
  sizes.oversize.messages === 0
    ? null
    : {
        code: 'oversize',
        seen: `${count(sizes.oversize.messages, 'message')} ${sizes.oversize.messages === 1 ? 'is' : 'are'} larger than ${formatBytes(sizes.maxMessageBytes)}, the largest ${formatBytes(sizes.largest.octets)} (number ${formatCount(sizes.largest.n)}).`,
        answer: `maildrain leaves ${sizes.oversize.messages === 1 ? 'it' : 'them'} on the server, and its exit code is 6.`,
      }

const duplicates: Finder = ({ uidls }) => {
  const { groups = 0, sharing = 0 } = uidls?.census ?? {}
  if (groups === 0) return null
  return {
    code: 'shared-uidl',
    seen: `${formatCount(sharing)} numbers share ${count(groups, 'unique-id')}.`,
    answer:
      'maildrain reads each and compares the bytes: equal ones are written once and deleted together, others are messages of their own.',
  }
}

const missing: Finder = ({ uidls, sizes }) => {
  if (uidls === null) return null
  const unnamed = sizes.last - uidls.named - uidls.missing
  if (uidls.missing + unnamed === 0) return null
  const parts = [
    ...(uidls.missing === 0 ? [] : [`${count(uidls.missing, 'number')} without a unique-id`]),
    ...(unnamed === 0 ? [] : [`${count(unnamed, 'number')} left out by UIDL`]),
  ]
  return {
    code: 'missing-uidl',
    seen: `The listing has ${parts.join(' and ')}.`,
    answer:
      unnamed === 0
        ? 'maildrain tells these messages by the SHA-256 of their bytes.'
        : 'maildrain tells messages without one by their bytes, and looks for those left out in a later session.',
  }
}

const odd: Finder = ({ uidls }) =>
  uidls === null || uidls.odd === 0
    ? null
    : {
        code: 'odd-uidl',
        seen: `${count(uidls.odd, 'unique-id')} ${uidls.odd === 1 ? 'is' : 'are'} longer than 70 octets or of characters that RFC 1939 does not allow.`,
        answer: 'maildrain takes them byte by byte as they are.',
      }

const capped: Finder = ({ stat, capabilities }, { deletion }) => {
  const about = capabilities.expireDays === 0 && Math.abs(stat.messages - CAPPED) <= 50
  if (stat.messages !== CAPPED && !about) return null
  return {
    code: 'capped-view',
    seen: `${formatCount(stat.messages)} messages: servers such as Gmail and WildDuck show about ${CAPPED} at a time, so that there may be more.`,
    answer: deletion
      ? 'maildrain goes on with new sessions until two in a row show none; all figures here are of what is shown now.'
      : 'Without --delete maildrain sees only these; all figures here are of what is shown now.',
  }
}

const cleartext: Finder = ({ secure }) =>
  secure
    ? null
    : {
        code: 'cleartext',
        seen: 'The connection is not encrypted.',
        answer: 'maildrain does so only on this host, or because --insecure allows it.',
      }

const FINDERS: readonly Finder[] = [
  ...[capped, expire, capa, pipelining, loginDelay, numbered, numberedUidl, noUidl],
  ...[statCount, statOctets, noSizes, oversize, duplicates, missing, odd, cleartext],
]
