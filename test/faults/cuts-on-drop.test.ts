/** The same cuts, on a server that removes what was marked when the line drops: there a DELE that came too early loses mail. */
import { it } from 'vitest'
import { cutAtOctets, cutAtReplies, silenceAtOctets } from '../support/cut-suite.ts'
import { notFull } from '../support/full.ts'

const behaviour = { applyDeletesOnDrop: true }

it(
  'fault 8, 17: the line is cut after every octet, in both directions',
  () => cutAtOctets(behaviour),
  2700_000,
)

it.skipIf(notFull !== undefined)(
  'fault 9, 17: the line is cut before and after the reply to each command',
  () => cutAtReplies(behaviour, 'reset'),
  900_000,
)

it.skipIf(notFull !== undefined)(
  'fault 9, 17: nothing more comes from before or after the reply to each command, and nobody hangs up',
  () => cutAtReplies(behaviour, 'swallow'),
  900_000,
)

it.skipIf(notFull !== undefined)(
  'fault 8, 17: nothing more of one side arrives after an octet, and nobody hangs up',
  () => silenceAtOctets(behaviour),
  900_000,
)
