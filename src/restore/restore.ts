/**
 * Mail read back from a destination into files that mail programs read, byte for byte. Nothing is written that was not
 * verified first: a record whose bytes do not give its hash and key is named, not restored.
 */
import { mkdir } from 'node:fs/promises'
import { FindingList } from '../audit/findings.ts'
import { unknownMailbox } from '../audit/unknown-mailbox.ts'
import { FoundTable } from '../audit/found-table.ts'
import { type Clock, systemClock } from '../clock.ts'
import { type Logger, silentLogger } from '../logger.ts'
import type { Sink, StoredRecord } from '../sinks/sink.ts'
import { verifyRecord } from '../sinks/verify-record.ts'
import { defaultStateDir } from '../state-dir.ts'
import { type ReadingProgress, readerOf } from '../audit/reading.ts'
import { ExpectedMail } from './expected.ts'
import { Lanes } from './lanes.ts'
import { openEmlDirectory, openMaildir } from './mail-files.ts'
import type { MailWriter } from './mail-writer.ts'
import { openMbox } from './mbox-file.ts'
import { type RestoreReceipt, assertRestored } from './receipt.ts'

export interface RestoreTarget {
  /** A Maildir, one mbox file (mboxrd), or a directory of .eml files. */
  readonly format: 'maildir' | 'mbox' | 'eml'
  readonly path: string
}

export interface RestoreOptions {
  /** Mailbox id, as receipts show it: `user@host`, or what the mailbox was named. */
  readonly of: string
  /** The destination of earlier drains. It is read only, also while a drain runs. */
  readonly from: Sink
  readonly to: RestoreTarget
  /** Ends the restore; what is whole stays, and a later run goes on from there. */
  readonly signal?: AbortSignal
  readonly log?: Logger
  readonly onProgress?: (progress: ReadingProgress) => void
  /** Directory for scratch files; `$XDG_STATE_HOME/maildrain` unless given. */
  readonly stateDir?: string
  readonly clock?: Clock
}

/**
 * Restores the mail of a mailbox. May be run again at any time: what is there already is neither doubled nor torn.
 * @returns the receipt also when mail is damaged or missing: see `restoreExitCode`
 * @throws ConfigError when the destination cannot be read back or the mbox file exists, SinkError when reading or writing
 * fails
 */
export async function restore(options: RestoreOptions): Promise<RestoreReceipt> {
  const { of, from, to, log = silentLogger, clock = systemClock } = options
  const stateDir = options.stateDir ?? defaultStateDir()
  const readBack = readerOf(from)
  await mkdir(stateDir, { recursive: true, mode: 0o700 })
  const signal = options.signal ?? new AbortController().signal
  const context = { mailbox: of, stateDir, log, clock, signal }
  const writer = await openWriter(to, stateDir)
  const found = new FoundTable(stateDir)
  let expected: ExpectedMail | null = null
  try {
    expected = await ExpectedMail.of(from, context)
    const run = new Run({ options, writer, found, expected, clock })
    return await run.restore(readBack(context), signal)
  } catch (error) {
    await writer.abandon()
    throw error
  } finally {
    expected?.close()
    found.close()
  }
}

function openWriter({ format, path }: RestoreTarget, scratch: string): Promise<MailWriter> {
  if (format === 'maildir') return openMaildir(path, scratch)
  return format === 'mbox' ? openMbox(path) : openEmlDirectory(path)
}

interface RunParts {
  readonly options: RestoreOptions
  readonly writer: MailWriter
  /** Keys that were restored. */
  readonly found: FoundTable
  readonly expected: ExpectedMail | null
  readonly clock: Clock
}

class Run {
  readonly #parts: RunParts
  readonly #damaged = new FindingList()
  readonly #occupied = new FindingList()
  #records = 0
  #written = 0
  #alreadyThere = 0
  #repeated = 0
  #bytes = 0
  #bytesRead = 0

  constructor(parts: RunParts) {
    this.#parts = parts
  }

  async restore(
    records: AsyncIterable<StoredRecord>,
    signal: AbortSignal,
  ): Promise<RestoreReceipt> {
    const { options, writer, clock } = this.#parts
    const started = clock.monotonic()
    const lanes = new Lanes(writer.parallel)
    try {
      for await (const record of records) {
        signal.throwIfAborted()
        await this.#take(record, lanes)
        this.#report()
      }
    } finally {
      // Nothing is let go of while a file is being written.
      await lanes.settled()
    }
    lanes.assertNoneFailed()
    this.#assertKnown()
    await writer.finish()
    const unknown = { missing: null, missingForgotten: null }
    const missing = this.#parts.expected?.missing(this.#parts.found) ?? unknown
    return assertRestored({
      ...{ mailbox: options.of, from: options.from.destination },
      to: `${options.to.format}:${options.to.path}`,
      ...{ records: this.#records, written: this.#written, alreadyThere: this.#alreadyThere },
      ...{ repeated: this.#repeated, damaged: this.#damaged, occupied: this.#occupied, ...missing },
      ...{ bytes: this.#bytes, seconds: (clock.monotonic() - started) / 1000 },
    })
  }

  async #take(record: StoredRecord, lanes: Lanes): Promise<void> {
    const { found, writer } = this.#parts
    const { uidl, raw } = record
    const { key, why } = verifyRecord(record)
    this.#records += 1
    this.#bytesRead += raw.length
    if (why !== null) this.#damaged.add({ key, uidl, why: `at ${record.position}: ${why}` })
    else if (!found.add(key, record, null)) this.#repeated += 1
    else
      await lanes.run(raw.length, async () => {
        const written = await writer.write(key, raw)
        if (written === 'written') {
          this.#written += 1
          this.#bytes += raw.length
        } else if (written === 'alreadyThere') this.#alreadyThere += 1
        else this.#occupied.add({ key, uidl, why: 'a file with its name holds other bytes' })
      })
  }

  /** A name that nobody knows is a slip of whoever typed it, and not a mailbox without mail. */
  #assertKnown(): void {
    const { options, expected } = this.#parts
    if (this.#records > 0 || expected?.isUnknown === false) return
    throw unknownMailbox(options.of, options.from.destination)
  }

  #report(): void {
    const { options, expected: total } = this.#parts
    options.onProgress?.({
      phase: 'restoring',
      messagesTotal: Math.max(total?.messages ?? 0, this.#records),
      messagesDone: this.#records,
      bytesTotal: total && Math.max(total.bytes, this.#bytesRead),
      bytesDone: this.#bytesRead,
    })
  }
}
