/**
 * What a session costs on this server, fitted to the last ones. Before there are any: Dovecot 2.3 on Maildir, 144,524
 * messages of 4 KB on ext4 (docs/measured), and maildrain's own reading.
 */
import { type Prior, fit } from './fit.ts'
import { doubtfulDeleteMs } from './quit.ts'
import type { PlannerState } from './state.ts'

/** Connecting and logging in on the same machine; a network adds round trips. */
const OPEN: Prior = { value: 20, weight: 0.05 }
/** 0.61–0.67 s warm at 144,524 messages. */
const OPEN_MESSAGE: Prior = { value: 4.4e-3, weight: 0.01 }
/** 2,000 messages of 56 KB from Dovecot into SQLite in 8 s with the start of Node. */
const READ_MESSAGE: Prior = { value: 0.35, weight: 0.05 }
const READ_OCTET: Prior = { value: 4e-5, weight: 0.05 }
/** Mean of the mixed mail of the benchmarks. */
const MESSAGE_OCTETS = 56_000

export interface Cost {
  /** From connecting to the answer of STAT, ms. */
  openMs(messages: number): number
  /** From the first DELE to the reply to QUIT, ms: the part that the number of DELEs does not change. */
  rewriteMs(left: number): number
  /** ms a DELE. */
  readonly deleteMs: number
  /** The same, if QUIT took so long for nothing else; null once the number of DELEs has varied enough to know better. */
  readonly doubtfulDeleteMs: number | null
  /** ms a message of that many octets. */
  readMs(octets: number): number
  /** Mean of what was read. */
  readonly octetsPerMessage: number
}

/** Shorter times are noise, ms. */
const atLeast = (ms: number): number => Math.max(ms, 0.1)

/** @param opened an opening of which nothing else is known yet */
export function costOf(
  { samples, quit: [quit, deleteMs, left] }: PlannerState,
  opened?: { readonly messages: number; readonly openMs: number },
): Cost {
  const openings = samples.map(([messages, openMs]) => ({ messages, openMs }))
  if (opened !== undefined) openings.push(opened)
  const [open = 0, openMessage = 0] = fit(
    openings.map(({ messages, openMs }) => ({ x: [1, messages], y: atLeast(openMs) })),
    [OPEN, OPEN_MESSAGE],
  )
  const [readMessage = 0, readOctet = 0] = fit(
    samples.map(([, , read, octets, readMs]) => ({ x: [read, octets], y: atLeast(readMs) })),
    [READ_MESSAGE, READ_OCTET],
  )
  const read = samples.reduce((sum, sample) => sum + sample[2], 0)
  const readOctets = samples.reduce((sum, sample) => sum + sample[3], 0)
  return {
    openMs: (messages) => open + openMessage * messages,
    rewriteMs: (messages) => quit + left * messages,
    deleteMs,
    doubtfulDeleteMs: doubtfulDeleteMs(samples),
    // Nothing is free: what is divided by this stays finite.
    readMs: (octets) => Math.max(1e-4, readMessage + readOctet * octets),
    octetsPerMessage: Math.max(1, read > 0 ? readOctets / read : MESSAGE_OCTETS),
  }
}
