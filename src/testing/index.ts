/** `maildrain/testing`: mailboxes and servers for tests of drains, sinks and POP3 clients. */
export {
  type GenerateMailboxOptions,
  type GeneratedMailbox,
  type MailboxProfile,
  generateMailbox,
} from './generate-mailbox.ts'
export { type Mailbox, type MailboxMessage, dovecotUidl, mailboxOf } from './mailbox.ts'
export type { Behaviour } from './behaviour/behaviour.ts'
export type { PerMessage, PerSession } from './behaviour/per-session.ts'
export { FaultProxy, type FaultProxyOptions, type PassedOctets } from './fault-proxy.ts'
export type { LineFault, OctetFault, ReplyFault } from './line-fault.ts'
export type {
  Pop3Deletion,
  Pop3Event,
  Pop3LogEntry,
  Pop3ServerCapabilities,
  Pop3ServerOptions,
  Pop3ServerTls,
} from './pop3-core.ts'
export type { ServerMechanism } from './sasl.ts'
export { Pop3Server, startPop3Server } from './pop3-server.ts'
export { sizes } from './behaviour/sizes.ts'
export { uidls } from './behaviour/uidls.ts'
export { type Likeness, type LikenessName, likeness, likenesses } from './likeness.ts'
