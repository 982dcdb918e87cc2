/** What the planner remembers: plain JSON of a few hundred octets, kept between runs. */
import { z } from 'zod'
import { DOVECOT_QUIT } from './quit.ts'

const MIB = 2 ** 20
/** Nothing is known of a line before its first session: what it costs to read that once more can be borne. */
export const FIRST = { octets: 256 * MIB, ms: 120_000 } as const
/** Stands for "no bound" where all has to be finite. */
export const UNBOUNDED = Number.MAX_SAFE_INTEGER
/** Good sessions after which a ceiling is tried for the first time: a retry that fails costs one session read twice. */
export const FIRST_SPACING = 8
/** Sessions that the costs are fitted to. More would be slower to see that a server has changed. */
export const SAMPLES = 6

const figure = z.number().min(0)

/** messages, openMs, read, readOctets, readMs, deleted, quitMs (0: no answer to a QUIT that deleted). */
const sample = z.tuple([figure, figure, figure, figure, figure, figure, figure])

export const plannerState = z.strictObject({
  version: z.literal(1),
  samples: z.array(sample).max(SAMPLES),
  /** What QUIT is believed to cost, ms: constant, a DELE, a message that is left. */
  quit: z.tuple([figure, figure, figure]).readonly(),
  /** How the last session ended that says anything about the line. */
  last: z.enum(['none', 'quit', 'lost']),
  /** What the next one may bet on: messages, their octets, ms since STAT. */
  trust: z.strictObject({ messages: figure, octets: figure, ms: figure }),
  /** Where sessions were lost, ms since connecting; null: lost sessions are not explained by it. */
  ceiling: z.strictObject({
    messages: figure.nullable(),
    octets: figure.nullable(),
    ms: figure.nullable(),
  }),
  /** Good sessions since the last loss, and how many it takes before the ceiling is tried. */
  clean: figure,
  spacing: figure,
})

export type PlannerState = z.output<typeof plannerState>
export type Sample = z.output<typeof sample>

export const newPlanner = (): PlannerState => ({
  ...{ version: 1, samples: [], last: 'none', quit: DOVECOT_QUIT },
  trust: { messages: UNBOUNDED, ...FIRST },
  ceiling: { messages: null, octets: null, ms: null },
  ...{ clean: 0, spacing: FIRST_SPACING },
})

/** What an earlier run kept; what cannot be read, or is of another version, starts anew. */
export function restorePlanner(stored: unknown): PlannerState {
  const parsed = plannerState.safeParse(stored)
  return parsed.success ? parsed.data : newPlanner()
}
