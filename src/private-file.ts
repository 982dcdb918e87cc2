/**
 * Files that appear whole or not at all: written under another name, synced, then linked. A name that is taken is never
 * written over, and a symbolic link is never followed: whoever may write into the directory must not be able to lead mail
 * elsewhere.
 */
import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, link, lstat, open, opendir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { sqliteFailure } from './ledger/sqlite-error.ts'

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_RDONLY, O_WRONLY } = constants

/** No other program's file is called so: what a killed run has left is found by it. */
const PARTIAL = /^\.maildrain-(.*)-[0-9a-f]{16}\.partial$/s

const codeOf = (error: unknown): unknown =>
  error instanceof Error && 'code' in error ? error.code : undefined

/** A name for a file that is not whole yet. @param of what it is going to be, so that runs beside each other do not meet */
export const partialName = (of: string): string =>
  `.maildrain-${of}-${randomBytes(8).toString('hex')}.partial`

/** @throws SinkError naming the file, also when the disk is full */
export async function failing<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw sqliteFailure(error, what)
  }
}

/** Mode 0600. Fails when there is anything of that name. */
export const createPrivate = (path: string): Promise<FileHandle> =>
  open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600)

/** Removes what killed runs have left of this kind. */
export async function removePartials(directory: string, of: string): Promise<void> {
  for await (const { name } of await opendir(directory))
    if (PARTIAL.exec(name)?.[1] === of) await rm(join(directory, name), { force: true })
}

/** What is under this name: nothing, these bytes, or something else. */
export async function lookFor(path: string, raw: Buffer): Promise<'nothing' | 'same' | 'other'> {
  let file: FileHandle
  try {
    file = await open(path, O_RDONLY | O_NOFOLLOW)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return 'nothing'
    if (codeOf(error) === 'ELOOP') return 'other'
    throw error
  }
  try {
    const stats = await file.stat()
    if (!stats.isFile() || stats.size !== raw.length) return 'other'
    return (await file.readFile()).equals(raw) ? 'same' : 'other'
  } finally {
    await file.close()
  }
}

/** @param partials directory where the file lies until it is whole, on the file system of `path`, and its kind */
export async function placeWhole(
  path: string,
  raw: Buffer,
  partials: { readonly directory: string; readonly of: string },
): Promise<'placed' | 'taken'> {
  for (;;) {
    const partial = join(partials.directory, partialName(partials.of))
    const file = await createPrivate(partial)
    try {
      await file.writeFile(raw)
      await file.sync()
    } finally {
      await file.close()
    }
    const placed = await moveInto(partial, path)
    // Another run has tidied up: not a reason to fail.
    if (placed !== 'gone') return placed
  }
}

/** Gives the file its name if that is free. */
export async function moveInto(
  partial: string,
  path: string,
): Promise<'placed' | 'taken' | 'gone'> {
  try {
    await link(partial, path)
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return (await rm(partial, { force: true }), 'taken')
    if (codeOf(error) === 'ENOENT' && !(await exists(partial))) return 'gone'
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(String(codeOf(error)))) throw error
    // A file system without links (FAT): the best that it has.
    if (await exists(path)) return (await rm(partial, { force: true }), 'taken')
    await rename(partial, path)
    return 'placed'
  }
  await rm(partial, { force: true })
  return 'placed'
}

export async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path)
    return true
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false
    throw error
  }
}

/** Makes the names in a directory durable. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, O_RDONLY)
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}
