/**
 * Mutates what is interesting, keeps what is new: an input that runs a block of the parser for the first time, or whose
 * replies end in a way not seen yet.
 */
import { BlockCoverage } from './coverage.ts'
import { Chance, mutate } from './mutate.ts'

/** Inputs between two looks at the coverage, more while nothing is new: a look takes as long as 30 inputs. */
const FEWEST = 128
const MOST = 4096

export interface Failure {
  readonly input: Buffer
  readonly error: string
}

/** @returns what kinds of thing happened; throws for what must not happen */
export type Execute = (input: Buffer) => readonly string[]

export class Fuzzer {
  readonly #execute: Execute
  readonly #coverage = new BlockCoverage()
  readonly #chance: Chance
  readonly #features = new Set<string>()
  readonly #blocks = new Set<string>()
  readonly corpus: Buffer[] = []
  /** Seeds are not counted. */
  executions = 0
  #batchSize = FEWEST
  failure: Failure | undefined
  /** Milliseconds of the slowest batch. */
  slowestMs = 0

  /** @param inputs to begin with: seeds, and what earlier runs have found */
  constructor(execute: Execute, inputs: readonly Buffer[], seed: number) {
    this.#execute = execute
    this.#chance = new Chance(seed)
    for (const input of inputs) this.#try(input)
    this.#news()
    this.corpus.push(...inputs)
  }

  /** Blocks of the parser that have run. */
  get blocks(): number {
    return this.#blocks.size
  }

  /** Kinds of thing that have happened. */
  get features(): number {
    return this.#features.size
  }

  /** Runs until so many executions are done, the time is over, or something must not have happened. */
  run(limit: { readonly executions: number; readonly until: number }): void {
    // Errors of refused input are made by the million; capturing their stacks takes half of the time.
    const { stackTraceLimit } = Error
    Error.stackTraceLimit = 0
    while (this.executions < limit.executions && this.failure === undefined) {
      const begin = performance.now()
      if (begin >= limit.until) break
      this.#batch()
      this.slowestMs = Math.max(this.slowestMs, performance.now() - begin)
    }
    Error.stackTraceLimit = stackTraceLimit
  }

  close(): void {
    this.#coverage.close()
  }

  #batch(): void {
    const inputs: Buffer[] = []
    for (let count = 0; count < this.#batchSize && this.failure === undefined; count += 1) {
      // What was found last is tried more often: it has been mutated least.
      const recent =
        this.#chance.below(2) === 0 ? Math.min(this.corpus.length, 32) : this.corpus.length
      const parent = this.corpus[this.corpus.length - 1 - this.#chance.below(recent)]
      if (parent === undefined) return
      const input = mutate(parent, this.corpus, this.#chance)
      inputs.push(input)
      if (this.#try(input)) this.#keep(input)
    }
    this.executions += inputs.length
    const fresh = this.#news()
    this.#batchSize = fresh.size > 0 ? FEWEST : Math.min(MOST, this.#batchSize * 2)
    if (fresh.size > 0) this.#keepRunners(fresh, inputs)
  }

  /** Blocks that have run since the last look, and never before. */
  #news(): Set<string> {
    const fresh = new Set<string>()
    for (const block of this.#coverage.look()) {
      if (this.#blocks.has(block)) continue
      this.#blocks.add(block)
      fresh.add(block)
    }
    return fresh
  }

  /** Which inputs of the batch ran these blocks shows when they run again: half by half, because a look is dear. */
  #keepRunners(blocks: Set<string>, inputs: readonly Buffer[]): void {
    if (blocks.size === 0) return
    for (const input of inputs) this.#try(input)
    const ran = new Set([...this.#coverage.look()].filter((block) => blocks.has(block)))
    const [first] = inputs
    if (ran.size === 0 || first === undefined) return
    if (inputs.length === 1) {
      this.#keep(first)
      for (const block of ran) blocks.delete(block)
      return
    }
    const half = inputs.length >> 1
    this.#keepRunners(blocks, inputs.slice(0, half))
    this.#keepRunners(blocks, inputs.slice(half))
  }

  #keep(input: Buffer): void {
    this.corpus.push(Buffer.from(input))
  }

  /** Has something happened that has not before? */
  #try(input: Buffer): boolean {
    const before = this.#features.size
    try {
      for (const feature of this.#execute(input)) this.#features.add(feature)
    } catch (error) {
      this.failure ??= { input, error: this.#explain(input, error) }
    }
    return this.#features.size > before
  }

  /** Once more, with a stack. */
  #explain(input: Buffer, error: unknown): string {
    Error.stackTraceLimit = 10
    try {
      this.#execute(input)
    } catch (again) {
      return again instanceof Error ? (again.stack ?? again.message) : String(again)
    }
    return `only the first time: ${String(error)}`
  }
}
