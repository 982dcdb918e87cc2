/** An authority of this run, with a certificate for localhost and one for another name; made by openssl. */
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

interface KeyAndCertificate {
  readonly key: string
  readonly cert: string
}

function openssl(...args: string[]): void {
  const { status, stderr } = spawnSync('openssl', args)
  if (status !== 0) throw new Error(`openssl ${args[0] ?? ''}: ${String(stderr)}`)
}

export interface Certificates {
  /** The authority's certificate, as a file. */
  readonly file: string
  /** For localhost. */
  readonly right: KeyAndCertificate
  readonly wrong: KeyAndCertificate
}

/** @param directory for the files */
export function makeCertificates(directory: string): Certificates {
  const at = (name: string): string => join(directory, name)
  openssl(
    ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=authority'],
    ...['-keyout', at('ca.key'), '-out', at('ca.pem')],
  )
  const issue = (name: string, serial: number): KeyAndCertificate => {
    writeFileSync(at('ext'), `subjectAltName=DNS:${name}\n`)
    openssl(
      ...['req', '-newkey', 'rsa:2048', '-nodes', '-subj', `/CN=${name}`],
      ...['-keyout', at('key'), '-out', at('request')],
    )
    openssl(
      ...['x509', '-req', '-in', at('request'), '-CA', at('ca.pem'), '-CAkey', at('ca.key')],
      ...['-set_serial', String(serial), '-days', '2', '-extfile', at('ext'), '-out', at('cert')],
    )
    return { key: readFileSync(at('key'), 'utf8'), cert: readFileSync(at('cert'), 'utf8') }
  }
  return {
    file: at('ca.pem'),
    right: issue('localhost', 1),
    wrong: issue('mail.example.org', 2),
  }
}
