/** Where access tokens come from: a file, a command, or MAILDRAIN_TOKEN; never argv (G14). */
import { spawn } from 'node:child_process'
import type { SourceFlags } from '../config/source-flags.ts'
import { ConfigError } from '../errors.ts'
import type { TokenProvider } from '../pop3/index.ts'
import { secretFile, takeVariable } from './secrets.ts'

const TOKEN = { what: 'token file', code: 'MAILDRAIN_CONFIG_TOKEN' } as const
/** Tokens of Microsoft have 3 KB; a command that prints a megabyte prints something else. */
const MAX_OUTPUT_CHARACTERS = 65_536

type TokenFlags = Pick<SourceFlags, 'tokenFile' | 'tokenCommand' | 'passwordFile' | 'auth'>

/**
 * The token of the flags and the environment; undefined when a password is to be used.
 * @throws ConfigError when they contradict each other
 */
export function tokenOf(flags: TokenFlags): string | TokenProvider | undefined {
  const { tokenFile, tokenCommand, passwordFile } = flags
  const fromEnvironment = takeVariable('MAILDRAIN_TOKEN')
  const given = [tokenFile, tokenCommand, passwordFile].filter((flag) => flag !== undefined)
  if (given.length > 1)
    throw new ConfigError(
      'MAILDRAIN_CONFIG_INVALID',
      '--token-file, --token-command and --password-file exclude each other',
    )
  if (tokenCommand !== undefined)
    return ({ forceRefresh, signal }) => runCommand(tokenCommand, forceRefresh, signal)
  if (tokenFile !== undefined) {
    secretFile(tokenFile, TOKEN)
    // Whoever renews it writes it there.
    return () => Promise.resolve({ token: secretFile(tokenFile, TOKEN).trim() })
  }
  if (passwordFile === undefined && fromEnvironment !== undefined) return fromEnvironment.trim()
  const wantsToken = flags.auth === 'XOAUTH2' || flags.auth === 'OAUTHBEARER'
  if (!wantsToken) return undefined
  throw new ConfigError(
    'MAILDRAIN_CONFIG_TOKEN',
    `--auth ${flags.auth} wants a token; use --token-file, --token-command or MAILDRAIN_TOKEN`,
  )
}

/** What the command writes to stderr goes to ours, as when it is run by hand; its stdout is secret. */
function runCommand(
  command: string,
  forceRefresh: boolean,
  signal: AbortSignal,
): Promise<{ readonly token: string }> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, ...(forceRefresh ? { MAILDRAIN_FORCE_REFRESH: '1' } : {}) }
    const child = spawn(command, { shell: true, stdio: ['ignore', 'pipe', 'inherit'], env, signal })
    let output = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text
      if (output.length > MAX_OUTPUT_CHARACTERS) child.kill()
    })
    child.once('error', (error: NodeJS.ErrnoException) =>
      reject(new Error(error.code ?? 'cannot be run')),
    )
    child.once('close', (code, killedBy) => {
      if (code === 0) resolve({ token: output.trim() })
      else
        reject(
          new Error(code === null ? `ended by ${killedBy ?? 'a signal'}` : `exit code ${code}`),
        )
    })
  })
}
