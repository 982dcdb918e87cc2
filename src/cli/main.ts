#!/usr/bin/env node
/** The command line: one subcommand, and whatever goes wrong becomes one line and an exit code. */
import { ConfigError } from '../errors.ts'
import { drainCommand } from './drain.ts'
import { drainHelp, mainHelp, version } from './help.ts'
import { reportError } from './report-error.ts'

async function main([command, ...rest]: readonly string[]): Promise<number> {
  switch (command) {
    case 'drain':
      if (rest.includes('--help')) return print(drainHelp)
      return drainCommand(rest)
    case '--help':
    case 'help':
      return print(mainHelp)
    case '--version':
      return print(`${version()}\n`)
    default:
      throw new ConfigError(
        'MAILDRAIN_CONFIG_INVALID',
        `${command === undefined ? 'no command was given' : 'there is no such command'}; write maildrain drain, or see maildrain --help`,
      )
  }
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
