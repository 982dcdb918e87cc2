import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { RawMessage } from '../../src/message.ts'
import { type RestoreOptions, restore } from '../../src/restore/restore.ts'
import { restoreExitCode } from '../../src/restore/receipt.ts'
import type { Sink, StoredRecord } from '../../src/sinks/sink.ts'
import { sqlite } from '../../src/sinks/sqlite/index.ts'
import { change, fill, scratchDirectory } from '../support/filled.ts'
import { readMboxrd } from '../support/mboxrd-reader.ts'
import { MAILBOX, entryFor, rawMessage } from '../support/messages.ts'

const mail = (count: number): RawMessage[] =>
  Array.from({ length: count }, (_, n) => rawMessage(`uid-${n}`, `From here\r\n\0\xff body ${n}`))

const restored = (path: string, to: RestoreOptions['to'], more: Partial<RestoreOptions> = {}) =>
  restore({ of: MAILBOX, from: sqlite({ path }), to, stateDir: scratchDirectory(), ...more })

const hex = (bytes: readonly Buffer[]): string[] => bytes.map((each) => each.toString('hex')).sort()
const rawOf = (messages: readonly RawMessage[]): string[] => hex(messages.map(({ raw }) => raw))
const filesIn = (directory: string): string[] =>
  hex(readdirSync(directory).map((name) => readFileSync(join(directory, name))))

/** What a format has made of a path: every message in it. */
const FORMATS = {
  maildir: (path: string) => filesIn(join(path, 'new')),
  eml: filesIn,
  mbox: (path: string) => hex(readMboxrd(readFileSync(path))),
} as const

const formats = Object.keys(FORMATS) as (keyof typeof FORMATS)[]

/** A sink that gives these records and knows nothing else. */
const giving = (records: readonly StoredRecord[]): Sink =>
  Object.assign(sqlite({ path: join(scratchDirectory(), 'none.db') }), {
    async *readBack() {
      await Promise.resolve()
      yield* records
    },
  })

const stored = (message: RawMessage, change: Partial<StoredRecord> = {}): StoredRecord => {
  const { key, mailbox, uidl, sha256, raw } = message
  return { key, mailbox, uidl, sha256, raw, position: 'messages', damage: null, ...change }
}

