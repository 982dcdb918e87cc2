/** Mail as files of a directory, one a message, named by its key: Maildir, or .eml files. */
import { mkdir, opendir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { SqliteDatabase } from '../ledger/sqlite-database.ts'
import type { MailWriter, Written } from './mail-writer.ts'
import { failing, lookFor, placeWhole, removePartials, syncDirectory } from '../private-file.ts'

/** Enough for the disk to sync several files at once. */
const PARALLEL = 8

interface Layout {
  /** Where whole files appear. */
  readonly into: string
  /** Where they lie until they are whole. */
  readonly partials: { readonly directory: string; readonly of: string }
  readonly suffix: string
  /** Another name under which a mail reader may have put the message. */
  readonly elsewhere: (key: string) => string | null
  readonly close: () => void
}

/** One file a message, `K.eml`, mode 0600. */
export async function openEmlDirectory(path: string): Promise<MailWriter> {
  await failing(`make the directory ${path}`, () => makeDirectory(path))
  await failing(`tidy up ${path}`, () => removePartials(path, 'eml'))
  const nowhere = { elsewhere: () => null, close: () => undefined }
  return mailFiles({
    into: path,
    partials: { directory: path, of: 'eml' },
    suffix: '.eml',
    ...nowhere,
  })
}

/**
 * A Maildir: each message is written in `tmp` and linked into `new`, under its key. What a mail reader has moved to `cur`
 * is there already.
 * @param scratch directory for the names in `cur`
 */
export async function openMaildir(path: string, scratch: string): Promise<MailWriter> {
  const [tmp, fresh, cur] = [join(path, 'tmp'), join(path, 'new'), join(path, 'cur')]
  for (const each of [path, tmp, fresh, cur])
    await failing(`make the directory ${each}`, () => makeDirectory(each))
  await failing(`tidy up ${tmp}`, () => removePartials(tmp, 'maildir'))
  const seen = await failing(`list ${cur}`, () => namesIn(cur, scratch))
  return mailFiles({
    ...seen,
    into: fresh,
    partials: { directory: tmp, of: 'maildir' },
    suffix: '',
  })
}

/** Private unless it is there already, and as durable as what will be in it. */
async function makeDirectory(path: string): Promise<void> {
  const made = await mkdir(path, { recursive: true, mode: 0o700 })
  if (made !== undefined) await syncDirectory(dirname(made))
}

/** K, and what Maildir puts behind the colon of a message that was looked at. */
const MOVED = /^([a-z2-7]{52})(?::.*)?$/

/** On disk, as a Maildir may hold millions. */
async function namesIn(cur: string, scratch: string): Promise<Pick<Layout, 'elsewhere' | 'close'>> {
  const database = SqliteDatabase.openScratch(scratch)
  try {
    database.exec('CREATE TABLE moved (key TEXT PRIMARY KEY, name TEXT NOT NULL); BEGIN IMMEDIATE')
    const insert = database.prepare('INSERT OR REPLACE INTO moved VALUES (?, ?)')
    for await (const { name } of await opendir(cur)) {
      const key = MOVED.exec(name)?.[1]
      if (key !== undefined) insert.run([key, name])
    }
  } catch (error) {
    database.close()
    throw error
  }
  const find = database.prepare('SELECT name FROM moved WHERE key = ?')
  const elsewhere = (key: string): string | null => {
    const name = find.row([key])?.[0]
    return typeof name === 'string' ? join(cur, name) : null
  }
  return { elsewhere, close: () => database.close() }
}

function mailFiles({ into, partials, suffix, elsewhere, close }: Layout): MailWriter {
  const write = async (key: string, raw: Buffer): Promise<Written> => {
    const moved = elsewhere(key)
    if (moved !== null && (await lookFor(moved, raw)) === 'same') return 'alreadyThere'
    const path = join(into, `${key}${suffix}`)
    for (;;) {
      const found = await lookFor(path, raw)
      if (found !== 'nothing') return found === 'same' ? 'alreadyThere' : 'occupied'
      if ((await placeWhole(path, raw, partials)) === 'placed') return 'written'
    }
  }
  return {
    parallel: PARALLEL,
    write: (key, raw) => failing(`write ${join(into, `${key}${suffix}`)}`, () => write(key, raw)),
    async finish() {
      close()
      await failing(`sync ${into}`, () => syncDirectory(into))
    },
    async abandon() {
      close()
      await removePartials(partials.directory, partials.of).catch(() => undefined)
    },
  }
}
