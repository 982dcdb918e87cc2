/**
 * Collects what is to be committed into batches and has one write in flight at a time. A batch closes on bytes or count,
 * or, only while no write is in flight, on linger or when the source is starved: else batcher and source would wait for
 * each other, or transactions become tiny.
 */
import type { Clock, Timer } from '../clock.ts'
import { MaildrainError } from '../errors.ts'
import type { BatchMessage } from '../sinks/sink.ts'
import type { Verdict } from './delivery.ts'

export interface BatchItem {
  /** Undefined when no entry is to be written. */
  readonly message: BatchMessage | undefined
  readonly tombstones: readonly string[]
  /** See Batch. */
  readonly host?: string
  /** See Batch. */
  readonly vanished?: number
  /** Raw octets, what the limit counts. */
  readonly bytes: number
  settle(verdict: Verdict): void
}

export interface BatcherOptions {
  /** Bytes at which a batch closes. */
  readonly maxBytes: number
  /** Messages at which a batch closes. */
  readonly maxMessages: number
  /** How long a batch waits for more, since the later of its first record and the end of the last write. */
  readonly lingerMs: number
  readonly clock: Clock
  /** Commits a batch and settles its items; a rejection ends the drain. */
  readonly write: (items: readonly BatchItem[]) => Promise<void>
  readonly onFailure: (error: unknown) => void
}

export class Batcher {
  readonly #options: BatcherOptions
  #queue: BatchItem[] = []
  #bytes = 0
  #oldest = 0
  #lastWriteEnd = -Infinity
  #writing: Promise<void> | undefined
  #timer: Timer | undefined
  #starved = false
  #hurried = false
  #failed = false

  constructor(options: BatcherOptions) {
    this.#options = options
  }

  add(item: BatchItem): void {
    if (this.#failed) {
      item.settle({ kind: 'errored', error: new Error('the drain is ending') })
      return
    }
    if (this.#queue.length === 0) this.#oldest = this.#options.clock.monotonic()
    this.#queue.push(item)
    this.#bytes += item.bytes
    this.#evaluate()
  }

  /** True while the source cannot bring more until something is committed. */
  starved(value: boolean): void {
    this.#starved = value
    if (value) this.#evaluate()
  }

  /** From now on nothing waits for more: the drain is being stopped. */
  hurry(): void {
    this.#hurried = true
    this.#evaluate()
  }

  /** The drain has failed: what waits stays uncommitted. A write that is in flight comes to its answer. */
  fail(error: unknown): void {
    if (this.#failed) return
    this.#failed = true
    this.#timer?.cancel()
    this.#timer = undefined
    for (const item of this.#queue.splice(0)) item.settle({ kind: 'errored', error })
  }

  /** Resolves when no write is in flight. */
  async settled(): Promise<void> {
    await this.#writing
  }

  /** For invariant checks: something waits, nothing is in flight, and nothing will ever move it. */
  get stuck(): boolean {
    const waiting = this.#queue.length > 0 && !this.#failed
    return waiting && this.#writing === undefined && this.#timer === undefined
  }

  #evaluate(): void {
    if (this.#writing !== undefined || this.#failed) return
    if (this.#queue.length === 0) return
    const { clock, lingerMs } = this.#options
    const due = Math.max(this.#oldest, this.#lastWriteEnd) + lingerMs
    if (this.#full() || this.#starved || this.#hurried || clock.monotonic() >= due) {
      this.#timer?.cancel()
      this.#timer = undefined
      this.#start()
      return
    }
    this.#timer ??= clock.timer(due - clock.monotonic(), () => {
      this.#timer = undefined
      this.#evaluate()
    })
  }

  #full(): boolean {
    const { maxBytes, maxMessages } = this.#options
    return this.#bytes >= maxBytes || this.#queue.length >= maxMessages
  }

  #start(): void {
    const items = this.#take()
    const write = this.#options.write(items).then(
      () => this.#ended(),
      (error: unknown) => {
        this.#writing = undefined
        this.#options.onFailure(error)
        this.fail(error)
        for (const item of items) item.settle({ kind: 'errored', error })
      },
    )
    this.#writing = write
  }

  #ended(): void {
    this.#writing = undefined
    this.#lastWriteEnd = this.#options.clock.monotonic()
    this.#evaluate()
    if (this.stuck) this.#options.onFailure(stuckError())
  }

  #take(): BatchItem[] {
    const { maxBytes, maxMessages } = this.#options
    let count = 0
    let bytes = 0
    for (const item of this.#queue) {
      if (count > 0 && (bytes + item.bytes > maxBytes || count >= maxMessages)) break
      count += 1
      bytes += item.bytes
    }
    const items = this.#queue.slice(0, count)
    this.#queue = this.#queue.slice(count)
    this.#bytes -= bytes
    this.#oldest = this.#options.clock.monotonic()
    return items
  }
}

const stuckError = (): MaildrainError =>
  new MaildrainError('MAILDRAIN_INTERNAL', 'a batch waits and nothing will ever write it')
