/**
 * A mailbox of 20 small messages drained with deletion into a SQLite file, cut at every octet of every connection in both
 * directions, in clear: under TLS an octet of the line is none of the protocol's. What was cut goes on by itself.
 */
import { describe, expect, it } from 'vitest'
import { cutDrain } from '../support/cut-drain.ts'
import { commandsOf, octetCuts, proveCuts, replyCuts } from '../support/cuts.ts'
import { notFull } from '../support/full.ts'

/** Of the octets when not at full size; with the offset, none of the lengths of the usual lines divides it. */
const [STEP, OFFSET] = notFull === undefined ? [1, 0] : [37, 11]

describe.each([
  ['keeps RFC 1939', {}],
  ['applies DELE when the line drops', { applyDeletesOnDrop: true }],
] as const)('a server that %s', (_name, behaviour) => {
  it(`fault 8: the line is cut after every ${STEP === 1 ? '' : `${STEP}th `}octet, in both directions`, async () => {
    const clean = await cutDrain({ behaviour })
    const cuts = octetCuts(clean.passed, STEP, OFFSET)
    expect(cuts.length).toBeGreaterThan(3500 / STEP)
    const { wrong, missed } = await proveCuts(cuts, { behaviour })
    expect(wrong).toEqual([])
    expect(missed).toBeLessThanOrEqual(cuts.length / 50)
  }, 600_000)

  it('fault 9: the line is cut before and after the reply to each command', async () => {
    const clean = await cutDrain({ behaviour })
    const cuts = replyCuts(commandsOf(clean), 'reset')
    expect(cuts.length).toBeGreaterThan(200)
    const { wrong, missed } = await proveCuts(
      notFull === undefined ? cuts : cuts.filter((_, index) => index % 3 === 0),
      { behaviour },
    )
    expect(wrong).toEqual([])
    expect(missed).toBeLessThanOrEqual(cuts.length / 50)
  }, 120_000)

  it('fault 9: nothing more comes from before or after the reply to each command, and nobody hangs up', async () => {
    const clean = await cutDrain({ behaviour })
    const cuts = replyCuts(commandsOf(clean), 'swallow')
    const some = notFull === undefined ? cuts : cuts.filter((_, index) => index % 7 === 3)
    expect((await proveCuts(some, { behaviour }, 16)).wrong).toEqual([])
  }, 120_000)
})