describe.each(formats)('restoring to %s', (format) => {
  const target = () => ({ format, path: join(scratchDirectory(), 'out') })

  it('writes every message byte for byte, files private', async () => {
    const messages = mail(30)
    const path = await fill({ messages: [...messages, rawMessage('uid-1', 'x', 'bob@h')] })
    const to = target()
    const receipt = await restored(path, to)
    expect(FORMATS[format](to.path)).toEqual(rawOf(messages))
    expect(receipt).toMatchObject({
      ...{ records: 30, written: 30, alreadyThere: 0, repeated: 0, missing: { count: 0 } },
      ...{
        bytes: messages.reduce((sum, { octets }) => sum + octets, 0),
        to: `${format}:${to.path}`,
      },
    })
    expect(restoreExitCode(receipt)).toBe(0)
    const [file] = format === 'maildir' ? readdirSync(join(to.path, 'new')) : ['']
    const written =
      format === 'mbox' ? to.path : join(to.path, format === 'eml' ? '' : 'new', file!)
    if (format !== 'eml') expect(lstatSync(written).mode & 0o777).toBe(0o600)
    else expect(lstatSync(join(to.path, `${messages[0]!.key}.eml`)).mode & 0o777).toBe(0o600)
  })

  it('writes nothing that is not verified, and names it', async () => {
    const messages = mail(5)
    const path = await fill({ messages })
    change(path, "UPDATE messages SET raw = x'00' WHERE uidl = 'uid-1'")
    // Raw and hash agree, the key is another's.
    change(
      path,
      `UPDATE messages SET (raw, sha256) = (SELECT raw, sha256 FROM messages WHERE uidl = 'uid-3')
       WHERE uidl = 'uid-2'`,
    )
    const to = target()
    const receipt = await restored(path, to)
    expect(FORMATS[format](to.path)).toEqual(rawOf([messages[0]!, messages[3]!, messages[4]!]))
    expect(receipt.damaged.first.map(({ uidl }) => uidl).sort()).toEqual(['uid-1', 'uid-2'])
    expect(receipt.missing?.first.map(({ uidl }) => uidl).sort()).toEqual(['uid-1', 'uid-2'])
    expect(restoreExitCode(receipt)).toBe(8)
  })

  it('names mail that the ledger speaks of and the destination has not', async () => {
    const messages = mail(3)
    const kept = entryFor(rawMessage('uid-9', 'kept'), { state: 'kept', reason: 'filtered' })
    const gone = entryFor(rawMessage('uid-8', 'gone'), {
      state: 'gone',
      was: 'delivered',
      goneAt: 1,
    })
    const path = await fill({ messages, entries: [kept, gone] })
    change(path, "DELETE FROM messages WHERE uidl = 'uid-1'")
    const receipt = await restored(path, target())
    expect(receipt.missing?.first.map(({ uidl }) => uidl).sort()).toEqual(['uid-1', 'uid-8'])
    expect(restoreExitCode(receipt)).toBe(8)
  })

  it('writes a message once, however many records it has', async () => {
    const [one, two] = [rawMessage('uid-1', 'one'), rawMessage('uid-2', 'two')]
    const records = [stored(one), stored(one), stored(two, { key: `${two.key}.1` }), stored(two)]
    const to = target()
    const receipt = await restored('none', to, { from: giving(records) })
    expect(receipt).toMatchObject({ records: 4, written: 2, repeated: 2, missing: null })
    expect(FORMATS[format](to.path)).toEqual(rawOf([one, two]))
  })

  it('a unique-id, mailbox or key never becomes a path', async () => {
    const evil = ['../../../etc/x', '/etc/passwd', 'a:2,S', '.', '\0', 'x'.repeat(300), '..\\..']
    const messages = evil.map((uidl) => rawMessage(uidl, `of ${uidl.length}`))
    const path = await fill({ messages })
    const outside = scratchDirectory()
    const to = { format, path: join(outside, 'out') }
    // Names that a record claims, too.
    const liar = stored(rawMessage('uid', 'x'), { key: '../../liar', damage: null })
    const receipt = await restored(path, to)
    expect(receipt.written).toBe(evil.length)
    expect(FORMATS[format](to.path)).toEqual(rawOf(messages))
    expect(readdirSync(outside)).toEqual(['out'])
    if (format !== 'mbox')
      for (const name of readdirSync(join(to.path, format === 'maildir' ? 'new' : '')))
        expect(name).toMatch(/^[a-z2-7]{52}(\.eml)?$/)
    const lied = await restored(
      'none',
      { format, path: join(outside, 'two') },
      { from: giving([liar]) },
    )
    expect(lied.damaged.first[0]?.key).toBe('../../liar')
    expect(readdirSync(outside).sort()).toEqual(['out', 'two'])
  })

  it('a run that ended in the middle leaves nothing torn, and the next one goes on', async () => {
    const messages = mail(40)
    const path = await fill({ messages })
    const to = target()
    const abort = new AbortController()
    const stopped = restored(path, to, {
      signal: abort.signal,
      onProgress: ({ messagesDone }) => {
        if (messagesDone === 20) abort.abort()
      },
    })
    await expect(stopped).rejects.toThrow()
    const before = format === 'mbox' ? [] : FORMATS[format](to.path)
    if (format === 'mbox') expect(existsSync(to.path)).toBe(false)
    else expect(before.length).toBeGreaterThan(10)
    for (const raw of before) expect(rawOf(messages)).toContain(raw)
    const receipt = await restored(path, to)
    expect(receipt).toMatchObject({ written: 40 - before.length, alreadyThere: before.length })
    expect(FORMATS[format](to.path)).toEqual(rawOf(messages))
    expect(readdirSync(join(to.path, '..'))).toEqual(['out'])
  })

  it('nobody knows the mailbox: an error, and no file', async () => {
    const path = await fill({ messages: mail(1) })
    const to = target()
    const wrong = restored(path, to, { of: 'bob@mail.example' })
    await expect(wrong).rejects.toMatchObject({ code: 'MAILDRAIN_CONFIG_INVALID' })
    if (format === 'mbox') expect(existsSync(to.path)).toBe(false)
  })

  it('a directory that cannot be written: one clear error', async () => {
    const path = await fill({ messages: mail(1) })
    const inside = scratchDirectory()
    writeFileSync(join(inside, 'file'), '')
    const failed = restored(path, { format, path: join(inside, 'file', 'out') })
    await expect(failed).rejects.toMatchObject({ code: 'MAILDRAIN_SINK_REFUSED' })
  })
})

