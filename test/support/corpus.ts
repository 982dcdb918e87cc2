import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

const folder = process.env.MAILDRAIN_CORPUS

/** Why there is no corpus of real mail here; undefined when there is one. */
export const noCorpus: string | undefined =
  folder === undefined || !existsSync(folder)
    ? 'no corpus of real mail (MAILDRAIN_CORPUS names a folder of one)'
    : undefined

const isMessage = (path: string): boolean =>
  /\.eml$/i.test(path) || (/(^|[/])msg[/]/.test(path) && !/\.(mbox|tsv|json|xml|out)$/i.test(path))

/** Any line end becomes CRLF, as a POP3 server sends it; a bare CR inside a line stays. */
export function toCrlf(bytes: Buffer): Buffer {
  const text = bytes.toString('latin1').replace(/\r?\n/g, '\r\n')
  return Buffer.from(text.endsWith('\r\n') ? text : `${text}\r\n`, 'latin1')
}

/** Every file of the corpus that looks like one message, with CRLF line ends. */
export function* corpusMessages(): Iterable<{ readonly path: string; readonly bytes: Buffer }> {
  if (folder === undefined) return
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()
  for (const path of files) {
    const full = join(folder, path)
    if (!statSync(full).isFile() || !isMessage(path)) continue
    yield { path, bytes: toCrlf(readFileSync(full)) }
  }
}
