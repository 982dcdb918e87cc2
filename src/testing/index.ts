/** `maildrain/testing`: mailboxes and servers for tests of drains, sinks and POP3 clients. */
export {
  type GenerateMailboxOptions,
  type GeneratedMailbox,
  type MailboxProfile,
  generateMailbox,
} from './generate-mailbox.ts'
export { type Mailbox, type MailboxMessage, dovecotUidl, mailboxOf } from './mailbox.ts'
