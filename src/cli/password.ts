/** Where the password comes from: never argv, never an address (G14). */
import { readFileSync, statSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { ConfigError, describeError } from '../errors.ts'

/** The first of: the file, MAILDRAIN_PASSWORD (which is then removed from the environment), a prompt on a terminal. */
export async function readPassword(file: string | undefined, account: string): Promise<string> {
  const fromEnvironment = process.env.MAILDRAIN_PASSWORD
  delete process.env.MAILDRAIN_PASSWORD
  if (file !== undefined) return fromFile(file)
  if (fromEnvironment !== undefined && fromEnvironment !== '') return fromEnvironment
  if (process.stdin.isTTY) return prompt(`Password of ${account}: `)
  throw refused('no password was given; use --password-file, MAILDRAIN_PASSWORD, or a terminal')
}

function fromFile(file: string): string {
  let text: string
  try {
    // Others on this machine could read it, and then the mailbox is theirs.
    if (process.platform !== 'win32' && (statSync(file).mode & 0o077) !== 0)
      throw refused(`password file ${file} can be read by others; run chmod 600 ${file}`)
    text = readFileSync(file, 'utf8')
  } catch (error) {
    if (error instanceof ConfigError) throw error
    throw refused(`password file ${file} cannot be read: ${describeError(error)}`, error)
  }
  const [line = ''] = text.split(/\r?\n/, 1)
  if (line === '') throw refused(`password file ${file} is empty; its first line is the password`)
  return line
}

/** Asks without echo; Ctrl-C and Ctrl-D end it. */
function prompt(question: string): Promise<string> {
  return new Promise((resolve, reject) => {
    process.stderr.write(question)
    const silent = new Writable({ write: (_chunk, _encoding, done) => done() })
    const lines = createInterface({ input: process.stdin, output: silent, terminal: true })
    let answered = false
    const end = (act: () => void) => {
      if (answered) return
      answered = true
      lines.close()
      process.stderr.write('\n')
      act()
    }
    lines.once('line', (line) =>
      end(() => (line === '' ? reject(refused('no password was typed')) : resolve(line))),
    )
    lines.once('close', () => end(() => reject(refused('no password was typed'))))
  })
}

const refused = (message: string, cause?: unknown): ConfigError =>
  new ConfigError('MAILDRAIN_CONFIG_PASSWORD', message, cause === undefined ? {} : { cause })
