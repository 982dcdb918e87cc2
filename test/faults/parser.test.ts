/** Fault 111 as a drain meets it: mail that crashes, hangs or exhausts its parser is at the destination all the same. */
import { expect, it } from 'vitest'
import { parseOptions } from '../../src/transforms/parse/options.ts'
import { ParseStream } from '../../src/transforms/parse/parse-stream.ts'
import { ParsePool } from '../../src/transforms/parse/pool.ts'
import type { Stage } from '../../src/transforms/stage.ts'
import { delivered, drainInto, serve, smallMessage } from '../support/drains.ts'
import { MemorySink } from '../support/memory-sink.ts'

const COUNT = 20
const worker = new URL('../support/hostile-worker.mjs', import.meta.url)
const HEAP_BYTES = 64 * 1024 * 1024

const parsedBy = (deadlineMs: number): Stage => ({
  name: 'parse',
  create({ clock }) {
    const options = parseOptions.parse({ deadlineMs, maxHeapBytes: HEAP_BYTES })
    return new ParseStream(new ParsePool({ options: { ...options, workers: 2 }, clock, worker }))
  },
})

it.each([
  ['crashes', 'EXIT', 'parser crashed', 10_000],
  ['never ends', 'HANG', 'parser timed out', 2000],
  ['needs all memory', 'HEAP', 'parser crashed', 20_000],
])(
  'fault 111: the parser %s at some messages: all are delivered, with their bytes, and deleted',
  async (_, poison, why, deadlineMs) => {
    const body = (index: number): string => (index % 9 === 4 ? poison : 'harmless')
    const server = await serve(COUNT, {}, body)
    const sink = new MemorySink()
    const receipt = await drainInto(server, sink, { through: [parsedBy(deadlineMs)] })
    expect(receipt).toMatchObject({ delivered: COUNT, verifiedGone: COUNT, remaining: 0 })
    const sent = Array.from({ length: COUNT }, (_each, index) =>
      smallMessage(index, body(index)).read().toString('latin1'),
    )
    expect(delivered(sink).sort()).toEqual(sent.sort())
    const failed = sink.records.filter(({ value }) => value.parseStatus === 'failed')
    expect(failed.map(({ value }) => value.parseReasons)).toEqual([[why], [why]])
  },
  180_000,
)
