/**
 * From SQLite's result codes to the table of errors: who has to act, and whether the same attempt can succeed later.
 * The rule it keeps: no failure of SQLite leaves this folder without a code.
 */
import { describeError, LedgerError, MaildrainError, SinkError } from '../errors.ts'

/** Primary result codes (sqlite.org/rescode.html) that are told apart. */
const SQLITE = {
  perm: 3,
  busy: 5,
  locked: 6,
  noMemory: 7,
  readOnly: 8,
  ioError: 10,
  corrupt: 11,
  full: 13,
  cannotOpen: 14,
  tooBig: 18,
  notADatabase: 26,
} as const

/** SQLITE_IOERR_SHMSIZE: the shared-memory file could not grow, which on a full disk is all that SQLite says. */
const SHM_SIZE = 10 | (19 << 8)

/** What the system says when a file cannot be used, as SQLite says it. */
const SYSTEM = new Map([
  ['ENOENT', SQLITE.cannotOpen],
  ['ENOTDIR', SQLITE.cannotOpen],
  ['EISDIR', SQLITE.cannotOpen],
  ['EACCES', SQLITE.perm],
  ['EPERM', SQLITE.perm],
  ['EROFS', SQLITE.readOnly],
  ['EMFILE', SQLITE.cannotOpen],
  ['ENFILE', SQLITE.cannotOpen],
  ['ENOSPC', SQLITE.full],
  ['EDQUOT', SQLITE.full],
  ['EIO', SQLITE.ioError],
])

interface NativeFailure {
  readonly code?: unknown
  readonly rawCode?: unknown
}

/** SQLite's extended result code; null when the failure comes neither from SQLite nor from the file system. */
function resultCode(error: unknown): number | null {
  if (!(error instanceof Error)) return null
  const { code, rawCode } = error as NativeFailure
  if (typeof code === 'string' && code.startsWith('SQLITE_') && typeof rawCode === 'number')
    return rawCode
  if (typeof code === 'string' && SYSTEM.has(code)) return SYSTEM.get(code) ?? null
  // libsql reports a failed open as text only: ConnectionFailed("Unable to open … PATH: 14")
  const atOpen = /^ConnectionFailed\(.*: (\d+)"\)$/s.exec(error.message)
  return atOpen ? Number(atOpen[1]) : null
}

/** Must the handle never be used again? After an I/O error nobody knows what reached the disk, and a second fsync lies. */
export function isIoFailure(error: unknown): boolean {
  return error instanceof MaildrainError && error.code === 'MAILDRAIN_SINK_IO_FAILED'
}

/**
 * @param what was attempted, e.g. `commit to /var/mail.db`
 * @returns the error itself when it has a code of ours already
 */
export function sqliteFailure(error: unknown, what: string): MaildrainError {
  if (error instanceof MaildrainError) return error
  const code = resultCode(error)
  const options = { cause: error }
  const failed = `could not ${what}: ${describeError(error)}`
  if (code === SHM_SIZE) return full(failed, options)
  switch (code === null ? -1 : code & 0xff) {
    case SQLITE.full:
      return full(failed, options)
    case SQLITE.busy:
    case SQLITE.locked:
      return new SinkError(
        'MAILDRAIN_SINK_UNREACHABLE',
        `${failed}; another program holds the file, end it or wait`,
        options,
      )
    case SQLITE.noMemory:
      return new SinkError('MAILDRAIN_SINK_UNREACHABLE', `${failed}; free some memory`, options)
    case SQLITE.readOnly:
    case SQLITE.cannotOpen:
    case SQLITE.perm:
      return new SinkError(
        'MAILDRAIN_SINK_REFUSED',
        `${failed}; the file and its directory must exist and be writable`,
        options,
      )
    case SQLITE.ioError:
      return new SinkError(
        'MAILDRAIN_SINK_IO_FAILED',
        `${failed}; the file was closed, look at the disk and run again`,
        options,
      )
    default:
      return rare(meantBy(code, failed), failed, options)
  }
}

/** An index that a statement names and that is not what was made, as when a bit of the schema was flipped, has no code. */
const meantBy = (code: number | null, failed: string): number | null =>
  failed.endsWith('no query solution') ? SQLITE.corrupt : code

function full(failed: string, options: { readonly cause: unknown }): MaildrainError {
  return new SinkError('MAILDRAIN_SINK_FULL', `${failed}; make space on the disk`, options)
}

function rare(
  code: number | null,
  failed: string,
  options: { readonly cause: unknown },
): MaildrainError {
  const missing = /no such (table|column|index)/.test(failed)
  // Only rows of a ledger are read as JSON, and what was written into them can be.
  const unspeakable = /malformed JSON|JSON cannot hold/.test(failed)
  if (code !== null && ((code & 0xff) === SQLITE.corrupt || missing || unspeakable))
    return new LedgerError(
      'MAILDRAIN_LEDGER_DAMAGED',
      `${failed}; restore the file from a backup, or run with --rebuild-ledger`,
      options,
    )
  if (code !== null && (code & 0xff) === SQLITE.notADatabase)
    return new LedgerError('MAILDRAIN_LEDGER_FOREIGN', `${failed}; name another file`, options)
  if (code !== null && (code & 0xff) === SQLITE.tooBig)
    return new SinkError('MAILDRAIN_SINK_RECORD_TOO_LARGE', failed, options)
  return new MaildrainError('MAILDRAIN_INTERNAL', failed, options)
}
