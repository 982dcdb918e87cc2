import { describe, expect, it } from 'vitest'
import { MaildrainError } from '../../src/errors.ts'
import { isIoFailure, sqliteFailure } from '../../src/ledger/sqlite-error.ts'

const native = (rawCode: number): Error =>
  Object.assign(new Error('as SQLite says'), { code: 'SQLITE_ERROR', rawCode })

describe('failures of SQLite', () => {
  it.each([
    [5, 'MAILDRAIN_SINK_UNREACHABLE', true],
    [13, 'MAILDRAIN_SINK_FULL', true],
    [10 | (19 << 8), 'MAILDRAIN_SINK_FULL', true],
    [10 | (3 << 8), 'MAILDRAIN_SINK_IO_FAILED', false],
    [8, 'MAILDRAIN_SINK_REFUSED', false],
    [14, 'MAILDRAIN_SINK_REFUSED', false],
    [11, 'MAILDRAIN_LEDGER_DAMAGED', false],
    [26, 'MAILDRAIN_LEDGER_FOREIGN', false],
    [18, 'MAILDRAIN_SINK_RECORD_TOO_LARGE', false],
    [21, 'MAILDRAIN_INTERNAL', false],
  ] as const)('result code %i is %s', (rawCode, code, retryable) => {
    const failure = sqliteFailure(native(rawCode), 'commit to /mail.db')
    expect(failure).toMatchObject({ code, retryable })
    expect(failure.message).toContain('could not commit to /mail.db')
  })

  it('those of the file system are told apart as well', () => {
    const full = Object.assign(new Error('no space'), { code: 'ENOSPC' })
    expect(sqliteFailure(full, 'open x').code).toBe('MAILDRAIN_SINK_FULL')
    const denied = Object.assign(new Error('denied'), { code: 'EACCES' })
    expect(sqliteFailure(denied, 'open x').code).toBe('MAILDRAIN_SINK_REFUSED')
  })

  it('an error with a code of ours passes; after an I/O error the handle is not used again', () => {
    const ours = new MaildrainError('MAILDRAIN_INTERNAL', 'x')
    expect(sqliteFailure(ours, 'y')).toBe(ours)
    expect(isIoFailure(sqliteFailure(native(10), 'sync x'))).toBe(true)
    expect(isIoFailure(sqliteFailure(native(13), 'sync x'))).toBe(false)
  })
})