describe('restoring to a Maildir', () => {
  it('finds what a mail reader has moved, and does not write it again', async () => {
    const messages = mail(3)
    const path = await fill({ messages })
    const to = { format: 'maildir', path: scratchDirectory() } as const
    await restored(path, to)
    const [first, second] = messages
    const [fresh, cur] = [join(to.path, 'new'), join(to.path, 'cur')]
    renameSync(join(fresh, first!.key), join(cur, `${first!.key}:2,RS`))
    renameSync(join(fresh, second!.key), join(cur, second!.key))
    expect(await restored(path, to)).toMatchObject({ written: 0, alreadyThere: 3 })
    expect(readdirSync(fresh)).toEqual([messages[2]!.key])
  })

  it('leaves a file that has its name and other bytes, and says so', async () => {
    const [message] = mail(1)
    const path = await fill({ messages: [message!] })
    const to = { format: 'maildir', path: scratchDirectory() } as const
    mkdirSync(join(to.path, 'new'))
    const file = join(to.path, 'new', message!.key)
    // As long as it should be, as a file system leaves it that lost the data in a power cut.
    const torn = '\0'.repeat(message!.octets)
    writeFileSync(file, torn)
    const receipt = await restored(path, to)
    expect(receipt).toMatchObject({ written: 0, occupied: { count: 1 } })
    expect(restoreExitCode(receipt)).toBe(8)
    expect(readFileSync(file, 'latin1')).toBe(torn)
  })

  it('two runs at once: every message once and whole', async () => {
    const messages = mail(200)
    const path = await fill({ messages })
    const to = { format: 'maildir', path: scratchDirectory() } as const
    const runs = await Promise.all([restored(path, to), restored(path, to)])
    expect(runs.reduce((sum, { written }) => sum + written, 0)).toBe(200)
    expect(runs.map(({ written, alreadyThere }) => written + alreadyThere)).toEqual([200, 200])
    expect(FORMATS.maildir(to.path)).toEqual(rawOf(messages))
    expect(readdirSync(join(to.path, 'tmp'))).toEqual([])
  })

  it('removes what a killed run has left in tmp, and nothing else', async () => {
    const path = await fill({ messages: mail(1) })
    const to = { format: 'maildir', path: scratchDirectory() } as const
    mkdirSync(join(to.path, 'tmp'))
    writeFileSync(join(to.path, 'tmp', `.maildrain-maildir-${'0'.repeat(16)}.partial`), 'half')
    writeFileSync(join(to.path, 'tmp', '1700000000.M1P2.host'), 'of another program')
    await restored(path, to)
    expect(readdirSync(join(to.path, 'tmp'))).toEqual(['1700000000.M1P2.host'])
  })
})

describe('restoring to .eml files', () => {
  it('follows no symbolic link', async () => {
    const [message] = mail(1)
    const path = await fill({ messages: [message!] })
    const [directory, outside] = [scratchDirectory(), scratchDirectory()]
    symlinkSync(join(outside, 'stolen'), join(directory, `${message!.key}.eml`))
    const receipt = await restored(path, { format: 'eml', path: directory })
    expect(receipt).toMatchObject({ written: 0, occupied: { count: 1 } })
    expect(readdirSync(outside)).toEqual([])
  })
})

