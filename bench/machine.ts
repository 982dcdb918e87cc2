/** What a figure was measured on, without names of hosts or paths. */
import { cpus, totalmem, type as systemType } from 'node:os'

export function machine(): string {
  const cores = cpus().length
  const memory = Math.round(totalmem() / 2 ** 30)
  return `${cores} cores, ${memory} GiB, ${systemType()}, Node ${process.version.slice(1)}`
}

export const today = (): string => new Date().toISOString().slice(0, 10)
