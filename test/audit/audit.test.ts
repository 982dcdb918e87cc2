import { createHash } from 'node:crypto'
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type AuditOptions, audit, auditAgainst } from '../../src/audit/audit.ts'
import { type AuditReport, auditExitCode } from '../../src/audit/report.ts'
import type { LedgerEntry } from '../../src/ledger/ledger.ts'
import type { RawMessage } from '../../src/message.ts'
import type { Sink, StoredRecord } from '../../src/sinks/sink.ts'
import { sqlite } from '../../src/sinks/sqlite/index.ts'
import { change, fill, scratchDirectory } from '../support/filled.ts'
import { MAILBOX, entryFor, rawMessage } from '../support/messages.ts'
import { sinkContext } from '../support/sinks.ts'

const mail = (count: number): RawMessage[] =>
  Array.from({ length: count }, (_, n) => rawMessage(`uid-${n}`, `body ${n}`))

const audited = (
  path: string,
  more: Partial<AuditOptions> & { readonly manifest?: string } = {},
): Promise<AuditReport> =>
  audit({ of: MAILBOX, at: sqlite({ path }), stateDir: scratchDirectory(), ...more })

const SUM = ['initial', 'delivered', 'filtered', 'deadLettered', 'kept', 'vanished'] as const

const balanceOf = (report: AuditReport): number[] => SUM.map((name) => report[name])

const WRONG = ['missing', 'altered', 'doubled', 'unledgered'] as const

/** Unique-ids by what is wrong with them. */
const wrongIn = (report: AuditReport): Record<string, (string | null)[]> =>
  Object.fromEntries(
    WRONG.flatMap((name) =>
      report[name].count === 0 ? [] : [[name, report[name].first.map(({ uidl }) => uidl).sort()]],
    ),
  )

/** Entries of every state, beside three messages that are delivered. */
const entries = [
  entryFor(rawMessage('filtered', 'a'), { state: 'kept', reason: 'filtered' }),
  entryFor(rawMessage('oversize', 'b'), { state: 'kept', reason: 'oversize' }),
  entryFor(rawMessage('dead', 'c'), { state: 'deadLettered' }),
  entryFor(rawMessage('gone filtered', 'd'), {
    state: 'gone',
    was: 'kept',
    reason: 'filtered',
    goneAt: 1,
  }),
]

/** A destination that adds up, with entries in every state. */
async function sound(): Promise<{ path: string; messages: RawMessage[] }> {
  const messages = mail(3)
  const states = {
    'uid-0': { state: 'gone', was: 'delivered', goneAt: 1 },
    'uid-1': { state: 'kept', reason: 'undeletable' },
  } as const
  const path = await fill({ messages, states, entries, batch: { vanished: 2 } })
  return { path, messages }
}

