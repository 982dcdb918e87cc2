/** Signals: the first one ends the command in order, the second one at once. Either way nothing is lost. */
import { constants } from 'node:os'
import type { Logger } from '../logger.ts'

export interface Stop {
  readonly signal: AbortSignal
  /** Exit code of the signal that came; undefined when none did. */
  readonly exitCode: number | undefined
  /** Back to how signals were before. */
  dispose(): void
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
type SignalName = (typeof SIGNALS)[number]

/** @param announce is told of the first signal */
export function watchSignals(announce: (name: SignalName) => void = () => undefined): Stop {
  const abort = new AbortController()
  let exitCode: number | undefined
  const onSignal = (name: SignalName): void => {
    const code = 128 + constants.signals[name]
    // A second one: whoever asks twice does not want to wait for a server. What is durable is in the ledger.
    if (exitCode !== undefined) process.exit(code)
    exitCode = code
    announce(name)
    abort.abort()
  }
  for (const name of SIGNALS) process.on(name, onSignal)
  return {
    signal: abort.signal,
    get exitCode() {
      return exitCode
    },
    dispose() {
      for (const name of SIGNALS) process.off(name, onSignal)
    },
  }
}

/** Tells whoever waits how long that may take. */
export function announceGrace(log: Logger, graceSeconds: number): (name: SignalName) => void {
  return (signal) =>
    log.warn(
      { signal, graceSeconds },
      `${signal}: what was read is being brought to its end, for ${graceSeconds} s at most; a second signal ends at once`,
    )
}
