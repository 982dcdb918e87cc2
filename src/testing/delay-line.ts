/** One direction of a long line: octets arrive in order, each so many milliseconds after it was sent. */
import type { Socket } from 'node:net'
import type { Verdict } from './line-fault.ts'

interface Waiting {
  readonly due: number
  /** Null: the end. */
  readonly chunk: Buffer | null
}

/** What the end of a long line may do to what arrives. */
export interface LineEnd {
  readonly judge: (chunk: Buffer) => Verdict
  /** Called when what was let through before the fault is on its way. */
  readonly strike: () => void
}

/** Octets on the way at most: what the windows of a long line hold. */
const MAX_ON_THE_WAY = 8 * 1024 * 1024

export class DelayLine {
  readonly #from: Socket
  readonly #to: Socket
  readonly #delayMs: number
  readonly #end: LineEnd | undefined
  readonly #waiting: Waiting[] = []
  #octets = 0
  #held = false
  #full = false
  #struck = false
  #timer: NodeJS.Timeout | undefined
  /** Octets that have arrived. */
  passed = 0

  constructor(from: Socket, to: Socket, delayMs: number, end?: LineEnd) {
    this.#from = from
    this.#to = to
    this.#delayMs = delayMs
    this.#end = end
    from.on('data', (chunk: Buffer) => this.#take(chunk)).once('end', () => this.#take(null))
    to.on('drain', () => {
      this.#full = false
      this.#move()
    }).once('close', () => clearTimeout(this.#timer))
  }

  /** While held nothing moves. */
  hold(held: boolean): void {
    this.#held = held
    this.#move()
  }

  #take(chunk: Buffer | null): void {
    this.#waiting.push({ due: performance.now() + this.#delayMs, chunk })
    this.#octets += chunk?.length ?? 0
    if (this.#octets > MAX_ON_THE_WAY) this.#from.pause()
    this.#move()
  }

  #move(): void {
    clearTimeout(this.#timer)
    while (!this.#held && !this.#full && !this.#to.destroyed) {
      const next = this.#waiting[0]
      if (next === undefined) break
      const early = next.due - performance.now()
      if (early > 0) {
        this.#timer = setTimeout(() => this.#move(), Math.ceil(early))
        break
      }
      this.#waiting.shift()
      this.#pass(next.chunk)
    }
    if (this.#octets <= MAX_ON_THE_WAY && this.#from.isPaused()) this.#from.resume()
  }

  #pass(chunk: Buffer | null): void {
    this.#octets -= chunk?.length ?? 0
    if (this.#struck) return
    if (chunk === null) {
      this.#to.end()
      return
    }
    const { octets, strikes } = this.#end?.judge(chunk) ?? { octets: chunk.length, strikes: false }
    this.passed += octets
    this.#struck = strikes
    this.#full = !this.#to.write(chunk.subarray(0, octets), strikes ? this.#end?.strike : undefined)
  }
}
