import { it } from 'vitest'
import { writeFileSync } from 'node:fs'
import { deviations } from '../support/deviations.ts'
import { proveDrain } from '../support/proven-drain.ts'
it('explore', async () => {
  const out: string[] = []
  for (const d of deviations) {
    for (const crash of [undefined, { write: 2, when: 'before' }, { write: 2, when: 'after' }] as const) {
      const t = performance.now()
      const p = await proveDrain({ behaviour: d.behaviour(), crash })
      const r = p.receipt
      out.push(`${d.name.padEnd(20)} ${d.expect.padEnd(7)} ${crash?.when ?? '-'} ${(performance.now() - t).toFixed(0)}ms lost=${p.lost} doubled=${p.doubled} foreign=${p.foreign} premature=${p.premature} left=${p.left.length} ${p.stopped ?? ''} ${r ? `del=${r.delivered} already=${r.alreadyDelivered} kept=${r.kept} gone=${r.verifiedGone} sess=${r.sessions}` : ''}`)
      writeFileSync('/tmp/explore.txt', out.join('\n') + '\n')
    }
  }
}, 600_000)
