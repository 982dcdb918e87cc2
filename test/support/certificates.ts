/** Authorities and certificates of a test, made by openssl. */
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { newDirectory } from './cli.ts'

export interface Certificate {
  readonly key: string
  readonly cert: string
  /** Of the certificate. */
  readonly file: string
  readonly keyFile: string
}

export interface Authority extends Certificate {
  /**
   * A certificate of this authority.
   * @param names as in a subjectAltName: `DNS:mail.example`, `IP:::1`
   */
  issue(names: string, options?: { readonly days?: number }): Certificate
}

/** Runs openssl; throws what it says when it fails. */
export function openssl(...args: string[]): Buffer {
  const { status, stderr, stdout } = spawnSync('openssl', args)
  if (status !== 0) throw new Error(`openssl ${args[0] ?? ''}: ${String(stderr)}`)
  return stdout
}

/** A certificate that signs others, by default itself. */
export function authority(name: string): Authority {
  const directory = newDirectory()
  const [keyFile, file] = [join(directory, 'ca-key.pem'), join(directory, 'ca.pem')]
  openssl(
    ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', `/CN=${name}`],
    ...['-addext', 'basicConstraints=critical,CA:TRUE', '-keyout', keyFile, '-out', file],
  )
  let count = 0
  return {
    ...read(keyFile, file),
    issue(names, { days = 2 } = {}) {
      const at = (kind: string) => join(directory, `${count}-${kind}`)
      count += 1
      writeFileSync(at('ext'), `subjectAltName=${names}\nbasicConstraints=CA:FALSE\n`)
      openssl(
        ...['req', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=of a test'],
        ...['-keyout', at('key'), '-out', at('request')],
      )
      openssl(
        ...['x509', '-req', '-in', at('request'), '-CA', file, '-CAkey', keyFile],
        ...['-set_serial', String(count), '-days', String(days), '-extfile', at('ext')],
        ...['-out', at('cert')],
      )
      return read(at('key'), at('cert'))
    },
  }
}

const read = (keyFile: string, file: string): Certificate => ({
  ...{ keyFile, file },
  key: readFileSync(keyFile, 'utf8'),
  cert: readFileSync(file, 'utf8'),
})
