/**
 * The worker threads that parse. Mail is hostile input: each message has a deadline and a heap cap, and whatever kills
 * its worker costs that message its parsed fields, never its raw bytes and never another message (G12).
 */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Piscina } from 'piscina'
import type { Clock } from '../../clock.ts'
import { MaildrainError } from '../../errors.ts'
import { readHeaderBlock } from './header-block.ts'
import type { ResolvedParseOptions } from './options.ts'
import { type ParsedFields, headersOf } from './parse-message.ts'
import { REASON } from './reasons.ts'
import type { ParseTask } from './worker.ts'

const MIB = 1024 * 1024
/** A worker that has not begun by then will not: loading the parser takes about half a second. */
const START_MS = 60_000

/**
 * The worker as JavaScript: Node 20 runs no TypeScript, so where this file itself runs from src (the tests), the built
 * worker in dist is taken.
 */
export const workerFile = import.meta.url.endsWith('.ts')
  ? new URL('../../../dist/transforms/parse/worker.js', import.meta.url)
  : new URL('./worker.js', import.meta.url)

export interface ParsePoolOptions {
  readonly options: ResolvedParseOptions
  readonly clock: Clock
  readonly worker?: URL
}

export class ParsePool {
  readonly #options: ResolvedParseOptions
  readonly #clock: Clock
  readonly #worker: URL
  #piscina: Promise<Piscina> | undefined
  readonly #waiting: (() => void)[] = []
  #running = 0
  #closed = false

  constructor({ options, clock, worker = workerFile }: ParsePoolOptions) {
    this.#options = options
    this.#clock = clock
    this.#worker = worker
  }

  /**
   * Parsed fields of a message; those of its headers alone when no worker could deal with it.
   * @throws MaildrainError MAILDRAIN_INTERNAL when no worker starts at all
   */
  async parse(raw: Buffer): Promise<ParsedFields> {
    const piscina = await (this.#piscina ??= this.#start())
    if (this.#running >= this.#options.workers)
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    this.#running += 1
    try {
      return await this.#attempt(piscina, raw, 2)
    } finally {
      this.#running -= 1
      this.#waiting.shift()?.()
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    const piscina = await this.#piscina?.catch(() => undefined)
    await piscina?.destroy()
  }

  /** A crash is tried once more, as it may have been another thread's doing; a missed deadline is not. */
  async #attempt(piscina: Piscina, raw: Buffer, tries: number): Promise<ParsedFields> {
    const outcome = await this.#run(piscina, raw)
    if (typeof outcome !== 'string') return outcome
    if (this.#closed) throw new MaildrainError('MAILDRAIN_STOPPED', 'parsing ended: run again')
    if (outcome === REASON.parserCrashed && tries > 1) return this.#attempt(piscina, raw, tries - 1)
    return headersOf(raw, outcome)
  }

  async #run(piscina: Piscina, raw: Buffer): Promise<ParsedFields | string> {
    const { maxParseBytes, deadlineMs } = this.#options
    const whole = raw.length <= maxParseBytes
    const source = whole ? raw : raw.subarray(0, readHeaderBlock(raw).bodyOffset)
    // The one copy: a view would take its whole backing store across, and the main thread keeps raw for the sink.
    const bytes = new Uint8Array(source)
    const started = new Int32Array(new SharedArrayBuffer(4))
    const task: ParseTask = { bytes, headersOnlyAbove: whole ? null : maxParseBytes, started }
    const deadline = new Deadline(this.#clock, started, deadlineMs + (bytes.length / MIB) * 1000)
    try {
      return (await piscina.run(task, {
        signal: deadline.signal,
        transferList: [bytes.buffer],
      })) as ParsedFields
    } catch {
      return deadline.signal.aborted ? REASON.parserTimedOut : REASON.parserCrashed
    } finally {
      deadline.cancel()
    }
  }

  async #start(): Promise<Piscina> {
    const { workers, maxHeapBytes } = this.#options
    const filename = fileURLToPath(this.#worker)
    if (!existsSync(filename)) throw missing(`the file ${filename} is missing: run npm run build`)
    const { Piscina: Pool } = await import('piscina')
    const piscina = new Pool({
      filename,
      minThreads: workers,
      maxThreads: workers,
      resourceLimits: { maxOldGenerationSizeMb: Math.floor(maxHeapBytes / MIB) },
    })
    // A worker that dies between tasks has no message to answer for; the pool replaces it.
    piscina.on('error', () => undefined)
    try {
      const started = new Int32Array(new SharedArrayBuffer(4))
      const task: ParseTask = { bytes: null, headersOnlyAbove: null, started }
      await piscina.run(task)
    } catch (error) {
      await piscina.destroy()
      throw missing('its worker does not start: reinstall maildrain', error)
    }
    return piscina
  }
}

const missing = (why: string, cause?: unknown): MaildrainError =>
  new MaildrainError('MAILDRAIN_INTERNAL', `mail cannot be parsed, ${why}`, { cause })

/** Counts from the moment when the worker begins, so that a new worker's start is not held against a message. */
class Deadline {
  readonly #abort = new AbortController()
  #cancel: () => void = () => undefined

  constructor(clock: Clock, started: Int32Array, ms: number) {
    const until = clock.monotonic() + START_MS
    const wait = () => {
      const begun = Atomics.load(started, 0) === 1
      const timer = clock.timer(ms, () => {
        if (begun || clock.monotonic() >= until) this.#abort.abort()
        else wait()
      })
      this.#cancel = () => timer.cancel()
    }
    wait()
  }

  get signal(): AbortSignal {
    return this.#abort.signal
  }

  cancel(): void {
    this.#cancel()
  }
}
