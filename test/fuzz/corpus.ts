/** Inputs that earlier runs found and the seeds do not cover, one a line as base64. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export const CORPUS_FILE = join(import.meta.dirname, 'corpus/pop3.txt')

export function foundInputs(): Buffer[] {
  const lines = readFileSync(CORPUS_FILE, 'utf8').split('\n')
  return lines.filter((line) => line !== '').map((line) => Buffer.from(line, 'base64'))
}
