/** Faults 13 to 18: what becomes of DELE and QUIT. */
import { describe, expect, it } from 'vitest'
import { type Behaviour, type Pop3Event, startPop3Server } from '../../src/testing/index.ts'
import { drainInto } from '../support/drains.ts'
import { holds, until } from '../support/faults.ts'
import { knownMailbox } from '../support/known-mailbox.ts'
import { MemorySink } from '../support/memory-sink.ts'
import { PATIENT, proveDrain, sha256 } from '../support/proven-drain.ts'

describe('QUIT is -ERR', () => {
  it('fault 13: and nothing was removed, for a while', async () => {
    await holds({ behaviour: () => ({ quitError: until(2)<'none'>('none') }) })
  })

  it('fault 13: and never is anything removed: given up, and said', async () => {
    const all = Array.from({ length: 24 }, (_, index) => index)
    const { receipt } = await holds({ behaviour: () => ({ quitError: 'none' }), stay: all })
    expect(receipt).toMatchObject({ verifiedGone: 0, remaining: 24 })
  })

  it('fault 14: and every second of the deleted messages was removed', async () => {
    const { receipt } = await holds({ behaviour: () => ({ quitError: until(2)<'half'>('half') }) })
    expect(receipt).toMatchObject({ delivered: 24, verifiedGone: 24, remaining: 0 })
  })
})

describe.each([
  ['DELE removes at once', { applyDeletesAtOnce: true }],
  ['what was marked goes when the line drops', { applyDeletesOnDrop: true }],
] as const)('fault 16, 17: %s', (_name, behaviour) => {
  it('dead before and after each write, cut at each command: nothing is lost', async () => {
    await holds({ behaviour: () => behaviour })
    for (let n = 1; n <= 5; n += 1)
      for (const when of ['before', 'after'] as const) {
        const proof = await proveDrain({ behaviour, crash: { write: n, when }, source: PATIENT })
        expect(proof).toMatchObject({ lost: [], doubled: [], premature: [], left: [] })
      }
    for (let command = 1; command < 120; command += 3) {
      const dropAfterCommands = until(3)(command)
      const proof = await proveDrain({
        behaviour: { ...behaviour, dropAfterCommands },
        source: PATIENT,
      })
      expect(proof).toMatchObject({ lost: [], doubled: [], premature: [], left: [] })
    }
  })
})

/** Numbers move up as soon as one before them is deleted; QUIT removes what was marked. */
function renumbering() {
  const views = new Map<number, number[]>()
  const marked = new Map<number, number[]>()
  const onEvent = (event: Pop3Event, visible: () => number[], remove: (i: number) => void) => {
    if (event.kind === 'login') views.set(event.session, visible())
    if (event.verb === 'QUIT') for (const i of marked.get(event.session) ?? []) remove(i)
  }
  const replyOverride: Behaviour['replyOverride'] = (verb, argument, session) => {
    if (verb !== 'DELE') return undefined
    const [index] = views.get(session)?.splice(Number(argument) - 1, 1) ?? []
    if (index === undefined) return '-ERR no such message\r\n'
    marked.set(session, [...(marked.get(session) ?? []), index])
    return '+OK\r\n'
  }
  return { onEvent, replyOverride }
}

it.each([undefined, 7])(
  'fault 18: numbers move up with each DELE: no message is deleted that is not durable (sessions of %s)',
  async (sessionMessages) => {
    const mailbox = knownMailbox(30)
    const hashes = Array.from({ length: 30 }, (_, i) => sha256(mailbox.message(i).read()))
    const { onEvent, replyOverride } = renumbering()
    const sink = new MemorySink()
    const lost: number[] = []
    const remove = (index: number): void => {
      const stored = sink.records.some(({ value }) => value.sha256 === hashes[index])
      if (!stored) lost.push(index)
      server.remove(index)
    }
    const server = await startPop3Server({
      mailbox,
      behaviour: { replyOverride },
      onEvent: (event) => onEvent(event, () => server.visibleIndexes(), remove),
    })
    // One is too large, and stays in the middle of what is deleted.
    const receipt = await drainInto(server, sink, {
      ...{ maxMessageBytes: 2000, batchMaxMessages: 5 },
      source: { windowMessages: 5, ...(sessionMessages && { sessionMessages }) },
    })
    await server.close()
    expect(lost).toEqual([])
    const large = hashes.flatMap((_, i) => (mailbox.message(i).octets > 2000 ? [i] : []))
    expect(server.remainingIndexes()).toEqual(large)
    expect(sink.records).toHaveLength(30 - large.length)
    expect(receipt).toMatchObject({ kept: large.length, verifiedGone: 30 - large.length })
  },
)
