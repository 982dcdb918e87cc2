/** Help texts, made of the table of flags. */
import { readFileSync } from 'node:fs'
import { drainFlags } from '../config/drain-flags.ts'
import { EXIT_CODES } from '../config/exit-codes.ts'
import { helpOf } from '../config/flags.ts'

const exitCodes = EXIT_CODES.map(([code, meaning]) => `  ${code.padEnd(8)}  ${meaning}`).join('\n')

export const mainHelp = `maildrain drains a POP3 mailbox into a durable destination, and deletes a message from the server only
after its exact bytes are durable.

  maildrain drain --from URL --to URL [--delete]   drain a mailbox; maildrain drain --help says more
  maildrain --version
`

export const drainHelp = `maildrain drain --from URL --to URL [--delete] [flags]

Drains the mailbox into the destination until nothing unseen is left. Without --delete mail stays on the
server, and the next run does not write it again.

${helpOf(drainFlags)}

The password comes from --password-file, from MAILDRAIN_PASSWORD, or from a prompt on a terminal; an OAuth token from
--token-command, --token-file or MAILDRAIN_TOKEN; the password of a proxy also from MAILDRAIN_PROXY_PASSWORD, and the
passphrase of a key from MAILDRAIN_KEY_PASSPHRASE.

Exit codes
${exitCodes}

Examples
  maildrain drain --from pop3s://ann@example.org@mail.example.org --to sqlite:mail.db --password-file ~/.ann
  maildrain drain --from pop3s://ann@mail.example.org --to kafka://broker:9092/mail --delete
`

export function version(): string {
  const file = new URL('../../package.json', import.meta.url)
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
}
