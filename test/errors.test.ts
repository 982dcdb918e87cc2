import { describe, expect, it } from 'vitest'
import {
  BatchError,
  ERROR_CODES,
  EXIT,
  type ErrorCode,
  MaildrainError,
  Pop3ReplyError,
  SinkError,
} from '../src/errors.ts'

describe('the table of error codes', () => {
  it.each(Object.keys(ERROR_CODES) as ErrorCode[])(
    '%s has a meaning, a remedy and an exit code',
    (code) => {
      const { exit, meaning, remedy } = ERROR_CODES[code]
      const exits: number[] = [...Object.values(EXIT), 130, 143]
      expect(code).toMatch(/^MAILDRAIN_[A-Z0-9_]+$/)
      expect(exits).toContain(exit)
      expect(meaning.length).toBeGreaterThan(10)
      expect(remedy.length).toBeGreaterThan(5)
      expect(`${meaning}${remedy}`).not.toContain('\n')
    },
  )

  it('decides exit code and retryability of every error', () => {
    const error = new SinkError('MAILDRAIN_SINK_UNREACHABLE', 'no answer', {
      cause: new Error('x'),
    })
    expect(error).toBeInstanceOf(MaildrainError)
    expect([error.name, error.exitCode, error.retryable]).toEqual(['SinkError', 5, true])
    expect((error.cause as Error).message).toBe('x')
  })

  it('a batch error names its messages, a reply error its command', () => {
    const failure = new SinkError('MAILDRAIN_SINK_RECORD_TOO_LARGE', 'too large')
    expect(new BatchError(new Map([[3, failure]])).failures.get(3)).toBe(failure)
    const reply = { command: 'RETR', replyText: 'expunged', responseCode: null }
    expect(new Pop3ReplyError('MAILDRAIN_POP3_REFUSED', 'x', reply)).toMatchObject(reply)
  })
})
