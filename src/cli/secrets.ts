/** Where secrets come from: a file that others cannot read, or the environment; never argv, never an address (G14). */
import { readFileSync, statSync } from 'node:fs'
import { ConfigError, type ErrorCode, describeError } from '../errors.ts'

export interface SecretKind {
  /** To begin a sentence with, for instance `password file`. */
  readonly what: string
  readonly code: ErrorCode
}

/**
 * The first line of the file.
 * @throws ConfigError when others can read it, it is empty or not there
 */
export function secretFile(file: string, { what, code }: SecretKind): string {
  const [line = ''] = privateFile(file, { what, code }).toString('utf8').split(/\r?\n/, 1)
  if (line === '') throw new ConfigError(code, `${what} ${file} is empty; its first line counts`)
  return line
}

/** Bytes of a file that holds a secret. @throws ConfigError as `secretFile` */
export function privateFile(file: string, { what, code }: SecretKind): Buffer {
  try {
    // Others on this machine could read it, and then the mailbox is theirs.
    if (process.platform !== 'win32' && (statSync(file).mode & 0o077) !== 0)
      throw new ConfigError(code, `${what} ${file} can be read by others; run chmod 600 ${file}`)
    return readFileSync(file)
  } catch (cause) {
    if (cause instanceof ConfigError) throw cause
    throw new ConfigError(code, `${what} ${file} cannot be read: ${describeError(cause)}`, {
      cause,
    })
  }
}

/** A variable of the environment, which is then removed from it, so that no child gets it; empty counts as absent. */
export function takeVariable(name: string): string | undefined {
  const value = process.env[name]
  Reflect.deleteProperty(process.env, name)
  return value === '' ? undefined : value
}
