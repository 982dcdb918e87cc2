/**
 * One drainer a mailbox and destination on this host (G11): an empty SQLite file of its own, held by BEGIN EXCLUSIVE
 * on its rollback journal. The kernel lets go when the process dies, however it dies, so there is no stale lock, and no
 * process id to be mistaken for another's. The file is never deleted: whoever had it open would lock a ghost.
 */
import { closeSync, openSync, realpathSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { MaildrainError, SinkError } from '../errors.ts'
import { type Logger, silentLogger } from '../logger.ts'
import { type FileSystemLook, networkFileSystem, systemLook } from './file-system.ts'
import { SqliteDatabase } from './sqlite-database.ts'
import { sqliteFailure } from './sqlite-error.ts'

export interface LockOptions {
  /** What is held, for the message to whoever comes second: `mailbox a@b into /var/mail.db`. */
  readonly what: string
  readonly log?: Logger
  /** What the system says about the file system; for tests. */
  readonly fileSystem?: FileSystemLook
}

export interface Lock {
  readonly path: string
  /** Lets go. May be called again. */
  release(): void
}

/** Held locks: a lock whose holder forgot it must not be released by the garbage collector. */
const held = new Set<SqliteDatabase>()

/**
 * Takes the lock or throws at once: `MAILDRAIN_DRAINER_BUSY` when another holds it,
 * `MAILDRAIN_SINK_NETWORK_FILE_SYSTEM` where locks do not hold, `MAILDRAIN_SINK_REFUSED` when the file cannot be made.
 */
export function acquireLock(path: string, options: LockOptions): Lock {
  const log = options.log ?? silentLogger
  const real = locate(path, options)
  createEmpty(real)
  const database = SqliteDatabase.openForLock(real)
  try {
    database.exec('BEGIN EXCLUSIVE')
  } catch (error) {
    database.close()
    if (error instanceof MaildrainError && error.code === 'MAILDRAIN_SINK_UNREACHABLE')
      throw new SinkError(
        'MAILDRAIN_DRAINER_BUSY',
        `another drainer on this host holds ${options.what} (lock ${real}); let it finish or stop it`,
        { cause: error },
      )
    throw error
  }
  log.debug({ lock: real }, `holds ${options.what}`)
  held.add(database)
  const release = (): void => {
    held.delete(database)
    database.close()
  }
  return { path: real, release }
}

/** Two ways to one directory must lead to one lock. */
function locate(path: string, options: LockOptions): string {
  const absolute = resolve(path)
  let network: string | null
  let directory: string
  try {
    directory = realpathSync(dirname(absolute))
    network = networkFileSystem(directory, options.fileSystem ?? systemLook)
  } catch (error) {
    throw sqliteFailure(error, `make the lock ${absolute}`)
  }
  if (network !== null)
    throw new SinkError(
      'MAILDRAIN_SINK_NETWORK_FILE_SYSTEM',
      `${directory} is on ${network}, where a lock does not keep out another host; use a directory on a local disk`,
    )
  return join(directory, basename(absolute))
}

/**
 * Only ever creates: closing any descriptor of a file drops all locks that this process has on it (POSIX), so a lock
 * file that exists is left to SQLite, which knows.
 */
function createEmpty(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600))
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return
    throw sqliteFailure(error, `make the lock ${path}`)
  }
}
