import type { Clock, Timer } from '../clock.ts'
import type { Switches } from './behaviour/switches.ts'

/** The autologout timer of a session (RFC 1939 section 3). */
export class IdleTimer {
  readonly #server: { readonly switches: Switches; readonly clock: Clock }
  readonly #session: { readonly isBusy: () => boolean; readonly expired: () => void }
  /** Monotonic, milliseconds. */
  #since = 0
  #timer: Timer | undefined

  /** @param session `isBusy`: a reply is on its way, or is being delayed, so this is no idleness */
  constructor(
    server: { readonly switches: Switches; readonly clock: Clock },
    session: { readonly isBusy: () => boolean; readonly expired: () => void },
  ) {
    this.#server = server
    this.#session = session
  }

  /** Called for every chunk that comes: one timer is set anew only when it has fired. */
  reset(): void {
    this.#since = this.#server.clock.monotonic()
    this.#timer ??= this.#wait(this.#server.switches.idleTimeoutMs)
  }

  stop(): void {
    this.#timer?.cancel()
  }

  #wait(ms: number): Timer {
    return this.#server.clock.timer(ms, () => this.#look(), true)
  }

  #look(): void {
    const { clock, switches } = this.#server
    if (this.#session.isBusy()) this.#since = clock.monotonic()
    const left = this.#since + switches.idleTimeoutMs - clock.monotonic()
    if (left > 0) this.#timer = this.#wait(left)
    else this.#session.expired()
  }
}
