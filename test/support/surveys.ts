/** Surveys of test servers. */
import { systemClock } from '../../src/clock.ts'
import type { Ledger } from '../../src/ledger/ledger.ts'
import { silentLogger } from '../../src/logger.ts'
import type { Pop3SourceOptions } from '../../src/sources/pop3/index.ts'
import { resolveSource } from '../../src/sources/pop3/source.ts'
import { type DrainPlan, drainPlan } from '../../src/sources/pop3/survey/drain-plan.ts'
import { type Survey, surveyMailbox } from '../../src/sources/pop3/survey/survey.ts'
import type { Pop3Server } from '../../src/testing/index.ts'

export interface SurveyTest {
  readonly source?: Partial<Pop3SourceOptions>
  readonly ledger?: Ledger
  readonly maxMessageBytes?: number
  readonly deletion?: boolean
}

const sourceOf = (server: Pop3Server, options: Partial<Pop3SourceOptions>) =>
  resolveSource({
    ...{ host: server.host, port: server.port, tls: 'none', retryInitialMs: 5 },
    auth: { user: 'user', password: 'secret' },
    ...options,
  })

export async function surveyOf(server: Pop3Server, change: SurveyTest = {}): Promise<Survey> {
  const { ledger, maxMessageBytes = 24 * 1024 * 1024, source = {} } = change
  return surveyMailbox(sourceOf(server, source).options, {
    ...{ clock: systemClock, random: Math.random, log: silentLogger, ledger, maxMessageBytes },
    signal: new AbortController().signal,
  })
}

export async function planFor(server: Pop3Server, change: SurveyTest = {}): Promise<DrainPlan> {
  const { deletion = true } = change
  const { options: source, mailbox } = sourceOf(server, change.source ?? {})
  const survey = await surveyOf(server, change)
  return drainPlan(survey, { mailbox, destination: null, deletion, source })
}

/** Verbs that a survey may send, and no other. */
export const HARMLESS = ['CAPA', 'AUTH', 'USER', 'PASS', 'STAT', 'LIST', 'UIDL', 'NOOP', 'QUIT']

export const verbsOf = (server: Pop3Server): string[] => [
  ...new Set(server.log.map(({ verb }) => verb)),
]
