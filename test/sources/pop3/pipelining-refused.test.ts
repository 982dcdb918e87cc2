/** Servers that drop whoever sends a command before the last one is answered (o2.pl). */
import { expect, it } from 'vitest'
import { delivered, drainInto, serve, texts } from '../../support/drains.ts'
import { MemorySink } from '../../support/memory-sink.ts'

const source = { retryInitialMs: 1 }

it.each(['keep', 'delete'] as const)(
  'what a transform refused is read by the next run, and not taken for unreadable: %s',
  async (deletion) => {
    const server = await serve(4, { behaviour: { breaksPipelining: true } })
    const sink = new MemorySink()
    let refused = false
    const through = [
      (record: { uidl: string }) => {
        if (refused || record.uidl !== 'uid-2') return record
        refused = true
        throw new Error('not now')
      },
    ]
    const first = await drainInto(server, sink, { source, through, deletion })
    expect(first).toMatchObject({ delivered: 3, kept: 1 })
    const second = await drainInto(server, sink, { source, through, deletion })
    expect(second).toMatchObject({ delivered: 1, kept: 0 })
    expect(delivered(sink).sort()).toEqual(texts(4))
  },
)

it('G8: what an earlier run could not read is read', async () => {
  const server = await serve(4, {
    behaviour: { errorOnRetr: (index) => (index === 2 ? 'busy' : undefined) },
  })
  const sink = new MemorySink()
  expect(await drainInto(server, sink, { source })).toMatchObject({ delivered: 3, kept: 1 })
  server.setBehaviour({ errorOnRetr: undefined, breaksPipelining: true })
  expect(await drainInto(server, sink, { source })).toMatchObject({ delivered: 1, kept: 0 })
})

it('G8: nothing is asked behind a RETR that was refused', async () => {
  const unreadable = (...indexes: number[]) => ({
    errorOnRetr: (index: number) => (indexes.includes(index) ? 'busy' : undefined),
  })
  const server = await serve(4, { behaviour: unreadable(1, 2) })
  const sink = new MemorySink()
  expect(await drainInto(server, sink, { source, deletion: 'keep' })).toMatchObject({ kept: 2 })
  server.setBehaviour({ ...unreadable(1), breaksPipelining: true, delayMs: 20 })
  const receipt = await drainInto(server, sink, { source, deletion: 'keep' })
  expect(receipt).toMatchObject({ delivered: 1, kept: 1, sessions: 1 })
})
