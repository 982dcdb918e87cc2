/** How long draining a surveyed mailbox will take: the planner's prediction, corrected by what was measured here. */
import { formatCount, formatSeconds } from '../../../observe/units.ts'
import { type Prediction, type SessionBounds, predict } from '../planner/planner.ts'
import type { Survey } from './survey.ts'

export interface ForecastOptions {
  readonly deletion: boolean
  readonly bounds: SessionBounds
}

export interface Forecast extends Prediction {
  /** Messages that will be asked for. */
  readonly messages: number
}

/** What the drain would read: all that is not too large, and without deletion only what the ledger does not know. */
export function toRead(survey: Survey, deletion: boolean): { messages: number; octets: number } {
  const { sizes, ledger } = survey
  const messages = sizes.listed - sizes.oversize.messages
  const octets = sizes.total - sizes.oversize.octets
  if (ledger === null) return { messages, octets }
  const { kept, known } = ledger
  const left = deletion ? [kept] : [kept, known]
  const sum = (of: 'messages' | 'octets') => left.reduce((total, share) => total + share[of], 0)
  // What is too large may be among the kept.
  return {
    messages: Math.max(0, messages - sum('messages')),
    octets: Math.max(0, octets - sum('octets')),
  }
}

export function forecast(survey: Survey, options: ForecastOptions): Forecast {
  const { timing, uidls, capabilities } = survey
  const { messages, octets } = toRead(survey, options.deletion)
  const loginDelayMs = (capabilities.loginDelaySeconds ?? 0) * 1000
  const predicted = predict(survey.planner, {
    ...{ messages, octets, openMs: timing.openMs, loginDelayMs, bounds: options.bounds },
    uidlOctets: uidls === null || uidls.named === 0 ? 0 : uidls.total / uidls.named,
  })
  const shaped = options.deletion ? predicted : reading(predicted, messages, survey, options.bounds)
  const listed = isWindowed(survey, options) ? shaped : listings(shaped, survey, options)
  return { ...sum(roundTrips(listed, survey, messages)), messages }
}

/** Without deletion only the bounds end a session, and the last one's listing is the look at the end. */
function reading(
  predicted: Prediction,
  messages: number,
  { timing }: Survey,
  bounds: SessionBounds,
): Prediction {
  const { octets, readSeconds } = predicted
  const parts = [
    messages / bounds.messages,
    octets / bounds.octets,
    (readSeconds * 1000) / bounds.ms,
  ]
  const sessions = Math.max(1, ...parts.map(Math.ceil))
  const openSeconds = (sessions * timing.openMs) / 1000
  return { ...predicted, sessions, openSeconds, quitSeconds: 0 }
}

/** As the source decides it: elsewhere each session lists everything that is left. */
const isWindowed = ({ numbered, pipelining, ledger }: Survey, options: ForecastOptions): boolean =>
  numbered?.list === true &&
  numbered.uidl &&
  pipelining &&
  !(options.deletion && (ledger?.entries ?? 0) > 0)

function listings(
  predicted: Prediction,
  survey: Survey,
  { deletion }: ForecastOptions,
): Prediction {
  const whole = survey.sizes.listingOctets + (survey.uidls?.listingOctets ?? 0)
  // With deletion the listings become shorter, and the two closing looks see STAT 0.
  const listings = deletion ? Math.max(0, predicted.sessions - 1) / 2 : predicted.sessions
  return {
    ...predicted,
    listingOctets: Math.round(whole * listings),
    assumptions: [
      ...predicted.assumptions.filter((text) => !text.startsWith('LIST and UIDL answer')),
      'Each session lists all that is left.',
    ],
  }
}

/** One command at a time: nothing is faster than the round trips, whatever the server costs. */
function roundTrips(predicted: Prediction, survey: Survey, messages: number): Prediction {
  if (survey.pipelining || messages === 0) return predicted
  const { roundTripMs } = survey.timing
  const each = (messages * roundTripMs) / 1000
  const readSeconds = Math.max(predicted.readSeconds, each)
  const quitSeconds = predicted.quitSeconds === 0 ? 0 : Math.max(predicted.quitSeconds, each)
  if (readSeconds === predicted.readSeconds && quitSeconds === predicted.quitSeconds)
    return predicted
  const note = `Without PIPELINING each command waits for its reply: ${formatCount(messages)} round trips of ${roundTripMs.toFixed(1)} ms are ${formatSeconds(each)}.`
  return { ...predicted, readSeconds, quitSeconds, assumptions: [...predicted.assumptions, note] }
}

const sum = (predicted: Prediction): Prediction => ({
  ...predicted,
  seconds: predicted.openSeconds + predicted.readSeconds + predicted.quitSeconds,
})
