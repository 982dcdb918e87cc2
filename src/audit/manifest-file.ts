/**
 * A manifest: a JSON line for each message, and a last one with the totals and the SHA-256 of all before it. It can be
 * kept as a receipt of deletion: whoever has it can say later what has become of the mail (`audit --against`).
 */
import { type Hash, createHash, randomBytes } from 'node:crypto'
import { closeSync, fsyncSync, lstatSync, openSync, rmSync, writeSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { z } from 'zod'
import { ConfigError, describeError } from '../errors.ts'
import { sqliteFailure } from '../ledger/sqlite-error.ts'
import { moveInto, syncDirectory } from '../private-file.ts'

/** Raised when an older maildrain would misread a manifest. */
const FORMAT = 1

const count = z.int().min(0)

const line = z.strictObject({
  /** One character a byte (latin1); null where the server has none. */
  uidl: z.string().nullable(),
  /** K; `u/…` for a message whose whole bytes were never had. */
  key: z.string(),
  /** Of the bytes that were read back where there are any, else as the ledger says; lower-case hex. */
  sha256: z.string().nullable(),
  octets: count.nullable(),
  /** Where it is at the destination. */
  position: z.string().nullable(),
  /** As the ledger has it; `gone`: deleted from the server; `forgotten`: gone long enough to have no entry any more. */
  state: z.enum(['delivered', 'deadLettered', 'kept', 'gone', 'forgotten']),
  /** What the audit found at the destination; null where nothing is to be expected. */
  found: z.enum(['verified', 'altered', 'missing']).nullable(),
})

const lastLine = z.strictObject({
  maildrainManifest: z.literal(FORMAT),
  mailbox: z.string(),
  destination: z.string(),
  /** ISO 8601 in UTC. */
  at: z.string(),
  totals: z.strictObject({
    ...{ initial: count, delivered: count, filtered: count, deadLettered: count },
    ...{ kept: count, vanished: count, missing: count, altered: count, doubled: count },
    ...{ unledgered: count, lines: count },
    // Manifests of before they were counted stay readable.
    ...{ accepted: count.default(0), missingFurther: count.default(0) },
  }),
  /** Of every byte before this line, lower-case hex. */
  sha256: z.string(),
})

export type ManifestLine = z.output<typeof line>
export type ManifestEnd = z.output<typeof lastLine>

const CHUNK_BYTES = 64 * 1024

/**
 * Whole or not at all: written beside its name, synced, linked. A file that is there is never written over: of mail that the
 * ledger has forgotten, an earlier manifest may be the only list of names.
 */
export class ManifestFile {
  readonly #path: string
  readonly #partial: string
  readonly #file: number
  readonly #hash: Hash = createHash('sha256')
  #pending: string[] = []
  #pendingLength = 0
  #lines = 0

  /** @throws ConfigError when the file is there or cannot be written, before anything has been read */
  constructor(path: string) {
    if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) throw taken(path)
    this.#path = path
    const name = `.${basename(path)}.${randomBytes(8).toString('hex')}.partial`
    this.#partial = join(dirname(path), name)
    try {
      this.#file = openSync(this.#partial, 'wx', 0o600)
    } catch (error) {
      throw new ConfigError(
        'MAILDRAIN_CONFIG_INVALID',
        `--manifest ${path} cannot be written: ${describeError(error)}`,
        { cause: error },
      )
    }
  }

  add(message: ManifestLine): void {
    const text = `${JSON.stringify(message)}\n`
    this.#pending.push(text)
    this.#pendingLength += text.length
    this.#lines += 1
    if (this.#pendingLength >= CHUNK_BYTES) this.#flush()
  }

  /**
   * Durable under its name when this resolves.
   * @throws ConfigError when a file of that name has appeared meanwhile
   */
  async finish(end: {
    readonly mailbox: string
    readonly destination: string
    readonly at: string
    readonly totals: Omit<ManifestEnd['totals'], 'lines'>
  }): Promise<void> {
    this.#flush()
    const totals = { ...end.totals, lines: this.#lines }
    const sha256 = this.#hash.digest('hex')
    this.#write(
      Buffer.from(`${JSON.stringify({ maildrainManifest: FORMAT, ...end, totals, sha256 })}\n`),
    )
    try {
      fsyncSync(this.#file)
      closeSync(this.#file)
      if ((await moveInto(this.#partial, this.#path)) !== 'placed') throw taken(this.#path)
      await syncDirectory(dirname(this.#path))
    } catch (error) {
      if (error instanceof ConfigError) throw error
      throw sqliteFailure(error, `write ${this.#path}`)
    }
  }

  /** Nothing is left of it. */
  abandon(): void {
    try {
      closeSync(this.#file)
    } catch {
      // Closed already.
    }
    rmSync(this.#partial, { force: true })
  }

  #flush(): void {
    const chunk = Buffer.from(this.#pending.join(''), 'utf8')
    this.#pending = []
    this.#pendingLength = 0
    this.#hash.update(chunk)
    this.#write(chunk)
  }

  #write(chunk: Buffer): void {
    try {
      for (let at = 0; at < chunk.length;) at += writeSync(this.#file, chunk, at)
    } catch (error) {
      throw sqliteFailure(error, `write ${this.#path}`)
    }
  }
}

const taken = (path: string): ConfigError =>
  new ConfigError(
    'MAILDRAIN_CONFIG_INVALID',
    `--manifest ${path}: there is such a file, and an earlier manifest may be all that names forgotten mail; name another file, or move it away`,
  )

/** Longer than any line of a manifest: what has longer ones is something else. */
const MAX_LINE_BYTES = 64 * 1024
const LF = 0x0a

/** Lines with their line ends. */
async function* linesOf(path: string): AsyncGenerator<Buffer> {
  const file = await open(path)
  try {
    let rest = Buffer.alloc(0)
    for await (const chunk of file.createReadStream({
      autoClose: false,
    }) as AsyncIterable<Buffer>) {
      const bytes = Buffer.concat([rest, chunk])
      let from = 0
      for (let to = bytes.indexOf(LF); to >= 0; to = bytes.indexOf(LF, from)) {
        yield bytes.subarray(from, to + 1)
        from = to + 1
      }
      rest = bytes.subarray(from)
      if (rest.length > MAX_LINE_BYTES) throw new Error('a line is too long')
    }
    if (rest.length > 0) throw new Error('its last line has no end')
  } finally {
    await file.close()
  }
}

/**
 * The last line of a manifest, after all others have been held against its hash.
 * @throws ConfigError for a file that is not a manifest, or not as it was written
 */
export async function verifyManifest(path: string): Promise<ManifestEnd> {
  const hash = createHash('sha256')
  let last: Buffer | undefined
  let lines = -1
  try {
    for await (const text of linesOf(path)) {
      if (last !== undefined) hash.update(last)
      last = Buffer.from(text)
      lines += 1
    }
    const end = lastLine.parse(JSON.parse(last?.toString('utf8') ?? ''))
    const sound = end.sha256 === hash.digest('hex') && end.totals.lines === lines
    if (!sound) throw new Error('its lines do not give the hash in its last line')
    return end
  } catch (error) {
    throw notOne(path, error)
  }
}

/** Every line but the last. To be asked after `verifyManifest`. */
export async function* manifestLines(path: string): AsyncGenerator<ManifestLine> {
  let before: Buffer | undefined
  for await (const text of linesOf(path)) {
    if (before !== undefined) yield parsed(path, before)
    before = Buffer.from(text)
  }
}

function parsed(path: string, text: Buffer): ManifestLine {
  try {
    return line.parse(JSON.parse(text.toString('utf8')))
  } catch (error) {
    throw notOne(path, error)
  }
}

function notOne(path: string, cause: unknown): ConfigError {
  const why =
    cause instanceof z.ZodError || cause instanceof SyntaxError
      ? 'a line is not one of a manifest'
      : describeError(cause)
  return new ConfigError(
    'MAILDRAIN_CONFIG_INVALID',
    `${path} is not a manifest as it was written: ${why}; name an unchanged copy`,
    { cause },
  )
}
