/** Every switch of the test server in a form that a drain can meet, and what the drain may make of it. */
import type { Behaviour } from '../../src/testing/index.ts'
import { sizes, uidls } from '../../src/testing/index.ts'

/**
 * What a drain may make of it. `drains`: everything is delivered once and gone. `leaves`: some or all of it stays on the
 * server, and receipt or error say so; nothing is doubled. `changes`: the bytes themselves are others than those that the
 * server holds.
 */
export type Expectation = 'drains' | 'leaves' | 'changes'

export interface Deviation {
  readonly name: string
  readonly expect: Expectation
  /** It costs seconds. */
  readonly slow: boolean
  /** Made anew for each server. */
  readonly behaviour: () => Behaviour
}

type Variants = readonly (readonly [Expectation, () => Behaviour])[]

const third = (index: number): boolean => index % 3 === 1
const early =
  <T>(value: T) =>
  (session: number) =>
    session <= 2 ? value : undefined

const variants: Record<keyof Behaviour, Variants> = {
  greeting: [
    ['drains', () => ({ greeting: early('-ERR too many connections') })],
    ['drains', () => ({ greeting: early<string | null>(null) })],
    ['drains', () => ({ greeting: '+OK' })],
  ],
  capa: [
    ['drains', () => ({ capa: 'error' })],
    ['drains', () => ({ capa: 'error-after-login' })],
    ['drains', () => ({ capa: 'hangs' })],
    ['leaves', () => ({ capa: 'endless' })],
  ],
  capaLines: [
    ['drains', () => ({ capaLines: (lines, loggedIn) => (loggedIn ? lines : ['USER']) })],
    ['drains', () => ({ capaLines: (lines) => lines.map((line) => line.toLowerCase()) })],
  ],
  // These need TLS: case tests.
  stls: [],
  injectAfterStls: [],
  saslPrompt: [
    ['drains', () => ({ saslPrompt: '+OK' })],
    ['drains', () => ({ saslPrompt: '+ go ahead' })],
  ],
  rejectLogin: [
    ['drains', () => ({ rejectLogin: early('[SYS/TEMP] later') })],
    ['leaves', () => ({ rejectLogin: '[AUTH] no' })],
    ['leaves', () => ({ rejectLogin: '[SYS/PERM] gone' })],
  ],
  lockAccountAfter: [['drains', () => ({ lockAccountAfter: 1 })]],
  inUse: [['drains', () => ({ inUse: 2 })]],
  lockMailbox: [['drains', () => ({ lockMailbox: true })]],
  loginDelay: [['drains', () => ({ loginDelay: 0.03 })]],
  cappedView: [['drains', () => ({ cappedView: 7 })]],
  newestView: [['drains', () => ({ newestView: 7 })]],
  recentView: [['drains', () => ({ recentView: 5 })]],
  shows: [['drains', () => ({ shows: (index, session) => session > 2 || index % 2 === 0 })]],
  statZero: [['drains', () => ({ statZero: (session) => session === 1 })]],
  statZeroOnce: [['drains', () => ({ statZeroOnce: true })]],
  order: [
    ['drains', () => ({ order: 'newest-first' })],
    ['drains', () => ({ order: 'shuffled' })],
  ],
  renumber: [['drains', () => ({ renumber: true })]],
  announce: [
    ['drains', () => ({ announce: sizes.zero })],
    ['drains', () => ({ announce: sizes.off(-1) })],
    ['drains', () => ({ announce: sizes.lfCounted })],
    ['leaves', () => ({ announce: sizes.off(1) })],
    ['leaves', () => ({ announce: sizes.stored })],
    ['leaves', () => ({ announce: sizes.huge })],
  ],
  statOctets: [
    ['drains', () => ({ statOctets: 'modulo-4-gib' })],
    ['drains', () => ({ statOctets: 'negative' })],
    ['drains', () => ({ statOctets: 'absent' })],
    ['drains', () => ({ statOctets: 'followed-by-text' })],
  ],
  oneLine: [
    ['drains', () => ({ oneLine: 'whole-listing' })],
    ['drains', () => ({ oneLine: 'value-only' })],
  ],
  uidlOf: [
    ['drains', () => ({ uidlOf: uidls.reused(5) })],
    ['drains', () => ({ uidlOf: uidls.duplicated(3) })],
    ['drains', () => ({ uidlOf: uidls.bare })],
    ['drains', () => ({ uidlOf: uidls.spaced })],
    ['drains', () => ({ uidlOf: uidls.eightBit })],
    ['drains', () => ({ uidlOf: uidls.long(300) })],
    ['drains', () => ({ uidlOf: () => 'always-the-same' })],
  ],
  uidlLines: [
    ['drains', () => ({ uidlLines: 'two-spaces' })],
    ['drains', () => ({ uidlLines: 'ok-first' })],
    ['drains', () => ({ uidlLines: 'tab' })],
    ['drains', () => ({ uidlLines: 'space-last' })],
  ],
  omitUidl: [
    ['leaves', () => ({ omitUidl: (index) => (index === 4 ? 'line' : undefined) })],
    ['leaves', () => ({ omitUidl: (index) => (index === 4 ? 'value' : undefined) })],
  ],
  omitSize: [['leaves', () => ({ omitSize: (index) => index === 4 })]],
  uidlListing: [
    ['drains', () => ({ uidlListing: early<'cut'>('cut') })],
    ['leaves', () => ({ uidlListing: 'repeats' })],
    ['leaves', () => ({ uidlListing: 'beyond-stat' })],
    ['leaves', () => ({ uidlListing: 'zero' })],
  ],
  noUidl: [['drains', () => ({ noUidl: true })]],
  renumberListings: [['drains', () => ({ renumberListings: true })]],
  listsDeleted: [['drains', () => ({ listsDeleted: true })]],
  shortMessages: [['leaves', () => ({ shortMessages: (i) => (third(i) ? 40 : undefined) })]],
  errorOnRetr: [['leaves', () => ({ errorOnRetr: (i) => (third(i) ? 'expunged.' : undefined) })]],
  cutMessages: [['leaves', () => ({ cutMessages: (i) => (i === 5 ? 30 : undefined) })]],
  stallMessages: [['leaves', () => ({ stallMessages: (i) => (i === 5 ? 30 : undefined) })]],
  corruptMessages: [['changes', () => ({ corruptMessages: third })]],
  terminator: [
    ['leaves', () => ({ terminator: (i) => (i === 5 ? 'dot-cr' : undefined) })],
    ['leaves', () => ({ terminator: (i) => (i === 5 ? 'no-crlf' : undefined) })],
    ['leaves', () => ({ terminator: (i) => (i === 5 ? 'lf' : undefined) })],
  ],
  stuffing: [
    ['drains', () => ({ stuffing: 'after-crlf' })],
    ['changes', () => ({ stuffing: 'after-lf' })],
    ['leaves', () => ({ stuffing: 'none' })],
  ],
  nulBytes: [['drains', () => ({ nulBytes: 'cuts-line' })]],
  wrapsEightBit: [['drains', () => ({ wrapsEightBit: true })]],
  downloadQuota: [['leaves', () => ({ downloadQuota: 10 })]],
  downloadQuotaText: [['drains', () => ({ downloadQuotaText: 'Download was rate limited' })]],
  top: [['drains', () => ({ top: 'whole' })]],
  noTop: [['drains', () => ({ noTop: true })]],
  quitRemovesRead: [['drains', () => ({ quitRemovesRead: true })]],
  quitHidesRead: [['drains', () => ({ quitHidesRead: true })]],
  applyDeletesOnDrop: [['drains', () => ({ applyDeletesOnDrop: true })]],
  applyDeletesAtOnce: [['drains', () => ({ applyDeletesAtOnce: true })]],
  loseQuitReply: [
    ['drains', () => ({ loseQuitReply: early<'committed'>('committed') })],
    ['drains', () => ({ loseQuitReply: early<'not-committed'>('not-committed') })],
  ],
  dropAtQuit: [['drains', () => ({ dropAtQuit: early(true) })]],
  quitError: [
    ['drains', () => ({ quitError: early<'half'>('half') })],
    ['drains', () => ({ quitError: early<'none'>('none') })],
    ['leaves', () => ({ quitError: 'none' })],
  ],
  ignoreDeletes: [
    ['drains', () => ({ ignoreDeletes: 1 })],
    ['leaves', () => ({ ignoreDeletes: true })],
  ],
  updateDelayMs: [['drains', () => ({ updateDelayMs: 20 })]],
  deleReply: [
    ['leaves', () => ({ deleReply: (i) => (i === 5 ? '\r\n' : undefined) })],
    ['leaves', () => ({ deleReply: (i) => (i === 5 ? 'garbage\r\n' : undefined) })],
    [
      'drains',
      () => ({ deleReply: (i, session) => (i === 5 && session < 2 ? '\r\n' : undefined) }),
    ],
  ],
  deleError: [
    ['drains', () => ({ deleError: (i, session) => (third(i) && session < 3 ? 'no' : undefined) })],
    ['leaves', () => ({ deleError: (i) => (third(i) ? 'no' : undefined) })],
  ],
  deleByUidl: [['drains', () => ({ deleByUidl: true })]],
  rsetRereads: [['drains', () => ({ rsetRereads: true })]],
  delayMs: [['drains', () => ({ delayMs: 1 })]],
  bytesPerSecond: [['drains', () => ({ bytesPerSecond: (verb) => (verb === '' ? 500 : 200_000) })]],
  endless: [
    ['leaves', () => ({ endless: 'CAPA' })],
    ['leaves', () => ({ endless: 'LIST' })],
    ['leaves', () => ({ endless: 'UIDL' })],
    ['drains', () => ({ endless: early<'UIDL'>('UIDL') })],
  ],
  statusText: [['drains', () => ({ statusText: () => 'clients that break here' })]],
  statusOctets: [
    ['drains', () => ({ statusOctets: () => 600 })],
    ['leaves', () => ({ statusOctets: () => 9000 })],
  ],
  bareLf: [['leaves', () => ({ bareLf: true })]],
  afterReply: [
    ['leaves', () => ({ afterReply: (verb) => (verb === 'LIST' ? '+OK\r\n' : undefined) })],
    [
      'drains',
      () => ({
        afterReply: (verb, _, session) => (verb === 'RETR' && session < 3 ? '+OK\r\n' : undefined),
      }),
    ],
  ],
  replyOverride: [
    [
      'drains',
      () => ({
        replyOverride: (verb, argument, session) =>
          verb === 'RETR' && argument === '3' && session === 1 ? 'what?\r\n' : undefined,
      }),
    ],
  ],
  pipeliningRace: [['drains', () => ({ pipeliningRace: true })]],
  swapsReplies: [['drains', () => ({ swapsReplies: true })]],
  breaksPipelining: [['drains', () => ({ breaksPipelining: true })]],
  maxErrors: [['drains', () => ({ maxErrors: 20 })]],
  closesOnUnknown: [['drains', () => ({ closesOnUnknown: true })]],
  idleTimeoutMs: [['drains', () => ({ idleTimeoutMs: 100 })]],
  idleSilent: [['drains', () => ({ idleTimeoutMs: 100, idleSilent: true })]],
  unreadTimeoutMs: [['drains', () => ({ unreadTimeoutMs: 100 })]],
  dropAfterOctets: [['drains', () => ({ dropAfterOctets: 9000 })]],
  dropAfterCommands: [['drains', () => ({ dropAfterCommands: 20 })]],
}

const SLOW: ReadonlySet<keyof Behaviour> = new Set([
  ...([
    'loginDelay',
    'bytesPerSecond',
    'bareLf',
    'stallMessages',
    'terminator',
    'announce',
  ] as const),
])

export const deviations: readonly Deviation[] = Object.entries(variants).flatMap(([name, made]) =>
  made.map(([expect, behaviour], i) => ({
    ...{ expect, behaviour, slow: SLOW.has(name as keyof Behaviour) },
    name: made.length === 1 ? name : `${name} ${i + 1}`,
  })),
)
