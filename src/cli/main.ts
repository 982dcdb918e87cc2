#!/usr/bin/env node
/** The command line: a table of commands, and whatever goes wrong becomes one line and an exit code. */
import {
  type CommandPage,
  auditPage,
  drainPage,
  planPage,
  restorePage,
  watchPage,
} from '../config/commands.ts'
import { ConfigError } from '../errors.ts'
import { auditCommand } from './audit.ts'
import { drainCommand } from './drain.ts'
import { commandHelp, mainHelp, version } from './help.ts'
import { planCommand } from './plan.ts'
import { reportError } from './report-error.ts'
import { restoreCommand } from './restore.ts'
import { watchCommand } from './watch.ts'

interface Command {
  readonly page: CommandPage
  /** @returns the exit code */
  readonly run: (argv: readonly string[]) => Promise<number>
}

const commands: readonly Command[] = [
  { page: drainPage, run: drainCommand },
  { page: planPage, run: planCommand },
  { page: watchPage, run: watchCommand },
  { page: auditPage, run: auditCommand },
  { page: restorePage, run: restoreCommand },
]

async function main([name, ...rest]: readonly string[]): Promise<number> {
  if (name === '--help' || name === 'help') return print(mainHelp())
  if (name === '--version') return print(`${version()}\n`)
  const command = commands.find(({ page }) => page.name === name)
  if (command === undefined)
    throw new ConfigError(
      'MAILDRAIN_CONFIG_INVALID',
      `${name === undefined ? 'no command was given' : 'there is no such command'}; write maildrain drain, or see maildrain --help`,
    )
  return rest.includes('--help') ? print(commandHelp(command.page)) : command.run(rest)
}

function print(text: string): number {
  process.stdout.write(text)
  return 0
}

// A promise that nobody waits for has failed, or worse: still one line. What was committed is committed.
process.on('uncaughtException', (error) => process.exit(reportError(error, false)))

/** What a lost connection left behind must not keep a finished command from ending. */
const LINGER_MS = 3000

process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) =>
  reportError(error, false),
)
setTimeout(() => process.exit(), LINGER_MS).unref()
