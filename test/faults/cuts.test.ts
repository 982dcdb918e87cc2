/**
 * A mailbox of 20 small messages drained with deletion into a SQLite file, cut at every octet of every connection in both
 * directions, in clear: under TLS an octet of the line is none of the protocol's. What was cut goes on by itself.
 */
import { it } from 'vitest'
import { cutAtOctets, cutAtReplies, silenceAtOctets } from '../support/cut-suite.ts'
import { notFull } from '../support/full.ts'

it(
  'fault 8: the line is cut after every octet, in both directions',
  () => cutAtOctets({}),
  2_700_000,
)

it(
  'fault 9: the line is cut before and after the reply to each command',
  () => cutAtReplies({}, 'reset'),
  900_000,
)

it.skipIf(notFull !== undefined)(
  'fault 9: nothing more comes from before or after the reply to each command, and nobody hangs up',
  () => cutAtReplies({}, 'swallow'),
  900_000,
)

it.skipIf(notFull !== undefined)(
  'fault 8: nothing more of one side arrives after an octet, and nobody hangs up',
  () => silenceAtOctets({}),
  900_000,
)
