/** Figures of recorded runs, for docs/guarantees.md. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { machine, today } from '../../bench/machine.ts'
import { type Sum, nothing } from './hunt.ts'

export interface Figures {
  readonly date: string
  readonly machine: string
  readonly simulation: { readonly sum: Sum; readonly seconds: number; readonly found: number }
  readonly planted: {
    readonly planted: number
    readonly found: number
    readonly slowestSeconds: number
  }
}

const file = join(import.meta.dirname, '../../docs/measured/guarantees.json')

const NONE: Omit<Figures, 'date' | 'machine'> = {
  simulation: { sum: nothing(), seconds: 0, found: 0 },
  planted: { planted: 0, found: 0, slowestSeconds: 0 },
}

function read(): Omit<Figures, 'date' | 'machine'> {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Figures
  } catch {
    return NONE
  }
}

/** Takes the place of what was recorded before; `npm run generate` brings it into the page. */
export function record(change: Partial<Omit<Figures, 'date' | 'machine'>>): void {
  const figures: Figures = { ...read(), ...change, date: today(), machine: machine() }
  writeFileSync(file, `${JSON.stringify(figures, null, 2)}\n`)
}
