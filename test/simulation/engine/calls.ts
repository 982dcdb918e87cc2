/** A request of a life to a destination: late both ways, and lost where the plan says so. */
import type { Random } from '../../../src/testing/random.ts'
import type { Faults } from './faults.ts'
import { type Life, dead } from './life.ts'
import type { Scheduler } from './scheduler.ts'

export interface Calls {
  readonly scheduler: Scheduler
  readonly random: Random
  readonly faults: Faults
}

/**
 * @param apply carried out at the destination, whole, at one moment
 * @param lost what the caller gets when request or answer is lost
 * @param sync carried out a while later, before it answers: until then the power may fail, and what was applied be lost
 */
export function call<T>(
  { scheduler, random, faults }: Calls,
  life: Life,
  apply: () => T,
  lost: () => Error,
  sync?: () => void,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    if (life.state === 'dead') {
      reject(dead())
      return
    }
    const die = (): void => reject(dead())
    life.signal.addEventListener('abort', die, { once: true })
    let late = false
    const answer = (settle: () => void): void => {
      scheduler.after(late ? 1000 * random.below(300) : 1 + random.below(20), () =>
        life.deliver(() => {
          life.signal.removeEventListener('abort', die)
          settle()
        }),
      )
    }
    const fail = (): void => answer(() => reject(lost()))
    scheduler.after(1 + random.below(20), () => {
      // What a dying process had written may still have been in its own buffers.
      if (life.state === 'dead' && random.chance(50)) return
      const outcome = faults.next('request', life)
      late = outcome === 'late'
      if (outcome === 'lost') {
        fail()
        return
      }
      try {
        const result = apply()
        const reply = (heard: boolean): void => {
          const answered = faults.next('reply', life)
          late ||= answered === 'late'
          if (!heard || (answered !== 'none' && answered !== 'late')) fail()
          else answer(() => resolve(result))
        }
        if (sync === undefined) {
          reply(outcome !== 'unanswered')
          return
        }
        scheduler.after(1 + random.below(20), () => {
          // A destination does not stop for a client that has died meanwhile.
          const synced = faults.next('disk', life)
          late ||= synced === 'late'
          sync()
          reply(outcome !== 'unanswered' && (synced === 'none' || synced === 'late'))
        })
      } catch (error) {
        answer(() => reject(error instanceof Error ? error : new Error(String(error))))
      }
    })
  })
}
