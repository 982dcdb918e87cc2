import { it } from 'vitest'
import { deviations } from '../support/deviations.ts'
import { proveDrain } from '../support/proven-drain.ts'
it('explore', async () => {
  for (const d of deviations.filter((d) => /^dele/.test(d.name))) {
    for (const crash of [undefined, { write: 2, when: 'before' }, { write: 2, when: 'after' }] as const) {
      const t = performance.now()
      const p = await proveDrain({ behaviour: d.behaviour(), crash })
      const r = p.receipt
      console.log(`${d.name.padEnd(20)} ${d.expect.padEnd(7)} ${crash?.when ?? '-'} ${(performance.now() - t).toFixed(0)}ms lost=${p.lost} doubled=${p.doubled} foreign=${p.foreign} premature=${p.premature} left=${p.left} ${p.stopped ?? ''} ${JSON.stringify(r)}`)
    }
  }
}, 600_000)