describe('restoring to an mbox', () => {
  it('never writes over a file', async () => {
    const path = await fill({ messages: mail(1) })
    const to = { format: 'mbox', path: join(scratchDirectory(), 'mine') } as const
    writeFileSync(to.path, 'mine')
    await expect(restored(path, to)).rejects.toMatchObject({ code: 'MAILDRAIN_CONFIG_INVALID' })
    expect(readFileSync(to.path, 'utf8')).toBe('mine')
  })

  it('nor over one that appears while it is at work', async () => {
    const path = await fill({ messages: mail(3) })
    const to = { format: 'mbox', path: join(scratchDirectory(), 'mine') } as const
    const onProgress = () => writeFileSync(to.path, 'mine')
    await expect(restored(path, to, { onProgress })).rejects.toMatchObject({
      code: 'MAILDRAIN_CONFIG_INVALID',
    })
    expect(readFileSync(to.path, 'utf8')).toBe('mine')
    expect(readdirSync(join(to.path, '..'))).toEqual(['mine'])
  })
})

it('a damaged ledger does not keep mail from being restored', async () => {
  const messages = mail(3)
  const path = await fill({ messages })
  change(path, "UPDATE ledger SET state = 'nonsense' WHERE uidl = CAST('uid-2' AS BLOB)")
  const to = { format: 'eml', path: scratchDirectory() } as const
  const receipt = await restored(path, to)
  expect(receipt).toMatchObject({ written: 3, missing: null })
  // Nobody can say that this is all.
  expect(restoreExitCode(receipt)).toBe(8)
})

describe('mail that the ledger has forgotten', () => {
  const forgotten = async (count: number) => {
    const messages = mail(10)
    const states = Object.fromEntries(
      messages.map(
        ({ uidl }) => [uidl ?? '', { state: 'gone', was: 'delivered', goneAt: 1 }] as const,
      ),
    )
    const path = await fill({ messages, states })
    const tombstones = messages.slice(0, count).map(({ key }) => key)
    await fill({ batch: { tombstones } }, path)
    return path
  }
  const to = () => ({ format: 'eml', path: scratchDirectory() }) as const

  it('is restored, and missed', async () => {
    const path = await forgotten(9)
    const whole = await restored(path, to())
    expect(whole).toMatchObject({ written: 10, missing: { count: 0 }, missingForgotten: 0 })
    expect(restoreExitCode(whole)).toBe(0)
    change(path, "DELETE FROM messages WHERE uidl IN ('uid-1', 'uid-3', 'uid-4')")
    const receipt = await restored(path, to())
    expect(receipt).toMatchObject({ written: 7, missing: { count: 0 }, missingForgotten: 3 })
    expect(restoreExitCode(receipt)).toBe(8)
  })

  it('is missed also when other mail has come in its place', async () => {
    const path = await forgotten(9)
    change(path, "DELETE FROM messages WHERE uidl = 'uid-1'")
    const stranger = rawMessage('stranger', 'x')
    const at = sqlite({ path })
    const from = Object.assign(sqlite({ path }), {
      async *readBack(context: Parameters<NonNullable<Sink['readBack']>>[0]) {
        yield stored(stranger)
        yield* at.readBack!(context)
      },
    })
    const receipt = await restored(path, to(), { from })
    expect(receipt).toMatchObject({ written: 10, missingForgotten: 1 })
    expect(restoreExitCode(receipt)).toBe(8)
  })

  it('is missed when all of it is lost, and nothing else is known of the mailbox', async () => {
    const path = await forgotten(10)
    change(path, 'DELETE FROM messages')
    const receipt = await restored(path, to())
    expect(receipt).toMatchObject({ records: 0, missingForgotten: 10 })
    expect(restoreExitCode(receipt)).toBe(8)
  })
})

it('from a destination that never had a ledger, restored is not all', async () => {
  const to = { format: 'eml', path: scratchDirectory() } as const
  const receipt = await restored('none', to, { from: giving([stored(mail(1)[0]!)]) })
  expect(receipt).toMatchObject({ written: 1, missing: null, missingForgotten: null })
  expect(restoreExitCode(receipt)).toBe(8)
})
