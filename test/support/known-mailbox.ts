/** A mailbox whose every message is known: small ones, with bodies that break things. */
import type { Mailbox, MailboxMessage } from '../../src/testing/mailbox.ts'

/** Bodies that servers and clients have stumbled over. */
const BODIES = [
  '.a line that begins with a dot\r\n..and two\r\n',
  '',
  'a bare LF, and a dot:\n.\nstill the same message\r\n',
  '+OK 12\r\n-ERR no\r\n',
  `${'x'.repeat(3000)}\r\n`,
  'a CR alone \r in the middle\r\n',
  '\xe9\xff 8-bit\r\n',
  'last line is a dot\r\n.\r\n',
] as const

function knownMessage(index: number): MailboxMessage {
  const received = `Received: from a by b; Thu, 1 Jan 2026 00:00:${10 + (index % 50)} +0000\r\n`
  const head = `${index % 3 === 0 ? '' : received}From: a@example.org\r\nSubject: number ${index}\r\n\r\n`
  const raw = Buffer.from(`${head}${BODIES[index % BODIES.length] ?? ''}`, 'latin1')
  return { uidl: `uid-${index}`, octets: raw.length, read: () => raw }
}

export function knownMailbox(count: number): Mailbox {
  return { size: count, message: knownMessage }
}
