/** The mailboxes of `npm run soak -- sessions`: generated once, and copied for each drain. */
import { execFile } from 'node:child_process'
import { chown, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { generateMailbox } from '../../src/testing/index.ts'
import type { MailFormat } from '../fixtures/dovecot-process.ts'
import { Maildir, mailUser } from '../fixtures/maildir.ts'
import { Mbox } from '../fixtures/mbox.ts'
import { toCrlf } from '../support/corpus.ts'
import { sha256 } from '../support/topics.ts'

const run = promisify(execFile)
/** Messages held in memory while a mailbox is filled. */
const PIECE = 500

/** How often each message is in the mailbox, by SHA-256. */
export type Expected = ReadonlyMap<string, number>

/** Where a format keeps its mail below the folder `mail`. */
const FOLDERS: Readonly<Record<MailFormat, string>> = {
  ...{ maildir: 'Maildir', mdbox: 'mdbox', mbox: 'inbox' },
}

export interface Wanted {
  readonly format: MailFormat
  readonly messages: number
}

export class Mailboxes {
  readonly #store: string

  /** @param store folder for what was generated; it may be there from an earlier piece */
  constructor(store: string) {
    this.#store = store
  }

  /** @param directory of a Dovecot that has not been asked for this mail yet */
  async copy(wanted: Wanted, directory: string): Promise<Expected> {
    const mail = join(directory, 'mail')
    const { format } = wanted
    // Dovecot renames and unlinks the files of a Maildir and never writes into one, so that links will do.
    if (format === 'maildir') return this.#linkMaildir(wanted, mail)
    if (format === 'mbox') return this.#mbox(wanted, mail)
    return this.#mdbox(wanted, directory)
  }

  async remove(): Promise<void> {
    await rm(this.#store, { recursive: true, force: true })
  }

  async #linkMaildir(wanted: Wanted, mail: string): Promise<Expected> {
    const expected = await this.#once({ ...wanted, format: 'maildir' }, async (folder) => {
      const maildir = await Maildir.make(folder)
      return fill(wanted, async (some) => {
        for (const bytes of some) await maildir.add(bytes)
        return some
      })
    })
    const from = join(this.#of({ ...wanted, format: 'maildir' }), FOLDERS.maildir)
    const to = join(mail, FOLDERS.maildir)
    await rm(to, { recursive: true, force: true })
    await run('cp', ['-al', from, to]).catch(async () => {
      // The store is on another file system.
      await rm(to, { recursive: true, force: true })
      await run('cp', ['-a', from, to])
    })
    return expected
  }

  async #mbox(wanted: Wanted, mail: string): Promise<Expected> {
    const expected = await this.#once(wanted, async (folder) => {
      const mbox = await Mbox.make(folder, FOLDERS.mbox)
      return fill(wanted, async (some) => {
        const fitting = some.filter(fitsMbox)
        await mbox.add(fitting)
        return fitting.map(quoted)
      })
    })
    await run('cp', ['-a', join(this.#of(wanted), FOLDERS.mbox), join(mail, FOLDERS.mbox)])
    return expected
  }

  async #mdbox(wanted: Wanted, directory: string): Promise<Expected> {
    const mail = join(directory, 'mail')
    const expected = await this.#once(wanted, async (folder) => {
      const same = await this.#linkMaildir(wanted, mail)
      await intoMdbox(directory, mail)
      await run('mv', [join(mail, FOLDERS.mdbox), folder])
      return same
    })
    await run('cp', ['-a', join(this.#of(wanted), FOLDERS.mdbox), mail])
    return expected
  }

  #of({ format, messages }: Wanted): string {
    return join(this.#store, `${format}-${messages}`)
  }

  /** What was not filled to its end has no list of hashes, and is made anew. */
  async #once(wanted: Wanted, make: (folder: string) => Promise<Expected>): Promise<Expected> {
    const folder = this.#of(wanted)
    const list = `${folder}.json`
    const text = await readFile(list, 'utf8').catch(() => undefined)
    if (text !== undefined) return new Map(JSON.parse(text) as [string, number][])
    await rm(folder, { recursive: true, force: true })
    await mkdir(folder, { recursive: true })
    const expected = await make(folder)
    await writeFile(list, JSON.stringify([...expected]))
    return expected
  }
}

/** @param add stores what it can, and returns it as POP3 will give it */
async function fill(
  { messages }: Wanted,
  add: (some: readonly Buffer[]) => Promise<readonly Buffer[]>,
): Promise<Expected> {
  // Some more than are wanted: a format may not bear each.
  const mailbox = generateMailbox({ messages: messages * 2, seed: 1, profile: 'small' })
  const expected = new Map<string, number>()
  let count = 0
  for (let next = 0; count < messages; next += PIECE) {
    const some = Array.from({ length: Math.min(PIECE, messages - count) }, (_, i) =>
      toCrlf(mailbox.message(next + i).read()),
    )
    for (const bytes of await add(some)) {
      const hash = sha256(bytes)
      expected.set(hash, (expected.get(hash) ?? 0) + 1)
      count += 1
    }
  }
  return expected
}

/** An mbox marks lines that look like its separators, and nothing takes the mark off again. */
const quoted = (bytes: Buffer): Buffer =>
  Buffer.from(bytes.toString('latin1').replace(/^From /gm, '>From '), 'latin1')

/** A message of headers alone gets an empty line in an mbox: 4 of 2,000. */
const fitsMbox = (bytes: Buffer): boolean => bytes.includes('\r\n\r\n')

async function intoMdbox(directory: string, mail: string): Promise<void> {
  const mdbox = join(mail, FOLDERS.mdbox)
  await mkdir(mdbox)
  await chown(mdbox, mailUser.uid, mailUser.gid)
  const args = ['-c', join(directory, 'conf'), 'backup', '-R', `maildir:${mail}/Maildir`]
  // As the mail's owner and without -u: no question to the user database.
  await run('doveadm', args, {
    ...mailUser,
    env: { ...process.env, USER: 'user', HOME: join(directory, 'home') },
  })
  await rm(join(mail, FOLDERS.maildir), { recursive: true })
}
