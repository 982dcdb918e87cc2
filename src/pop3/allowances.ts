/** How long a server may take for each reply; what is long is what it does with the whole mailbox. */
import type { Command, Verb } from './commands.ts'
import type { ResolvedPop3ClientOptions } from './options.ts'
import { GREETING, type SessionState } from './protocol.ts'

type TimeoutName = Extract<keyof ResolvedPop3ClientOptions, `${string}TimeoutMs`>

const BY_VERB: Readonly<Record<Verb, TimeoutName>> = {
  CAPA: 'capaTimeoutMs',
  STLS: 'tlsTimeoutMs',
  USER: 'authTimeoutMs',
  PASS: 'authTimeoutMs',
  APOP: 'authTimeoutMs',
  AUTH: 'authTimeoutMs',
  UTF8: 'authTimeoutMs',
  STAT: 'commandTimeoutMs',
  LIST: 'commandTimeoutMs',
  UIDL: 'commandTimeoutMs',
  RETR: 'idleTimeoutMs',
  TOP: 'idleTimeoutMs',
  DELE: 'commandTimeoutMs',
  NOOP: 'commandTimeoutMs',
  QUIT: 'quitTimeoutMs',
}

/** Milliseconds until the status line of the command's reply must be there. */
export function allowanceMs(
  command: Command,
  state: SessionState,
  options: ResolvedPop3ClientOptions,
): number {
  if (command === GREETING) return options.greetingTimeoutMs
  // After login CAPA may be what makes the server open the mailbox (7.7 s measured on Dovecot, cold).
  if (command.verb === 'CAPA' && state !== 'authorization') return options.commandTimeoutMs
  return options[BY_VERB[command.verb]]
}
