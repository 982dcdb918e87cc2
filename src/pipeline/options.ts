/** Options of a drain that concern neither source nor sink, declared once. */
import { z } from 'zod'

const MiB = 1024 * 1024
const DAY_SECONDS = 24 * 60 * 60

export const drainTuning = z.strictObject({
  maxInFlightBytes: z
    .int()
    .min(1 * MiB)
    .max(4096 * MiB)
    .default(32 * MiB)
    .describe('Raw bytes in flight between server and destination; credit is taken before RETR.'),
  maxMessageBytes: z
    .int()
    .min(1)
    .default(24 * MiB)
    .describe('Raw octets above which a message is not asked for, and kept on the server.'),
  batchMaxMessages: z
    .int()
    .min(1)
    .max(10_000)
    .default(500)
    .describe('Messages after which a batch is committed.'),
  lingerMs: z
    .int()
    .min(0)
    .default(200)
    .describe('Milliseconds that a batch waits for more while nothing is being written.'),
  sinkPatienceMs: z
    .int()
    .min(0)
    .default(600_000)
    .describe('Milliseconds that an outage of the destination is waited out in the middle.'),
  stopGraceMs: z
    .int()
    .min(0)
    .default(10_000)
    .describe(
      'Milliseconds that a stop may take: what was read becomes durable and is deleted; 0: everything is closed at once.',
    ),
})

export const watchTuning = z.strictObject({
  pollSeconds: z
    .number()
    .positive()
    .max(DAY_SECONDS)
    .default(60)
    .describe('Seconds between polls while mail comes; a tenth more or less by chance.'),
  maxPollSeconds: z
    .number()
    .positive()
    .max(DAY_SECONDS)
    .default(900)
    .describe('Seconds between polls at most: while nothing comes each pause is twice the last.'),
})

export interface WatchTuning extends z.input<typeof watchTuning> {}
export type ResolvedWatchTuning = z.output<typeof watchTuning>

export interface DrainTuning extends z.input<typeof drainTuning> {}
export type ResolvedDrainTuning = z.output<typeof drainTuning>
