/**
 * Messages whose DELE was answered by -ERR or, as Exchange Online does after some RETRs, by a line that is no reply and ends
 * the session. After three times such a message is left alone: it must not keep others from being deleted (G7).
 */
import type { Doubt } from './in-doubt.ts'

const MAX_REFUSALS = 3

export class RefusedDeletions {
  readonly #refusals = new Map<string, Doubt>()

  add({ key, uidl }: Pick<Doubt, 'key' | 'uidl'>): void {
    const rounds = (this.#refusals.get(key)?.rounds ?? 0) + 1
    this.#refusals.set(key, { key, uidl, numbers: 1, answered: true, rounds })
  }

  /** Those that were refused too often; they are forgotten here. */
  takeHopeless(): readonly Doubt[] {
    const hopeless = [...this.#refusals.values()].filter(({ rounds }) => rounds >= MAX_REFUSALS)
    for (const { key } of hopeless) this.#refusals.delete(key)
    return hopeless
  }
}
