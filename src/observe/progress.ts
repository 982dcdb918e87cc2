/** Progress of a drain: a bar on a terminal, a log line now and then elsewhere. */
import { SingleBar } from 'cli-progress'
import type { Clock } from '../clock.ts'
import type { Logger } from '../logger.ts'
import { type Amounts, RateMeter } from './rate.ts'
import { formatBytes, formatCount, formatSeconds } from './units.ts'

/** Of a drain, or of work that has no sessions. */
export type AnyProgress = Amounts & {
  readonly phase: string
  readonly deleted?: number
  readonly sessions?: number
}

export interface ProgressView {
  update(progress: AnyProgress): void
  stop(): void
}

/** Nothing at all. */
export const noProgress: ProgressView = { update: () => undefined, stop: () => undefined }

/** Names other than cli-progress's own, which would win (`eta`). */
const BAR_FORMAT = '{phase} {bar} {done} %  {messages}  {bytes}  {rate}  ETA {left}{sessions}'
const REDRAWS_PER_SECOND = 10

export interface ProgressBar extends ProgressView {
  /** A line above the bar. */
  writeLine(line: string): void
}

/** A bar on a terminal, redrawn at most ten times a second. */
export function progressBar(clock: Clock, stream: NodeJS.WriteStream): ProgressBar {
  const meter = new RateMeter()
  const bar = new SingleBar({
    ...{ stream, fps: REDRAWS_PER_SECOND, format: BAR_FORMAT, barsize: 20, hideCursor: true },
    ...{ barCompleteChar: '█', barIncompleteChar: '░', clearOnComplete: false, linewrap: false },
    ...{ noTTYOutput: false, gracefulExit: false, etaBuffer: 2 },
  })
  let started = false
  return {
    update(progress) {
      const fields = barFields(progress, meter, clock.monotonic())
      const total = Math.max(1, progress.messagesTotal)
      if (!started) bar.start(total, 0, fields)
      started = true
      bar.setTotal(total)
      bar.update(Math.min(progress.messagesDone, total), fields)
    },
    writeLine(line) {
      // Over the bar, which draws itself again below.
      stream.write(`${started ? '\r\u001b[K' : ''}${line}\n`)
    },
    stop() {
      if (started) bar.stop()
      started = false
    },
  }
}

/** What the bar shows beside itself. */
export function barFields(
  progress: AnyProgress,
  meter: RateMeter,
  at: number,
): Record<string, string> {
  const { phase, messagesTotal, messagesDone, bytesTotal, bytesDone } = progress
  const { deleted, sessions } = progress
  const { messagesPerSecond, bytesPerSecond, secondsLeft } = meter.pace(progress, at)
  const total = bytesTotal === null ? '' : ` of ${formatBytes(bytesTotal)}`
  return {
    phase: phase.padEnd(10),
    done: String(percentOf(progress)).padStart(3),
    messages: `${formatCount(messagesDone)} of ${formatCount(messagesTotal)}`,
    bytes: `${formatBytes(bytesDone)}${total}`,
    rate: `${formatCount(messagesPerSecond)}/s ${formatBytes(bytesPerSecond)}/s`,
    left: secondsLeft === null ? '-' : formatSeconds(Math.ceil(secondsLeft)),
    sessions:
      sessions === undefined
        ? ''
        : `  ${formatCount(deleted ?? 0)} deleted, session ${formatCount(sessions)}`,
  }
}

const percentOf = ({ messagesDone, messagesTotal }: AnyProgress): number =>
  messagesTotal === 0
    ? 0
    : Math.floor((100 * Math.min(messagesDone, messagesTotal)) / messagesTotal)

/** A log line at the first news, and then every `everyMs`. */
export function progressLog(clock: Clock, log: Logger, everyMs: number): ProgressView {
  const meter = new RateMeter()
  let next = -Infinity
  return {
    update(progress) {
      const now = clock.monotonic()
      const { messagesPerSecond, bytesPerSecond, secondsLeft } = meter.pace(progress, now)
      if (now < next) return
      next = now + everyMs
      const rates = {
        messagesPerSecond: Math.round(messagesPerSecond),
        bytesPerSecond: Math.round(bytesPerSecond),
        secondsLeft: secondsLeft === null ? null : Math.ceil(secondsLeft),
      }
      log.info({ ...progress, ...rates }, 'progress')
    },
    stop: () => undefined,
  }
}
