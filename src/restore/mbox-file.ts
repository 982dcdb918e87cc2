/** Mail as one mbox file, which appears when it is whole. */
import { rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { ConfigError } from '../errors.ts'
import type { MailWriter } from './mail-writer.ts'
import { mboxrdPieces } from './mboxrd.ts'
import {
  createPrivate,
  exists,
  failing,
  moveInto,
  partialName,
  removePartials,
  syncDirectory,
} from '../private-file.ts'

/** Octets that are written at once. */
const CHUNK_BYTES = 1024 * 1024

/**
 * A run that was killed leaves nothing under the file's name, and the next one begins anew.
 * @throws ConfigError when there is such a file: mail that somebody added to it would be lost
 */
export async function openMbox(path: string): Promise<MailWriter> {
  const directory = dirname(path)
  if (await failing(`look for ${path}`, () => exists(path)))
    throw new ConfigError(
      'MAILDRAIN_CONFIG_INVALID',
      `there is a file ${path} already; name another one, or move it away`,
    )
  const kind = `mbox.${basename(path)}`
  await failing(`tidy up ${directory}`, () => removePartials(directory, kind))
  const partial = join(directory, partialName(kind))
  const file = await failing(`create a file in ${directory}`, () => createPrivate(partial))
  let pieces: Buffer[] = []
  let bytes = 0
  const flush = async (): Promise<void> => {
    const chunk = Buffer.concat(pieces)
    pieces = []
    bytes = 0
    await failing(`write ${path}`, () => file.writeFile(chunk))
  }
  const place = async (): Promise<void> => {
    await file.sync()
    await file.close()
    const placed = await moveInto(partial, path)
    if (placed !== 'placed') throw taken(path, placed)
    await syncDirectory(directory)
  }
  return {
    parallel: 1,
    async write(_, raw) {
      pieces.push(...mboxrdPieces(raw))
      bytes += raw.length
      if (bytes >= CHUNK_BYTES) await flush()
      return 'written'
    },
    async finish() {
      await flush()
      await failing(`finish ${path}`, place)
    },
    async abandon() {
      await file.close().catch(() => undefined)
      await rm(partial, { force: true }).catch(() => undefined)
    },
  }
}

const taken = (path: string, what: 'taken' | 'gone'): ConfigError =>
  new ConfigError(
    'MAILDRAIN_CONFIG_INVALID',
    what === 'taken'
      ? `a file ${path} has appeared meanwhile; move it away and run again`
      : `the unfinished file of ${basename(path)} was removed by another run; run again`,
  )
