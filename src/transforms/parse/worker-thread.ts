/** One worker thread and the messages it holds: the first is at work, the others wait behind it. */
import { Worker } from 'node:worker_threads'
import type { Clock } from '../../clock.ts'
import type { ParsedFields } from './header-fields.ts'
import { type ParseTask, READY } from './parse-task.ts'

export interface Job {
  readonly raw: Buffer
  /** How often a thread went down while it was at work on this one. */
  crashes: number
  readonly resolve: (fields: ParsedFields) => void
  readonly reject: (error: Error) => void
}

export interface WorkerThreadOptions {
  readonly file: URL
  /** Of the JavaScript heap. */
  readonly maxHeapMb: number
  readonly clock: Clock
  /** It has answered, and can take more. */
  readonly onFree: () => void
  /** It is no more. */
  readonly onEnd: (cause: Error | undefined) => void
}

export class WorkerThread {
  readonly jobs: Job[] = []
  readonly #worker: Worker
  readonly #clock: Clock
  #ready = false
  /** When the first job began, or the start did while there is none. */
  #since: number
  /** The job on whose account the thread was ended: it took too long. Its answer may still come before the end. */
  condemned: Job | undefined

  constructor({ file, maxHeapMb, clock, onFree, onEnd }: WorkerThreadOptions) {
    this.#clock = clock
    this.#since = clock.monotonic()
    let cause: Error | undefined
    this.#worker = new Worker(file, { resourceLimits: { maxOldGenerationSizeMb: maxHeapMb } })
      .on('message', (message: typeof READY | ParsedFields) => {
        this.#since = clock.monotonic()
        if (message === READY) this.#ready = true
        else this.jobs.shift()?.resolve(message)
        onFree()
      })
      .on('error', (error) => (cause = error instanceof Error ? error : undefined))
      .once('exit', () => onEnd(cause))
  }

  /** The parser is loaded. */
  get ready(): boolean {
    return this.#ready
  }

  give(job: Job, task: ParseTask): void {
    if (this.jobs.length === 0 && this.#ready) this.#since = this.#clock.monotonic()
    this.jobs.push(job)
    this.#worker.postMessage(task, [task.bytes.buffer as ArrayBuffer])
  }

  /** Milliseconds that the first job has been at work, or that the thread has been starting. */
  get busyMs(): number {
    return this.#clock.monotonic() - this.#since
  }

  async end(): Promise<void> {
    await this.#worker.terminate()
  }
}
