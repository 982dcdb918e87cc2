import { expect, it } from 'vitest'
import { silentLogger } from '../../src/logger.ts'
import { openPatiently } from '../../src/sinks/patience.ts'
import { FakeClock } from '../support/fake-clock.ts'

it('a destination that accepts the connection and says nothing is not waited for after a stop', async () => {
  const stop = new AbortController()
  const context = { clock: new FakeClock(), log: silentLogger, signal: stop.signal }
  const opening = openPatiently(context, 30_000, () => new Promise(() => undefined))
  const reason = new Error('stopped')
  stop.abort(reason)
  await expect(opening).rejects.toBe(reason)
})
