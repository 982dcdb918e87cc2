import { type CapabilityState, capabilityLines } from './authorization.ts'
import type { Pop3Core } from './pop3-core.ts'
import type { Reply } from './session-state.ts'
import type { Wire } from './wire.ts'

/** The reply to CAPA (RFC 2449 section 5), or what some servers do in place of it. */
export function capaReply(core: Pop3Core, wire: Wire, state: CapabilityState): Reply {
  const { capabilities, switches } = core
  const { session, loggedIn } = state
  const how = switches.of(switches.now.capa, session)
  const refused = how === 'error' || (how === 'error-after-login' && loggedIn)
  if (capabilities.capa === false || refused) return '-ERR Unknown command.'
  if (how === 'hangs') return wire.silence()
  const own = capabilityLines(core, state)
  const lines = switches.now.capaLines?.(own, loggedIn, session) ?? own
  const reply = ['+OK Capabilities follow.', ...lines].join('\r\n')
  if (how !== 'endless' && !wire.isEndless('CAPA')) return `${reply}\r\n.`
  wire.status(reply)
  return wire.endless((i) => `X-MORE-${i}`)
}
