/** Options of the POP3 source: the client's, and how sessions are cut and retried. */
import { z } from 'zod'
import { ConfigError } from '../../errors.ts'
import { pop3ClientOptions } from '../../pop3/index.ts'
import type { SessionBounds } from './planner/planner.ts'

export const pop3SourceOptions = pop3ClientOptions.extend({
  mailboxId: z
    .string()
    .min(1)
    .optional()
    .describe(
      'Name of the mailbox in keys and ledger; user@host unless given. Changing it makes all mail new.',
    ),
  sessionMessages: z
    .int()
    .min(1)
    .default(100_000)
    .describe('Messages read and deleted in one session at most; sessions are planned below it.'),
  sessionBytes: z
    .int()
    .min(1)
    .optional()
    .describe('Octets after which a session asks for no further mail; no bound unless given.'),
  sessionSeconds: z
    .number()
    .positive()
    .optional()
    .describe(
      'Seconds of reading after which a session asks for no further mail; no bound unless given.',
    ),
  listing: z
    .enum(['auto', 'full'])
    .default('auto')
    .describe(
      'auto: LIST and UIDL by number, a window ahead of reading, where the server answers so; full: everything at once in each session.',
    ),
  windowMessages: z
    .int()
    .min(1)
    .default(200)
    .describe('Messages of a window of a listing by number.'),
  sizes: z
    .enum(['auto', 'exact', 'advisory'])
    .default('auto')
    .describe(
      'Is a message that comes shorter than LIST announced cut off? exact: yes. advisory: not if it comes twice alike. auto: exact, unless sizes of this server are seen to be wrong in both directions (Exchange).',
    ),
  deleteAfterMs: z
    .int()
    .min(1)
    .optional()
    .describe(
      'With deletion: milliseconds that a message stays on the server after it was delivered; it is deleted by a later run. At once unless given.',
    ),
  retryKept: z
    .boolean()
    .default(false)
    .describe('Messages that earlier runs have kept are tried again, whatever decided it.'),
  acceptServerDisposal: z
    .boolean()
    .default(false)
    .describe(
      'Without deletion: QUIT is sent after mail was read, also where it removes, archives or hides what was read.',
    ),
  quitDeletes: z
    .enum(['auto', 'yes', 'no'])
    .default('auto')
    .describe(
      'Does QUIT on this server remove what was only read? auto: yes unless the server says otherwise.',
    ),
  compare: z
    .enum(['full', 'headers'])
    .default('full')
    .describe(
      'How a message that an earlier run delivered is compared before it is deleted. full: read once more, by SHA-256. headers: by octets and the SHA-256 of its header block (TOP), where the server is known to be reliable in both.',
    ),
  onUidlReset: z
    .enum(['stop', 'continue'])
    .default('stop')
    .describe(
      'What to do when the server has given all mail new unique-ids: stop and say so, or take all of it for new mail.',
    ),
  newest: z
    .int()
    .min(1)
    .optional()
    .describe(
      'Only so many of the messages that arrived last, of those in the mailbox when the run begins.',
    ),
  oldest: z
    .int()
    .min(1)
    .optional()
    .describe(
      'Only so many of the messages that arrived first, of those in the mailbox when the run begins.',
    ),
  since: z
    .string()
    .regex(/^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d))?$/)
    .refine((date) => !Number.isNaN(Date.parse(date)), 'there is no such date')
    .optional()
    .describe(
      'Only messages written since this day (2026-01-31, from 0:00 UTC) or moment (2026-01-31T12:00Z), by their Date or else Received field.',
    ),
  minBytes: z
    .int()
    .min(1)
    .optional()
    .describe('Only messages of at least so many octets, by LIST.'),
  maxBytes: z
    .int()
    .min(1)
    .optional()
    .describe(
      'Only messages of at most so many octets, by LIST; what is larger than maxMessageBytes is kept and counted, what is larger than this is left alone.',
    ),
  openPatienceMs: z
    .int()
    .min(0)
    .default(10_000)
    .describe('Milliseconds that an unreachable server is tried before the first login.'),
  retryPatienceMs: z
    .int()
    .min(0)
    .default(600_000)
    .describe('Milliseconds without any progress after which a busy or lost server is given up.'),
  retryInitialMs: z
    .int()
    .min(1)
    .default(500)
    .describe('Milliseconds before the first reconnection; doubles up to one minute.'),
  keepAliveMs: z
    .int()
    .min(100)
    .default(30_000)
    .describe('Milliseconds of silence after which NOOP is sent; WildDuck disconnects after 60 s.'),
  lookDelaysMs: z
    .array(z.int().min(0))
    .default([1000, 5000, 30_000])
    .describe(
      'Milliseconds to wait before looking again when deleted mail is still listed (seen on GMX).',
    ),
})

export interface Pop3SourceOptions extends z.input<typeof pop3SourceOptions> {}
export type ResolvedPop3SourceOptions = z.output<typeof pop3SourceOptions>

/** The user's upper bounds of a session. */
export function boundsOf(options: ResolvedPop3SourceOptions): SessionBounds {
  const { sessionMessages, sessionBytes = Infinity, sessionSeconds = Infinity } = options
  return { messages: sessionMessages, octets: sessionBytes, ms: sessionSeconds * 1000 }
}

/** @throws ConfigError for options that exclude each other */
export function checkSourceOptions({
  newest,
  oldest,
  minBytes = 0,
  maxBytes = Infinity,
}: ResolvedPop3SourceOptions): void {
  refuse(newest !== undefined && oldest !== undefined, 'give either newest or oldest')
  refuse(minBytes > maxBytes, `no message has at least ${minBytes} and at most ${maxBytes} octets`)
}

/** @throws ConfigError for options that do not go with deletion, or without it */
export function checkDeletion(
  { auth, deleteAfterMs, acceptServerDisposal }: ResolvedPop3SourceOptions,
  deletion: boolean,
): void {
  refuse(deleteAfterMs !== undefined && !deletion, 'deleteAfterMs goes with deletion')
  refuse(acceptServerDisposal && deletion, 'acceptServerDisposal goes without deletion')
  // What was popped is shown again for 30 days: it would be read, compared and deleted once more, session after session.
  refuse(
    deletion && /^recent:/i.test(auth.user),
    `${auth.user} is Gmail's view of the last 30 days, which shows mail that other sessions have read: drain it without deletion, or delete as ${auth.user.slice('recent:'.length)}`,
  )
}

/** @throws ConfigError for options that make sense once, and not poll after poll */
export function checkWatch({ newest, oldest }: ResolvedPop3SourceOptions): void {
  refuse(
    newest !== undefined || oldest !== undefined,
    'newest and oldest count the mailbox as a run finds it, which would be other mail at each poll: drain with them, or watch without',
  )
}

function refuse(wrong: boolean, what: string): void {
  if (wrong) throw new ConfigError('MAILDRAIN_CONFIG_INVALID', what)
}
