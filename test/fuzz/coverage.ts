/**
 * Which blocks of the client's parser have run, by V8's own counters (node:inspector). Looked at once for a batch of
 * inputs: between looks the inputs run at nearly full speed.
 */
import { Session } from 'node:inspector'

const WATCHED =
  /\/src\/pop3\/(?:protocol|multi-line|replies|listing|capabilities|receive-buffer|send-queue)\.[jt]s/

export class BlockCoverage {
  readonly #session = new Session()

  constructor() {
    this.#session.connect()
    this.#session.post('Profiler.enable')
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
  }

  /** Blocks that have run since the last look. */
  look(): ReadonlySet<string> {
    const ran = new Set<string>()
    // The inspector of one's own thread answers before post returns.
    this.#session.post('Profiler.takePreciseCoverage', (error, answer) => {
      if (error !== null) throw error
      for (const { url, functions } of answer.result) {
        if (!WATCHED.test(url)) continue
        for (const { startOffset, endOffset, count } of functions.flatMap(({ ranges }) => ranges))
          if (count > 0) ran.add(`${url}:${startOffset}:${endOffset}`)
      }
    })
    return ran
  }

  close(): void {
    this.#session.post('Profiler.stopPreciseCoverage')
    this.#session.disconnect()
  }
}
