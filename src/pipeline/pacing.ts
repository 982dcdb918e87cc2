/** How long a watch waits between its polls: longer while nothing comes, never in step with others. */

export interface PacingOptions {
  /** Between polls while mail comes, seconds. */
  readonly pollSeconds: number
  /** Between polls at most, seconds. */
  readonly maxPollSeconds: number
  readonly random: () => number
}

/** Of a pause: this much more or less by chance, so that many watches do not ask at once. */
const JITTER = 0.1

export class Pacing {
  readonly #options: PacingOptions
  /** Polls in a row that brought nothing. */
  #fruitless = 0

  constructor(options: PacingOptions) {
    this.#options = options
  }

  /** Milliseconds before the next poll, after one that brought mail or none. */
  pauseMs(broughtMail: boolean): number {
    const { pollSeconds, maxPollSeconds, random } = this.#options
    this.#fruitless = broughtMail ? 0 : this.#fruitless + 1
    const seconds = Math.min(maxPollSeconds, pollSeconds * 2 ** Math.max(0, this.#fruitless - 1))
    return seconds * 1000 * (1 - JITTER + 2 * JITTER * random())
  }
}
