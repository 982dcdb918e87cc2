import { describe, expect, it } from 'vitest'
import { foundInputs } from './corpus.ts'
import { Fuzzer } from './fuzzer.ts'
import { readReplies } from './reference.ts'
import { seeds } from './seeds.ts'
import { execute, planOf } from './target.ts'

const RUN_MS = 5000

describe('fuzzing the reply parser against a slow reference', () => {
  it.each(seeds.map((input) => [input.toString('latin1'), input] as const))(
    'seed %j is read as the reference reads it',
    (_, input) => {
      expect(execute(input)).not.toEqual([])
    },
  )

  it('what was found before is read as the reference reads it', () => {
    for (const input of foundInputs()) execute(input)
  })

  it('five seconds of mutations: no difference, no other error, no held bytes beyond the limit', () => {
    // Another seed each day: what is found is printed whole, so it can be run again.
    const seed = Math.floor(Date.now() / 86_400_000)
    const fuzzer = new Fuzzer(execute, [...seeds, ...foundInputs()], seed)
    fuzzer.run({ executions: Infinity, until: performance.now() + RUN_MS })
    fuzzer.close()
    const { failure } = fuzzer
    const found =
      failure && `seed ${seed}, input ${failure.input.toString('base64')}: ${failure.error}`
    expect(found).toBeUndefined()
    expect(fuzzer.executions).toBeGreaterThan(5000)
    expect(fuzzer.blocks).toBeGreaterThan(80)
    expect(fuzzer.features).toBeGreaterThan(100)
  })

  it('gets from examples of the RFCs to a dot between bare LFs in a message, where a lax parser would end it', () => {
    const lax = (input: Buffer): readonly string[] => {
      const { asked, wire } = planOf(input)
      const { replies } = readReplies(wire.toString('latin1'), asked, {
        ...{ maxLineBytes: 64, goodbye: () => false },
      })
      for (const { content } of replies)
        if (content.includes('\n.\n')) throw new Error('a lax parser would have ended here')
      return execute(input)
    }
    const fuzzer = new Fuzzer(lax, seeds.slice(0, 20), 1)
    fuzzer.run({ executions: 200_000, until: performance.now() + 20_000 })
    fuzzer.close()
    expect(fuzzer.failure?.error).toContain('a lax parser')
  })
})
