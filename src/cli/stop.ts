/** Signals: the first one ends the drain in order, the second one at once. Either way nothing is lost. */
import { constants } from 'node:os'

export interface Stop {
  readonly signal: AbortSignal
  /** Exit code of the signal that came; undefined when none did. */
  readonly exitCode: number | undefined
  /** Back to how signals were before. */
  dispose(): void
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

export function watchSignals(): Stop {
  const abort = new AbortController()
  let exitCode: number | undefined
  const onSignal = (name: (typeof SIGNALS)[number]): void => {
    const code = 128 + constants.signals[name]
    // A second one: whoever asks twice does not want to wait for a server. What is durable is in the ledger.
    if (exitCode !== undefined) process.exit(code)
    exitCode = code
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