describe('an audit', () => {
  it('adds up: each message is accounted for once', async () => {
    const { path } = await sound()
    const report = await audited(path)
    expect(wrongIn(report)).toEqual({})
    expect(balanceOf(report)).toEqual([9, 3, 2, 1, 1, 2])
    expect(report).toMatchObject({ addsUp: true, records: 3, entries: 7, gone: 2, forgotten: 0 })
    expect(auditExitCode(report)).toBe(0)
  })

  it('mail that the ledger has forgotten since it was gone is explained by its number', async () => {
    const { path, messages } = await sound()
    await fill({ entries: [], batch: { tombstones: [messages[0]!.key] } }, path)
    const report = await audited(path)
    expect(wrongIn(report)).toEqual({})
    expect(report).toMatchObject({ addsUp: true, initial: 9, delivered: 3, forgotten: 1 })
    change(path, "DELETE FROM messages WHERE uidl = 'uid-0'")
    const later = await audited(path)
    expect(later).toMatchObject({ addsUp: false, missingForgotten: 1, missing: { count: 0 } })
    expect(auditExitCode(later)).toBe(8)
  })

  it.each([
    ['a deleted row', "DELETE FROM messages WHERE uidl = 'uid-0'", { missing: ['uid-0'] }],
    [
      'altered bytes',
      "UPDATE messages SET raw = CAST('x' AS BLOB) WHERE uidl = 'uid-1'",
      { altered: ['uid-1'] },
    ],
    [
      'altered bytes with their hash',
      `UPDATE messages SET raw = CAST('x' AS BLOB),
         sha256 = '${createHash('sha256').update('x').digest('hex')}' WHERE uidl = 'uid-1'`,
      { altered: ['uid-1'] },
    ],
    [
      'another unique-id',
      "UPDATE messages SET uidl = 'uid-7' WHERE uidl = 'uid-1'",
      { altered: ['uid-7'] },
    ],
    [
      'another key',
      "UPDATE messages SET key = 'x' WHERE uidl = 'uid-1'",
      { missing: ['uid-1'], altered: ['uid-1'] },
    ],
    [
      'a deleted ledger entry',
      "DELETE FROM ledger WHERE uidl = CAST('uid-2' AS BLOB)",
      { unledgered: ['uid-2'] },
    ],
  ])('names %s', async (_, sql, expected) => {
    const { path } = await sound()
    change(path, sql)
    const report = await audited(path)
    expect(wrongIn(report)).toEqual(expected)
    expect(report.addsUp).toBe(false)
    expect(auditExitCode(report)).toBe(8)
  })

  it.each<[string, Partial<LedgerEntry>, object]>([
    ['a ledger entry with another hash', { sha256: '0'.repeat(64) }, { altered: ['uid-2'] }],
    [
      'a record of a message that is not delivered',
      { state: 'kept', reason: 'filtered' },
      { unledgered: ['uid-2'] },
    ],
  ])('names %s', async (_, says, expected) => {
    const { path, messages } = await sound()
    await fill({ entries: [entryFor(messages[2]!, says)] }, path)
    const report = await audited(path)
    expect(wrongIn(report)).toEqual(expected)
    expect(auditExitCode(report)).toBe(8)
  })

  it('a ledger that is damaged cannot be held against anything', async () => {
    const { path } = await sound()
    change(path, "UPDATE ledger SET state = 'kept' WHERE uidl = CAST('uid-2' AS BLOB)")
    await expect(audited(path)).rejects.toMatchObject({ code: 'MAILDRAIN_LEDGER_DAMAGED' })
  })

  it('an entry of kept mail is lost: nothing can be named, and it does not add up', async () => {
    const { path } = await sound()
    change(path, "DELETE FROM ledger WHERE uidl = CAST('oversize' AS BLOB)")
    const report = await audited(path)
    expect(wrongIn(report)).toEqual({})
    expect(report.addsUp).toBe(false)
    expect(report.initial).toBe(
      balanceOf(report)
        .slice(1)
        .reduce((a, b) => a + b) + 1,
    )
  })

  it('a ledger that was made anew from the mail adds up again', async () => {
    const { path } = await sound()
    change(path, "DELETE FROM ledger WHERE uidl = CAST('uid-2' AS BLOB)")
    expect(wrongIn(await audited(path))).toEqual({ unledgered: ['uid-2'] })
    const sink = sqlite({ path })
    await sink.open(sinkContext({ rebuildLedger: true }))
    await sink.close()
    expect(await audited(path)).toMatchObject({ addsUp: true, initial: 9, delivered: 3 })
  })

  it('names a message that is there twice', async () => {
    const { path, messages } = await sound()
    const at = sqlite({ path })
    const doubled = Object.assign(sqlite({ path }), {
      async *readBack(context: Parameters<NonNullable<Sink['readBack']>>[0]) {
        let first: StoredRecord | undefined
        for await (const record of at.readBack!(context)) {
          first ??= record
          yield record
        }
        yield first!
      },
    })
    const report = await audited(path, { at: doubled })
    expect(wrongIn(report)).toEqual({ doubled: ['uid-0'] })
    expect(report.doubled.first[0]?.key).toBe(messages[0]!.key)
    expect(report).toMatchObject({ initial: 9, delivered: 3, addsUp: false })
  })

  it('further records of a message are no further messages', async () => {
    const { path, messages } = await sound()
    const { key } = messages[0]!
    change(
      path,
      `INSERT INTO messages SELECT '${key}.1', mailbox, uidl, sha256, octets, subject, sent_at, message_id,
         from_address, parse_status, raw, record FROM messages WHERE key = '${key}'`,
    )
    expect(await audited(path)).toMatchObject({ addsUp: true, records: 4, delivered: 3 })
  })

  it('notices a drain that writes meanwhile', async () => {
    const { path } = await sound()
    const at = sqlite({ path })
    const busy = Object.assign(sqlite({ path }), {
      async *readBack(context: Parameters<NonNullable<Sink['readBack']>>[0]) {
        yield* at.readBack!(context)
        await fill({ messages: [rawMessage('new', 'new')] }, path)
      },
    })
    await expect(audited(path, { at: busy })).rejects.toMatchObject({
      code: 'MAILDRAIN_SINK_UNREACHABLE',
    })
  })

  it('reports how far it is', async () => {
    const { path } = await sound()
    const seen: number[] = []
    await audited(path, {
      onProgress: ({ messagesDone, messagesTotal, phase }) =>
        seen.push(messagesDone, messagesTotal, phase === 'auditing' ? 1 : 0),
    })
    expect(seen).toEqual([1, 3, 1, 2, 3, 1, 3, 3, 1])
  })

  it('a mailbox or file that nobody knows is an error, not an empty mailbox', async () => {
    const { path } = await sound()
    const none = join(scratchDirectory(), 'none.db')
    await expect(audited(none)).rejects.toMatchObject({ code: 'MAILDRAIN_LEDGER_LOST' })
    await expect(audited(path, { of: 'bob@h' })).rejects.toMatchObject({
      code: 'MAILDRAIN_CONFIG_INVALID',
    })
    expect(existsSync(none)).toBe(false)
  })
})

