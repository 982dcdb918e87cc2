import type { Switches } from './behaviour/switches.ts'

/** The autologout timer of a session (RFC 1939 section 3). */
export class IdleTimer {
  readonly #switches: Switches
  readonly #session: { readonly isBusy: () => boolean; readonly expired: () => void }
  #timer: NodeJS.Timeout | undefined

  /** @param session `isBusy`: a reply is on its way, or is being delayed, so this is no idleness */
  constructor(
    switches: Switches,
    session: { readonly isBusy: () => boolean; readonly expired: () => void },
  ) {
    this.#switches = switches
    this.#session = session
  }

  reset(): void {
    if (this.#timer !== undefined) {
      this.#timer.refresh()
      return
    }
    this.#timer = setTimeout(() => {
      if (this.#session.isBusy()) this.#timer?.refresh()
      else this.#session.expired()
    }, this.#switches.idleTimeoutMs)
    this.#timer.unref()
  }

  stop(): void {
    clearTimeout(this.#timer)
  }
}
