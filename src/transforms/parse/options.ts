/** Options of the parse stage, declared once. */
import { availableParallelism } from 'node:os'
import { z } from 'zod'

const MIB = 1024 * 1024

export const parseOptions = z.strictObject({
  workers: z
    .int()
    .min(1)
    .max(16)
    .optional()
    .describe('Worker threads that parse; by default one less than there are processors, 1 to 4'),
  deadlineMs: z
    .int()
    .min(100)
    .default(5000)
    .describe('Time in a worker for one message, plus one second for each MiB of it'),
  maxParseBytes: z
    .int()
    .min(0)
    .default(16 * MIB)
    .describe('Above this many raw bytes only the headers of a message are parsed'),
  maxHeapBytes: z
    .int()
    .min(64 * MIB)
    .default(512 * MIB)
    .describe('JavaScript heap of each worker; a message that needs more is recorded as failed'),
})

export interface ParseOptions extends z.input<typeof parseOptions> {}

export type ResolvedParseOptions = z.output<typeof parseOptions> & { readonly workers: number }

/** One processor is left to the network and the sink. */
export const defaultWorkers = (): number => Math.min(4, Math.max(1, availableParallelism() - 1))
