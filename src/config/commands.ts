/** What each command is, for its help and for the reference. */
import type { z } from 'zod'
import { auditFlags } from './audit-flags.ts'
import { drainFlags } from './drain-flags.ts'
import { planFlags } from './plan-flags.ts'
import { restoreFlags } from './restore-flags.ts'
import { watchFlags } from './watch-flags.ts'

export interface CommandPage {
  readonly name: string
  readonly usage: string
  /** One clause, for the list of commands. */
  readonly summary: string
  readonly about: string
  readonly flags: z.ZodObject
  readonly examples: readonly string[]
  /** Opens no mailbox, so it needs no password. */
  readonly withoutMailbox?: true
}

export const drainPage: CommandPage = {
  name: 'drain',
  usage: 'maildrain drain --from URL --to URL [--delete] [flags]',
  summary: 'drain a mailbox',
  about: `Drains the mailbox into the destination until nothing unseen is left. Without --delete mail stays on the
server, and the next run does not write it again.`,
  flags: drainFlags,
  examples: [
    'maildrain drain --from pop3s://ann@example.org@mail.example.org --to sqlite:mail.db --password-file ~/.ann',
    'maildrain drain --from pop3s://ann@mail.example.org --to kafka://broker:9092/mail --delete',
  ],
}

export const planPage: CommandPage = {
  name: 'plan',
  usage: 'maildrain plan --from URL [--to URL] [--delete] [--rehearse] [flags]',
  summary: 'say what a drain would do',
  about: `Says what a drain of the mailbox would do, and touches nothing: no message is read, none is marked, and nothing
is written at the destination. It logs in, asks for the sizes and unique-ids of all messages, and logs out.`,
  flags: planFlags,
  examples: [
    'maildrain plan --from pop3s://ann@mail.example.org --delete',
    'maildrain plan --from pop3s://ann@mail.example.org --to sqlite:mail.db --rehearse --rehearse-messages 5000',
  ],
}

export const watchPage: CommandPage = {
  name: 'watch',
  usage: 'maildrain watch --from URL --to URL [--delete] [flags]',
  summary: 'drain a mailbox, then what comes, until stopped',
  about: `Drains the mailbox into the destination, then looks for new mail until a signal stops it. What passes by itself (a
server or a destination that is away) is waited for; it ends by itself only when somebody has to act.`,
  flags: watchFlags,
  examples: [
    'maildrain watch --from pop3s://ann@mail.example.org --to kafka://broker:9092/mail --delete',
    'maildrain watch --from pop3s://ann@mail.example.org --to sqlite:mail.db --poll-seconds 300',
  ],
}

export const auditPage: CommandPage = {
  name: 'audit',
  usage: 'maildrain audit --of MAILBOX --at URL [--manifest FILE] [flags]',
  summary: 'prove that all mail is at the destination',
  about: `Reads the mail of a mailbox back from the destination of its drains, computes SHA-256 and key of each message from its
bytes, and holds the result against the ledger: initial = delivered + filtered + deadLettered + kept + vanished. What is missing,
altered, doubled or unknown to the ledger is named. Nothing is changed, and no mailbox is opened.`,
  flags: auditFlags,
  examples: [
    'maildrain audit --of ann@mail.example.org --at sqlite:mail.db --manifest ann.manifest',
    'maildrain audit --of ann@mail.example.org --at kafka://broker:9092/mail --against ann.manifest',
  ],
  withoutMailbox: true,
}

export const restorePage: CommandPage = {
  name: 'restore',
  usage: 'maildrain restore --of MAILBOX --from URL --to URL [flags]',
  summary: 'write mail from a destination into files',
  about: `Reads the mail of a mailbox back from the destination of earlier drains, and writes it byte for byte into a Maildir, an
mbox file or a directory of .eml files. Each message is verified by its SHA-256 and key before it is written. The destination is
only read. It may be run again at any time: what is there already is not written again.`,
  flags: restoreFlags,
  examples: [
    'maildrain restore --of ann@mail.example.org --from sqlite:mail.db --to maildir:Maildir',
    'maildrain restore --of ann@mail.example.org --from kafka://broker:9092/mail --to mbox:ann.mbox',
  ],
  withoutMailbox: true,
}

/** In the order of help and reference. */
export const commandPages: readonly CommandPage[] = [
  drainPage,
  watchPage,
  planPage,
  auditPage,
  restorePage,
]
