import { Readable, Transform as NodeTransform } from 'node:stream'
import { flushable, gen, many, none, stop } from 'stream-chain'
import { describe, expect, it } from 'vitest'
import type { RawMessage } from '../../src/message.ts'
import type { Transform } from '../../src/transforms/stage.ts'
import { composeChain } from '../../src/transforms/compose.ts'
import { systemClock } from '../../src/clock.ts'
import { silentLogger } from '../../src/logger.ts'
import { through } from '../support/chains.ts'
import { FakeClock, settle } from '../support/fake-clock.ts'
import { MemoryLedger } from '../support/memory-sink.ts'
import { rawMessage } from '../support/messages.ts'

const one = [rawMessage('u1', 'one')]
const run = async (transform: Transform) => (await through([transform], one))[0]

describe('what a function may answer', () => {
  it.each<[string, (message: RawMessage) => unknown, unknown[]]>([
    ['a value', () => 'a', ['a']],
    ['a promise', () => Promise.resolve('a'), ['a']],
    ['an array', () => ['a', 'b'], ['a', 'b']],
    ['many', () => many(['a', 'b']), ['a', 'b']],
    [
      'a generator',
      function* () {
        yield 'a'
        yield 'b'
      },
      ['a', 'b'],
    ],
    [
      'an asynchronous generator',
      async function* () {
        yield await Promise.resolve('a')
        yield 'b'
      },
      ['a', 'b'],
    ],
    ['false, zero and the empty string, which are values', () => [false, 0, ''], [false, 0, '']],
    ['none', () => none, []],
    ['undefined', () => undefined, []],
    ['null', () => Promise.resolve(null), []],
    ['an empty array', () => [], []],
  ])('%s', async (_, transform, values) => {
    expect(await run(transform)).toMatchObject({ values, verdict: undefined })
  })

  it('G4: a message is complete when the last of its values has arrived, and not before', async () => {
    const spread = (message: RawMessage) => [message.uidl, message.uidl]
    const slow = (value: string) =>
      new Promise((resolve) => setTimeout(() => resolve(`${value}!`), 1))
    const outcomes = await through([spread, slow], [rawMessage('a', '1'), rawMessage('b', '2')])
    expect(outcomes.map(({ values }) => values)).toEqual([
      ['a!', 'a!'],
      ['b!', 'b!'],
    ])
  })
})

describe('G3: what goes wrong is errored, and the drain goes on', () => {
  it.each<[string, (message: RawMessage) => unknown]>([
    [
      'throws',
      () => {
        throw new Error('mine')
      },
    ],
    ['rejects', () => Promise.reject(new Error('mine'))],
    [
      'throws after its first value',
      function* () {
        yield 'a'
        throw new Error('mine')
      },
    ],
  ])('a function that %s', async (_, broken) => {
    const messages = [rawMessage('bad', 'x'), rawMessage('good', 'y')]
    const transform = (message: RawMessage) =>
      message.uidl === 'bad' ? broken(message) : message.uidl
    const outcomes = await through([transform], messages)
    const byUidl = new Map(outcomes.map((outcome) => [outcome.message.uidl, outcome]))
    expect(byUidl.get('bad')?.verdict).toMatchObject({
      kind: 'errored',
      error: { message: 'mine' },
    })
    expect(byUidl.get('good')).toMatchObject({ values: ['good'], verdict: undefined })
  })

  it('a function that never answers is given up after its deadline', async () => {
    const clock = new FakeClock()
    const running = through([() => new Promise(() => undefined)], one, { clock })
    while (clock.waiting === 0) await settle()
    await clock.advance(60_000)
    const [outcome] = await running
    expect(outcome?.verdict).toMatchObject({
      kind: 'errored',
      error: { code: 'MAILDRAIN_TRANSFORM_DEADLINE' },
    })
  })

  it('stop is refused: it would end the drain in the middle', async () => {
    expect((await run(() => stop))?.verdict).toMatchObject({ kind: 'errored' })
  })
})

describe('what cannot stand in a chain is refused before anything runs', () => {
  it.each<[string, unknown]>([
    ['a flushable function', flushable(() => 'a')],
    ['a stream of Node', new NodeTransform({ objectMode: true })],
    ['a Readable', Readable.from([])],
    ['a number', 7],
    ['nothing', undefined],
  ])('%s', (_, transform) => {
    const context = {
      ...{ ledger: new MemoryLedger(), log: silentLogger, clock: systemClock },
      expectsMail: true,
    }
    expect(() => composeChain([transform as Transform], context)).toThrow(
      expect.objectContaining({ code: 'MAILDRAIN_CONFIG_TRANSFORM' }),
    )
  })

  it('functions that stream-chain has composed are taken apart', async () => {
    const composed = gen(
      (message: RawMessage) => message.uidl,
      (uidl: string | null) => `${uidl}!`,
    )
    expect(await run(composed as unknown as Transform)).toMatchObject({ values: ['u1!'] })
  })
})

it('a stage that fails ends the chain, and whoever waits is told', async () => {
  const failing: Transform = {
    name: 'failing',
    create: () =>
      new NodeTransform({
        objectMode: true,
        transform: (_delivery, _encoding, done) => done(new Error('stage broke')),
      }),
  }
  await expect(through([failing], one)).rejects.toThrow('stage broke')
})
