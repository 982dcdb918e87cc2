/** What the server says about itself (CAPA, RFC 2449) and why it lets nobody in (RFC 2449 section 8, RFC 3206). */
import { createHash } from 'node:crypto'
import type { Pop3Core } from './pop3-core.ts'
import type { ServerAccount, ServerMechanism } from './sasl.ts'

export interface CapabilityState {
  readonly session: number
  readonly loggedIn: boolean
  readonly canStartTls: boolean
}

export function capabilityLines(core: Pop3Core, state: CapabilityState): string[] {
  const { capabilities, switches } = core
  const { loginDelay, noUidl, noTop } = switches.now
  const { pipelining = true, expire } = capabilities
  const lines: string[] = []
  const say = (line: string, unless: boolean | undefined) => {
    if (unless !== true) lines.push(line)
  }
  say('TOP', capabilities.top === false || switches.of(noTop, state.session))
  say('UIDL', capabilities.uidl === false || switches.of(noUidl, state.session))
  say('USER', capabilities.user === false)
  const mechanisms = mechanismsOf(core)
  say(`SASL ${mechanisms.join(' ')}`, mechanisms.length === 0)
  say('RESP-CODES', capabilities.respCodes === false)
  say('AUTH-RESP-CODE', capabilities.authRespCode === false)
  say('STLS', !state.canStartTls)
  say(capabilities.utf8 === 'user' ? 'UTF8 USER' : 'UTF8', (capabilities.utf8 ?? false) === false)
  say('PIPELINING', pipelining === 'after-login' ? !state.loggedIn : !pipelining)
  say(`EXPIRE ${expire ?? ''}`, expire === undefined)
  say(`LOGIN-DELAY ${Math.ceil(loginDelay ?? 0)}`, loginDelay === undefined)
  return [...lines, ...(capabilities.more ?? [])]
}

/** SASL mechanisms that the server has. */
export function mechanismsOf({ capabilities }: Pop3Core): readonly ServerMechanism[] {
  return capabilities.sasl ?? (capabilities.saslPlain === false ? [] : ['PLAIN'])
}

/** The account, in bytes, one character each. */
export function accountOf({ options }: Pop3Core): ServerAccount {
  const { user = 'user', password = 'secret', acceptsToken = () => false } = options
  return { user: latin1(user), password: latin1(password), acceptsToken }
}

const latin1 = (text: string): string => Buffer.from(text, 'utf8').toString('latin1')

/** The timestamp of a greeting, other in each session (RFC 1939 section 7). */
export const apopTimestamp = (session: number, now: number): string =>
  `<${session}.${now}@server.example>`

/** Is the argument of APOP the name and the digest of the account? */
export function checkApop(core: Pop3Core, timestamp: string, argument: string): boolean {
  const { user, password } = accountOf(core)
  const digest = createHash('md5').update(timestamp).update(password, 'latin1').digest('hex')
  return argument === `${user} ${digest}`
}

/**
 * Text after `-ERR ` if this login is refused.
 * @param known name and password are right
 */
export function refusal(core: Pop3Core, session: number, known: boolean): string | undefined {
  const { switches } = core
  const { rejectLogin, lockMailbox, loginDelay } = switches.now
  const rejected = switches.of(rejectLogin, session)
  if (rejected !== undefined) return rejected
  if (!known) return code(core, 'AUTH', 'Authentication failed.')
  if (switches.takeTurn('inUse', session) || (lockMailbox === true && core.open.size > 0))
    return code(core, 'IN-USE', 'Mailbox is locked by another POP3 session.')
  if (core.clock.monotonic() - core.lastLoginAt < (loginDelay ?? 0) * 1000)
    return code(core, 'LOGIN-DELAY', 'Minimum time between logins has not passed.')
  return undefined
}

/** A response code where the server says that it has them. */
function code(core: Pop3Core, name: string, text: string): string {
  return core.capabilities.respCodes === false ? text : `[${name}] ${text}`
}
