/**
 * A rehearsal: the drain that is planned, of a made-up mailbox like the real one on this machine, into a scratch file.
 * Neither the mailbox nor the destination is touched.
 */
import { statfsSync } from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { ConfigError } from '../../errors.ts'
import { formatBytes } from '../../observe/units.ts'
import { drain } from '../../pipeline/drain.ts'
import type { Receipt } from '../../pipeline/receipt.ts'
import { sqlite } from '../../sinks/sqlite/index.ts'
import { quitRemoves } from '../../sources/pop3/host.ts'
import { pop3 } from '../../sources/pop3/index.ts'
import { type ResolvedPop3SourceOptions, boundsOf } from '../../sources/pop3/options.ts'
import { newPlanner } from '../../sources/pop3/planner/planner.ts'
import { type Forecast, forecast } from '../../sources/pop3/survey/forecast.ts'
import type { Survey } from '../../sources/pop3/survey/survey.ts'
import type { Observers } from '../observers.ts'
import { type Twin, twinOf } from './twin.ts'

export interface RehearsalOptions extends Pick<Observers, 'log' | 'progress'> {
  readonly survey: Survey
  readonly source: ResolvedPop3SourceOptions
  /** Mailbox id of the real one. */
  readonly mailbox: string
  readonly deletion: boolean
  /** Messages at most; undefined: all. */
  readonly messages: number | undefined
  readonly maxMessageBytes: number
  /** For the scratch file; exists, and is removed afterwards. */
  readonly directory: string
  readonly signal: AbortSignal
}

export interface Rehearsal {
  /** Messages of the made-up mailbox. */
  readonly messages: number
  /** Every so many of the real ones were taken. */
  readonly step: number
  readonly receipt: Receipt
  /** Of the whole mailbox: measured, or scaled from the sample. */
  readonly seconds: number
  /** For such a drain: from nothing, and without LOGIN-DELAY. */
  readonly predictedSeconds: number
}

/** The message itself, its record as JSON and the ledger: with some room. */
const DISK_BYTES_PER_OCTET = 2

/** @throws MaildrainError as the drain does */
export async function rehearse(options: RehearsalOptions): Promise<Rehearsal> {
  const { survey, source, deletion, directory } = options
  const { last } = survey.sizes
  const step = options.messages === undefined ? 1 : Math.max(1, Math.ceil(last / options.messages))
  const { expireDays } = survey.capabilities
  const removes = quitRemoves(expireDays, source.quitDeletes, survey.quitSeen)
  const twin = twinOf(survey, { step, quitRemovesRead: removes === 'read' })
  const messages = twin.octets.length
  assertRoom(twin, directory)
  const receipt = await drainTwin(twin, options)
  const scale = messages === 0 ? 1 : survey.sizes.listed / messages
  const predicted = predictedFor(survey, { deletion, bounds: boundsOf(source) })
  return {
    ...{ messages, step, receipt, seconds: receipt.seconds * scale },
    predictedSeconds: predicted.seconds,
  }
}

function predictedFor(survey: Survey, options: Parameters<typeof forecast>[1]): Forecast {
  const capabilities = { ...survey.capabilities, loginDelaySeconds: null }
  const fresh = { ...survey, capabilities, ledger: null, planner: newPlanner() }
  return forecast(fresh, options)
}

function assertRoom({ octets }: Twin, directory: string): void {
  let needed = 0
  for (const each of octets) needed += each * DISK_BYTES_PER_OCTET
  const { bavail, bsize } = statfsSync(directory)
  if (bavail * bsize > needed) return
  throw new ConfigError(
    'MAILDRAIN_CONFIG_INVALID',
    `a rehearsal of this mailbox takes about ${formatBytes(needed)} in ${directory}, and there are ${formatBytes(bavail * bsize)}; take fewer messages by --rehearse-messages, or another directory by TMPDIR`,
  )
}

async function drainTwin(twin: Twin, options: RehearsalOptions): Promise<Receipt> {
  const { source, mailbox, deletion, directory, log, progress, signal } = options
  const { worker, port } = await startTwin(twin)
  try {
    const receipt = await drain({
      source: pop3({
        ...sessionOptions(source),
        ...{ host: '127.0.0.1', port, tls: 'none', auth: { user: 'user', password: 'secret' } },
        mailboxId: `rehearsal of ${mailbox}`,
      }),
      into: sqlite({ path: join(directory, 'rehearsal.db') }),
      ...{ deletion: deletion ? 'delete' : 'keep', stateDir: directory, log, signal },
      ...tuning(options.maxMessageBytes),
      onProgress: (update) => progress.update(update),
    })
    // A drain that is stopped comes to a good end before it is done; a rehearsal cut short has no time to tell.
    signal.throwIfAborted()
    return { ...receipt, destination: 'a scratch file' }
  } finally {
    progress.stop()
    await worker.terminate()
  }
}

/** How sessions are cut; how the real server is reached has no place here. */
const sessionOptions = (source: ResolvedPop3SourceOptions) => {
  const { sessionMessages, sessionBytes, sessionSeconds, listing, windowMessages } = source
  const { sizes, quitDeletes, utf8 } = source
  return {
    ...{ sessionMessages, listing, windowMessages, sizes, quitDeletes, utf8 },
    ...(sessionBytes === undefined ? {} : { sessionBytes }),
    ...(sessionSeconds === undefined ? {} : { sessionSeconds }),
  }
}

/** A limit above what a drain has in flight by default raises that as well. */
const tuning = (maxMessageBytes: number) => ({
  maxMessageBytes,
  // Nobody's mail is in flight.
  stopGraceMs: 0,
  ...(maxMessageBytes > 32 * 1024 * 1024 ? { maxInFlightBytes: maxMessageBytes } : {}),
})

function startTwin(twin: Twin): Promise<{ readonly worker: Worker; readonly port: number }> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./twin-worker.js', import.meta.url), { workerData: twin })
    worker.once('error', reject)
    worker.once('message', (port: number) => resolve({ worker, port }))
  })
}
