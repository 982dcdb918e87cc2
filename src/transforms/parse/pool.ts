/**
 * The worker threads that parse. Mail is hostile input: each message has a deadline and a heap cap, and whatever kills
 * its worker costs that message its parsed fields, never its raw bytes and never another message (G12).
 */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Clock, Timer } from '../../clock.ts'
import { MaildrainError } from '../../errors.ts'
import { readHeaderBlock } from './header-block.ts'
import type { ResolvedParseOptions } from './options.ts'
import { type ParsedFields, headersOf } from './header-fields.ts'
import { REASON } from './reasons.ts'
import type { ParseTask } from './parse-task.ts'
import { type Job, WorkerThread } from './worker-thread.ts'

const MIB = 1024 * 1024
/**
 * Messages that a thread holds. While the main thread writes a batch, 50 to 140 ms into SQLite, nobody hands out work:
 * threads that held one message each stood still for a third of the time.
 */
const PER_THREAD = 32
/** How often deadlines are looked at, milliseconds. */
const WATCH_MS = 100
/** A thread that is not ready by then will not be: loading the parser takes about half a second. */
const START_MS = 60_000
/** Threads in a row that ended before they were ready; after them the drain goes on with those that are, if any. */
const MAX_FAILED_STARTS = 3
/** What a thread ends with that got no file, no memory or no thread of the system. */
const SCARCE: ReadonlySet<string> = new Set([
  ...['EMFILE', 'ENFILE', 'EAGAIN', 'ENOMEM'],
  ...['ERR_WORKER_INIT_FAILED', 'ERR_WORKER_OUT_OF_MEMORY'],
])

/**
 * The worker as JavaScript: Node 20 runs no TypeScript, so where this file itself runs from src (the tests), the built
 * worker in dist is taken.
 */
const workerFile = import.meta.url.endsWith('.ts')
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
  readonly #file: URL
  readonly #threads: WorkerThread[] = []
  #queue: Job[] = []
  #watch: Timer | undefined
  /** The job that was found late at the last look: the next one ends its thread. */
  #late: Job | undefined
  #failedStarts = 0
  #over: MaildrainError | undefined

  constructor({ options, clock, worker = workerFile }: ParsePoolOptions) {
    this.#options = options
    this.#clock = clock
    this.#file = worker
  }

  /**
   * Parsed fields of a message; those of its headers alone when no worker could deal with it.
   * @throws MaildrainError MAILDRAIN_PARSER_NOT_STARTED when the machine gives no worker what it needs, MAILDRAIN_INTERNAL
   *   when none starts for another reason
   */
  parse(raw: Buffer): Promise<ParsedFields> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ raw, crashes: 0, resolve, reject })
      this.start()
      this.#handOut()
    })
  }

  /** Starts the threads, so that they load their parser while the mailbox is being opened. May be called again. */
  start(): void {
    if (this.#watch !== undefined || this.#over !== undefined) return
    if (!existsSync(this.#file)) {
      const file = fileURLToPath(this.#file)
      this.#fail(missing(`the file ${file} is missing: run npm run build`))
      return
    }
    while (this.#threads.length < this.#options.workers) this.#spawn()
    this.#watch = this.#clock.timer(WATCH_MS, () => this.#look())
  }

  async close(): Promise<void> {
    this.#fail(new MaildrainError('MAILDRAIN_STOPPED', 'parsing ended: run again'))
    await Promise.all(this.#threads.map((thread) => thread.end()))
  }

  #spawn(): void {
    const thread = new WorkerThread({
      file: this.#file,
      maxHeapMb: Math.floor(this.#options.maxHeapBytes / MIB),
      clock: this.#clock,
      onFree: () => this.#handOut(),
      onEnd: (cause) => this.#ended(thread, cause),
    })
    this.#threads.push(thread)
  }

  /** To whoever has least, so that all are at work. */
  #handOut(): void {
    if (this.#over !== undefined) {
      for (const job of this.#queue.splice(0)) job.reject(this.#over)
      return
    }
    let taken = 0
    for (const job of this.#queue) {
      const thread = this.#threads.reduce((a, b) => (b.jobs.length < a.jobs.length ? b : a))
      if (thread.jobs.length >= PER_THREAD) break
      thread.give(job, this.#task(job.raw))
      taken += 1
    }
    if (taken > 0) this.#queue = this.#queue.slice(taken)
  }

  #task(raw: Buffer): ParseTask {
    const { maxParseBytes } = this.#options
    const whole = raw.length <= maxParseBytes
    const source = whole ? raw : raw.subarray(0, readHeaderBlock(raw).bodyOffset)
    // The one copy: a view would take its whole backing store across, and the main thread keeps raw for the sink.
    return { bytes: new Uint8Array(source), headersOnlyAbove: whole ? null : maxParseBytes }
  }

  /**
   * A thread went down. The first of its messages was at work: after a crash it is tried once more, as that may have been
   * another thread's doing; after a missed deadline it is not. The others have had no part in it.
   */
  #ended(thread: WorkerThread, cause: Error | undefined): void {
    this.#threads.splice(this.#threads.indexOf(thread), 1)
    const [first, ...others] = thread.jobs
    this.#queue.unshift(...others)
    if (first !== undefined && this.#isInnocent(first, thread)) this.#queue.unshift(first)
    else if (first !== undefined)
      first.resolve(
        headersOf(first.raw, thread.condemned ? REASON.parserTimedOut : REASON.parserCrashed),
      )
    this.#failedStarts = thread.ready ? 0 : this.#failedStarts + 1
    if (this.#over === undefined && this.#failedStarts < MAX_FAILED_STARTS) this.#spawn()
    else if (this.#threads.length === 0) this.#fail(noWorker(cause))
    this.#handOut()
  }

  #isInnocent(job: Job, thread: WorkerThread): boolean {
    if (this.#over !== undefined || !thread.ready) return true
    if (thread.condemned !== undefined) return job !== thread.condemned
    job.crashes += 1
    return job.crashes < 2
  }

  /**
   * Ends threads whose first message takes too long. Only at the second look: an answer may have been waiting while the
   * main thread was busy itself.
   */
  #look(): void {
    const { deadlineMs } = this.#options
    let late: Job | undefined
    for (const thread of this.#threads) {
      const [first] = thread.jobs
      const limitMs = thread.ready ? deadlineMs + ((first?.raw.length ?? 0) / MIB) * 1000 : START_MS
      if (first === undefined || thread.busyMs < limitMs) continue
      late = first
      if (first !== this.#late) continue
      thread.condemned = first
      void thread.end()
    }
    this.#late = late
    this.#watch = this.#clock.timer(WATCH_MS, () => this.#look())
  }

  #fail(error: MaildrainError): void {
    this.#over ??= error
    this.#watch?.cancel()
    for (const job of [...this.#queue.splice(0), ...this.#threads.flatMap(({ jobs }) => jobs)])
      job.reject(this.#over)
  }
}

function noWorker(cause: Error | undefined): MaildrainError {
  const why = cause ? ` (${cause.message})` : ''
  const { code = '' } = (cause ?? {}) as NodeJS.ErrnoException
  if (!SCARCE.has(code))
    return missing(`its worker does not start${why}: reinstall maildrain`, cause)
  return new MaildrainError(
    'MAILDRAIN_PARSER_NOT_STARTED',
    `mail cannot be parsed, this machine gives no thread what it needs${why}: raise the limits of open files, threads and memory, and run again`,
    { cause },
  )
}

const missing = (why: string, cause?: unknown): MaildrainError =>
  new MaildrainError('MAILDRAIN_INTERNAL', `mail cannot be parsed, ${why}`, { cause })
