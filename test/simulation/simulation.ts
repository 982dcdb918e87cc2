/** Many schedules, in as many processes as there are cores to use, and what came of them. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type Sum, nothing } from './hunt.ts'
import type { RangeWord } from './range.ts'

export interface SimulationOptions {
  readonly from: number
  readonly to: number
  readonly processes: number
  readonly systematic: boolean
  readonly ms: number
  /** @param next seeds below it are done */
  readonly onProgress?: (sum: Sum, next: number) => void
  readonly onFound?: (found: NonNullable<RangeWord['found']>) => void
}

export interface SimulationResult {
  readonly sum: Sum
  /** Every seed below it is done. */
  readonly next: number
  readonly found: readonly NonNullable<RangeWord['found']>[]
}

/** Young objects of a schedule are garbage at its end: room for them saves a third of the time. */
const NODE = ['--max-semi-space-size=64', '--import', 'tsx']

export async function simulateMany(options: SimulationOptions): Promise<SimulationResult> {
  const { processes, onProgress, onFound } = options
  const parts: RangeWord[] = Array.from({ length: processes }, () => ({
    ...{ sum: nothing(), next: options.from },
  }))
  const found: NonNullable<RangeWord['found']>[] = []
  await Promise.all(
    parts.map((_, part) =>
      runPart(options, part, (word) => {
        parts[part] = word
        if (word.found !== undefined) {
          found.push(word.found)
          onFound?.(word.found)
        }
        onProgress?.(total(parts), firstLeft(parts))
      }),
    ),
  )
  // Parts take every nth seed: what is below the least of them is done in all.
  return { sum: total(parts), next: firstLeft(parts), found }
}

const firstLeft = (parts: readonly RangeWord[]): number =>
  Math.min(...parts.map(({ next }) => next))

function runPart(
  { from, to, processes, systematic, ms }: SimulationOptions,
  part: number,
  hear: (word: RangeWord) => void,
): Promise<void> {
  // JSON has no Infinity.
  const [last, most] = [to, ms].map((value) => Math.min(value, Number.MAX_SAFE_INTEGER))
  const order = { from: from + part, to: last, step: processes, systematic, ms: most }
  const script = join(import.meta.dirname, 'range.ts')
  const child = spawn(process.execPath, [...NODE, script, JSON.stringify(order)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let done = false
  createInterface({ input: child.stdout }).on('line', (line) => {
    const word = JSON.parse(line) as RangeWord
    done ||= word.done === true
    hear(word)
  })
  return new Promise((resolve, reject) => {
    child.once('close', (code) => {
      if (done && code === 0) resolve()
      else reject(new Error(`a part of the simulation ended with ${code}`))
    })
  })
}

function total(parts: readonly RangeWord[]): Sum {
  const all = nothing()
  for (const { sum } of parts)
    for (const name of Object.keys(all) as (keyof Sum)[]) all[name] += sum[name]
  return all
}