interface Line {
  readonly key: string
  readonly uidl: string | null
  readonly state: string
  readonly found: string | null
}

describe('a manifest', () => {
  const written = async (path: string) => {
    const manifest = join(scratchDirectory(), 'manifest')
    const report = await audited(path, { manifest })
    const text = readFileSync(manifest, 'utf8')
    const lines = text.split('\n').slice(0, -1)
    return {
      manifest,
      report,
      text,
      lines,
      parsed: lines.slice(0, -1).map((line) => JSON.parse(line) as Line),
    }
  }

  it('has a line for each message, and totals and hash of all before at its end', async () => {
    const { path, messages } = await sound()
    const { manifest, lines, parsed } = await written(path)
    const [first] = messages
    expect(parsed.find(({ uidl }) => uidl === 'uid-0')).toEqual({
      ...{ uidl: 'uid-0', key: first!.key, sha256: first!.sha256, octets: first!.octets },
      ...{ position: 'messages', state: 'gone', found: 'verified' },
    })
    expect(parsed.map(({ uidl, state, found }) => [uidl, state, found]).sort()).toEqual([
      ['dead', 'deadLettered', null],
      ['filtered', 'kept', null],
      ['gone filtered', 'gone', null],
      ['oversize', 'kept', null],
      ['uid-0', 'gone', 'verified'],
      ['uid-1', 'kept', 'verified'],
      ['uid-2', 'delivered', 'verified'],
    ])
    const before = lines
      .slice(0, -1)
      .map((line) => `${line}\n`)
      .join('')
    expect(JSON.parse(lines.at(-1)!)).toMatchObject({
      ...{ maildrainManifest: 1, mailbox: MAILBOX, destination: `sqlite:${path}` },
      totals: { initial: 9, delivered: 3, missing: 0, lines: 7 },
      sha256: createHash('sha256').update(before).digest('hex'),
    })
    expect(readdirSync(join(manifest, '..'))).toEqual(['manifest'])
  })

  it('names what is missing, altered and unknown to the ledger, too', async () => {
    const { path } = await sound()
    change(path, "DELETE FROM messages WHERE uidl = 'uid-0'")
    change(path, "UPDATE messages SET raw = x'00' WHERE uidl = 'uid-1'")
    change(path, "DELETE FROM ledger WHERE uidl = CAST('uid-2' AS BLOB)")
    const { parsed } = await written(path)
    const found = parsed.filter((line) => line.uidl?.startsWith('uid') === true)
    expect(found.map(({ uidl, state, found }) => [uidl, state, found]).sort()).toEqual([
      ['uid-0', 'gone', 'missing'],
      ['uid-1', 'kept', 'altered'],
      ['uid-2', 'forgotten', 'verified'],
    ])
  })

  it('says later what has become of the mail, without a ledger', async () => {
    const { path, messages } = await sound()
    const { manifest } = await written(path)
    const against = (at = path) =>
      auditAgainst({
        of: MAILBOX,
        at: sqlite({ path: at }),
        manifest,
        stateDir: scratchDirectory(),
      })
    await fill({ messages: [rawMessage('new', 'new')] }, path)
    change(path, 'DELETE FROM ledger')
    const same = await against()
    expect(same).toMatchObject({ messages: 3, held: 3, added: 1, missing: { count: 0 } })
    expect(auditExitCode(same)).toBe(0)
    change(path, "DELETE FROM messages WHERE uidl = 'uid-0'")
    change(path, "UPDATE messages SET raw = x'00' WHERE uidl = 'uid-1'")
    const later = await against()
    expect(later).toMatchObject({ messages: 3, held: 1, added: 1 })
    expect(later.missing.first).toMatchObject([{ uidl: 'uid-0', key: messages[0]!.key }])
    expect(later.altered.first).toMatchObject([{ uidl: 'uid-1', key: messages[1]!.key }])
    expect(auditExitCode(later)).toBe(8)
    // A copy of the mail elsewhere.
    expect(await against(await fill({ messages }))).toMatchObject({ held: 3, added: 0 })
  })

  it.each<[string, (text: string) => string]>([
    ['a changed line', (text) => text.replace('"uid-0"', '"uid-9"')],
    ['a missing line', (text) => text.slice(text.indexOf('\n') + 1)],
    ['a missing end', (text) => text.slice(0, text.lastIndexOf('\n', text.length - 2) + 1)],
    ['a cut', (text) => text.slice(0, -5)],
    ['another file', () => 'hello\n'],
    ['one long line', () => 'x'.repeat(1_000_000)],
    ['nothing', () => ''],
  ])('%s is refused', async (_, broken) => {
    const { path } = await sound()
    const { manifest, text } = await written(path)
    writeFileSync(manifest, broken(text))
    const against = auditAgainst({
      of: MAILBOX,
      at: sqlite({ path }),
      manifest,
      stateDir: scratchDirectory(),
    })
    await expect(against).rejects.toMatchObject({
      code: 'MAILDRAIN_CONFIG_INVALID',
      message: expect.stringContaining('not a manifest as it was written') as string,
    })
  })

  it('of another mailbox is refused, and one that cannot be written is said before anything is read', async () => {
    const { path } = await sound()
    const { manifest } = await written(path)
    const options = { at: sqlite({ path }), stateDir: scratchDirectory() }
    await expect(auditAgainst({ ...options, of: 'bob@h', manifest })).rejects.toMatchObject({
      code: 'MAILDRAIN_CONFIG_INVALID',
    })
    const nowhere = join(scratchDirectory(), 'none', 'manifest')
    await expect(audited(path, { manifest: nowhere })).rejects.toMatchObject({
      code: 'MAILDRAIN_CONFIG_INVALID',
    })
  })

  it('leaves nothing of itself when the audit fails', async () => {
    const { path } = await sound()
    const manifest = join(scratchDirectory(), 'manifest')
    await expect(audited(path, { manifest, of: 'bob@h' })).rejects.toThrow()
    expect(readdirSync(join(manifest, '..'))).toEqual([])
  })
})
