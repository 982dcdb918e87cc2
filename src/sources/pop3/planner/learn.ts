/** What a session that ended teaches: its costs, and what the line bears. */
import { costOf } from './cost.ts'
import { fitQuit } from './quit.ts'
import type { SessionRecord } from './session-record.ts'
import { FIRST_SPACING, type PlannerState, SAMPLES, type Sample, UNBOUNDED } from './state.ts'

/** Losses that lie no further apart have one cause. */
const ALIKE = 1.25
/** A ceiling that held when it was tried is left alone so many times as long. */
const LONGER = 4
const MAX_SPACING = 2048
/** Larger figures are mistakes; the state stays small. */
const LARGEST = 1e12

type Ceiling = PlannerState['ceiling']
const NAMES = ['messages', 'octets', 'ms'] as const

export function learn(state: PlannerState, given: SessionRecord): PlannerState {
  const record = sane(given)
  const samples = withSample(state.samples, record)
  const known = { ...state, samples, quit: fitQuit(samples, state.quit) }
  // Closed on purpose: the line has neither borne it to its end nor failed.
  if (record.end === 'closed') return known
  if (record.end === 'lost') return lost(known, record)
  return record.read > 0 ? ended(known, record) : known
}

function sane(record: SessionRecord): SessionRecord {
  const figure = (value: number): number =>
    value >= 0 ? Math.round(Math.min(value, LARGEST) * 100) / 100 : 0
  return {
    ...{ openMs: figure(record.openMs), readMs: figure(record.readMs), end: record.end },
    ...{ messages: figure(record.messages), octets: figure(record.octets) },
    ...{ read: figure(record.read), readOctets: figure(record.readOctets) },
    deleted: figure(record.deleted),
    quitMs: record.quitMs === null ? null : figure(record.quitMs),
  }
}

/** Sessions that read nothing say nothing of rates; a QUIT without DELE says nothing of one with (mbox is not rewritten). */
function withSample(samples: readonly Sample[], record: SessionRecord): Sample[] {
  const { messages, openMs, read, readOctets, readMs, deleted, quitMs } = record
  if (read === 0) return [...samples]
  const sample: Sample = [messages, openMs, read, readOctets, readMs, deleted, quitMs ?? 0]
  return [...samples, sample].slice(-SAMPLES)
}

/** The next may be twice as long, and whatever lies below what was reached is no ceiling. */
function ended(state: PlannerState, record: SessionRecord): PlannerState {
  const { trust } = state
  const whole = record.openMs + record.readMs + (record.quitMs ?? 0)
  const reached = { messages: record.read, octets: record.readOctets, ms: whole }
  const ceiling = each((name) => {
    const at = state.ceiling[name]
    return at !== null && reached[name] > at ? null : at
  })
  const refuted = NAMES.every((name) => ceiling[name] === null)
  return {
    ...{ ...state, last: 'quit', ceiling, clean: refuted ? 0 : state.clean + 1 },
    spacing: refuted ? FIRST_SPACING : state.spacing,
    trust: {
      messages: Math.min(UNBOUNDED, Math.max(trust.messages, 2 * record.read)),
      octets: Math.max(trust.octets, 2 * record.readOctets),
      ms: Math.max(trust.ms, 2 * record.readMs),
    },
  }
}

/** Half of what was reached comes next. Which of the three mattered is what losses that are alike have in common. */
function lost(state: PlannerState, record: SessionRecord): PlannerState {
  const reached = whereLost(state, record)
  const alike = NAMES.filter((name) => isAlike(state.ceiling[name], reached[name]))
  const again = alike.length > 0
  return {
    ...{ ...state, last: 'lost', clean: 0 },
    // Lost elsewhere, it was not the ceiling that lost it: a bad line, perhaps, that drops sessions at any time.
    spacing: again ? Math.min(state.spacing * LONGER, MAX_SPACING) : FIRST_SPACING,
    ceiling: each((name) => {
      const [from, to] = reached[name]
      if (!again) return (from + to) / 2
      return alike.includes(name) ? Math.min(to, state.ceiling[name] ?? to) : null
    }),
    trust: {
      messages: Math.max(1, Math.floor(record.read / 2)),
      octets: Math.max(1, Math.floor(record.readOctets / 2)),
      ms: Math.max(1, Math.floor(record.readMs / 2)),
    },
  }
}

type Between = readonly [from: number, to: number]

/** Lost after DELE means lost in UPDATE, some time before that would have been over. */
function whereLost(
  state: PlannerState,
  record: SessionRecord,
): { readonly [Name in keyof Ceiling]: Between } {
  const { deleted, messages, read, readOctets } = record
  const cost = costOf(state)
  const readMs = record.openMs + record.readMs
  const quitMs =
    deleted > 0 ? deleted * cost.deleteMs + cost.rewriteMs(Math.max(0, messages - deleted)) : 0
  return {
    ...{ messages: [read, read], octets: [readOctets, readOctets] },
    ms: [readMs, Math.min(LARGEST, readMs + quitMs)],
  }
}

const isAlike = (at: number | null, [from, to]: Between): boolean =>
  at !== null && at * ALIKE >= from && at <= to * ALIKE

const each = (value: (name: keyof Ceiling) => number | null): Ceiling => ({
  ...{ messages: value('messages'), octets: value('octets'), ms: value('ms') },
})
