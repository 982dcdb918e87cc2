import type { PerMessage, PerSession } from './per-session.ts'

/** RETR and TOP. */
export interface ReadingBehaviour {
  /** Dovecot on a file that was cut: RETR gives only so many octets, well terminated. */
  shortMessages?: PerMessage<number> | undefined
  /** Dovecot on a file that it may not read: text after `-ERR ` in reply to RETR and TOP (`Message 51 expunged.`). */
  errorOnRetr?: PerMessage<string> | undefined
  /** Courier on an I/O error: the connection ends after so many octets of the message, or of its header block (TOP). */
  cutMessages?: PerMessage<number> | undefined
  /** Servers that freeze, half-open lines: after so many octets of the message nothing more ever comes. */
  stallMessages?: PerMessage<number> | undefined
  /** Any line without TLS: one bit in the middle of the message is another. */
  corruptMessages?: PerMessage<boolean> | undefined
  /**
   * Cyrus 3.4.6 (`dot-cr`: `.` CR and then silence), Exchange 2000 (`no-crlf`: the dot right behind the last character),
   * UNIX servers (`lf`: `.` LF): how the reply to RETR ends.
   */
  terminator?: PerMessage<'dot-cr' | 'no-crlf' | 'lf'> | undefined
  /**
   * Mailpit before May 2024, netius (`none`), James, GreenMail (`after-crlf`, the default: RFC 1939 knows no other line end),
   * servers in C that look for LF (`after-lf`): where dots are stuffed.
   */
  stuffing?: PerSession<'none' | 'after-crlf' | 'after-lf'> | undefined
  /** Cyrus (`cuts-line`), Dovecot with `outlook-no-nuls` (`becomes-x80`): what becomes of NUL bytes. */
  nulBytes?: PerSession<'cuts-line' | 'becomes-x80'> | undefined
  /** Courier: mail with 8-bit bytes in its header is wrapped in another message unless the session issued UTF8. */
  wrapsEightBit?: PerSession<boolean> | undefined
  /** 163.com, WildDuck: after so many RETRs of all sessions, -ERR and the connection ends. Begins anew when it is set. */
  downloadQuota?: number | undefined
  /** 163.com (`Download exceed. msg=10`), WildDuck (`Download was rate limited`): text after `-ERR ` when the quota is used up. */
  downloadQuotaText?: string | undefined
  /**
   * Stalwart (`whole`, for TOP n 0), hMailServer before 5.7 (`unstuffed`), Maillennium (`cut`, at 64 KiB): what TOP gives.
   */
  top?: PerSession<'whole' | 'unstuffed' | 'cut'> | undefined
  /** Old servers: no TOP, neither in CAPA nor as a command. */
  noTop?: PerSession<boolean> | undefined
}
