/** Help texts, made of the tables of commands and flags. */
import { readFileSync } from 'node:fs'
import { type CommandPage, commandPages } from '../config/commands.ts'
import { EXIT_CODES } from '../config/exit-codes.ts'
import { helpOf } from '../config/flags.ts'

export function mainHelp(): string {
  const commands = commandPages.map(
    ({ name, usage, summary }) =>
      `  ${usage.replace(' [flags]', '')}   ${summary}; maildrain ${name} --help says more`,
  )
  return `maildrain drains a POP3 mailbox into a durable destination, and deletes a message from the server only
after its exact bytes are durable.

${commands.join('\n')}
  maildrain --version
`
}

export function commandHelp({
  usage,
  about,
  flags,
  examples,
  withoutMailbox,
}: CommandPage): string {
  const exitCodes = EXIT_CODES.map(([code, meaning]) => `  ${code.padEnd(8)}  ${meaning}`)
  return `${usage}

${about}

${helpOf(flags)}

${withoutMailbox ? '' : SECRETS}Exit codes
${exitCodes.join('\n')}

Examples
${examples.map((example) => `  ${example}`).join('\n')}
`
}

const SECRETS = `The password comes from --password-file, from MAILDRAIN_PASSWORD, or from a prompt on a terminal; an OAuth token from
--token-command, --token-file or MAILDRAIN_TOKEN; the password of a proxy also from MAILDRAIN_PROXY_PASSWORD, and the
passphrase of a key from MAILDRAIN_KEY_PASSPHRASE.

`

export function version(): string {
  const file = new URL('../../package.json', import.meta.url)
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
}
