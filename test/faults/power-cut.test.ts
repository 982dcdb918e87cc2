/** The power fails while the built command drains onto the disk: what the server has removed is there when it is back. */
import { describe, expect, it } from 'vitest'
import { noDiskImage } from '../support/disk-image.ts'
import { notFull } from '../support/full.ts'
import { powerCutRound } from '../support/power-cut-round.ts'

const MESSAGES = 300
const CUTS = 10
const wanting = noDiskImage ?? notFull

describe.skipIf(wanting !== undefined)(`power cuts${wanting ? `: ${wanting}` : ''}`, () => {
  it(`fault 58: ${CUTS} times at random moments: nothing that has left the server is lost, nothing is doubled`, async () => {
    let [cuts, late] = [0, 0]
    // A cut before anything was deleted has nothing to lose, and chance alone does not rule out ten of these.
    for (let seed = 1; cuts < CUTS || late === 0; seed += 1) {
      const round = await powerCutRound({
        messages: MESSAGES,
        cuts: Math.max(1, CUTS - cuts),
        seed,
      })
      expect(round).toMatchObject({ lost: 0, doubled: 0, left: 0 })
      cuts += round.cuts
      late += round.late
    }
  }, 540_000)
})
