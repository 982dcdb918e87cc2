/** Where the password comes from: never argv, never an address (G14). */
import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { ConfigError } from '../errors.ts'
import { secretFile, takeVariable } from './secrets.ts'

const PASSWORD = { what: 'password file', code: 'MAILDRAIN_CONFIG_PASSWORD' } as const

/** The first of: the file, MAILDRAIN_PASSWORD (which is then removed from the environment), a prompt on a terminal. */
export async function readPassword(file: string | undefined, account: string): Promise<string> {
  const fromEnvironment = takeVariable('MAILDRAIN_PASSWORD')
  if (file !== undefined) return secretFile(file, PASSWORD)
  if (fromEnvironment !== undefined) return fromEnvironment
  if (process.stdin.isTTY) return prompt(`Password of ${account}: `)
  throw refused('no password was given; use --password-file, MAILDRAIN_PASSWORD, or a terminal')
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

const refused = (message: string): ConfigError =>
  new ConfigError('MAILDRAIN_CONFIG_PASSWORD', message)
