/**
 * The end and the dots of a multi-line reply (RFC 1939 section 3), at any chunk boundary. Only CRLF.CRLF ends a reply:
 * some servers (James, GreenMail before 2026) stuff dots only after CRLF, so whoever takes `\n.\n` for the end reads text
 * that a mail's sender wrote as the server's next reply. Bytes are found by native searches and passed on as views.
 */

const CR = 0x0d
const LF = 0x0a
const DOT = 0x2e
const CRLF_DOT = Buffer.from('\r\n.')
const LONE_CR = Buffer.from('\r')

/** Where the decoder stands between two bytes. */
const LINE_START = 0
const MIDDLE = 1
/** The last byte was CR; it is content in any case and was passed on. */
const AFTER_CR = 2
/** A dot at a line's start: part of the terminator or stuffed, never content. */
const AFTER_DOT = 3
/** `.` CR at a line's start: the CR is content unless LF follows; held back. */
const AFTER_DOT_CR = 4

type Position =
  typeof LINE_START | typeof MIDDLE | typeof AFTER_CR | typeof AFTER_DOT | typeof AFTER_DOT_CR

/** Removes stuffing and finds the end of one reply after another. */
export class MultiLineDecoder {
  #position: Position = LINE_START
  #octets = 0
  #ended = false

  /** Octets of content of the current reply so far: dots unstuffed, terminator not counted. */
  get octets(): number {
    return this.#octets
  }

  /** The terminator of the current reply was seen. */
  get ended(): boolean {
    return this.#ended
  }

  /** To be called after the status line of a multi-line reply. */
  begin(): void {
    this.#position = LINE_START
    this.#octets = 0
    this.#ended = false
  }

  /**
   * Takes bytes from `start` on and passes content to `onData` as views of `chunk`.
   * @returns the offset of the first byte after the terminator, or the chunk's length when the reply goes on
   */
  feed(chunk: Buffer, start: number, onData: (data: Buffer) => void): number {
    const end = chunk.length
    /** First byte that is content and not passed on yet. */
    let from = start
    let at = start
    while (at < end) {
      if (this.#position === MIDDLE) {
        const found = chunk.indexOf(CRLF_DOT, at)
        if (found < 0) {
          this.#position = tailPosition(chunk, at)
          break
        }
        this.#emit(chunk, from, found + 2, onData)
        at = found + 3
        from = at
        this.#position = AFTER_DOT
        continue
      }
      const byte = chunk[at]
      if (this.#position === AFTER_DOT_CR) {
        if (byte === LF) {
          this.#ended = true
          return at + 1
        }
        // Held back from an earlier chunk, and content after all.
        if (at === start) this.#emit(LONE_CR, 0, 1, onData)
      }
      if (this.#position === LINE_START && byte === DOT) {
        this.#emit(chunk, from, at, onData)
        from = at + 1
      }
      this.#position = step(this.#position, byte)
      at += 1
    }
    // A CR that may belong to the terminator waits for the next chunk.
    this.#emit(chunk, from, this.#position === AFTER_DOT_CR ? end - 1 : end, onData)
    return end
  }

  #emit(chunk: Buffer, from: number, to: number, onData: (data: Buffer) => void): void {
    if (to <= from) return
    this.#octets += to - from
    onData(chunk.subarray(from, to))
  }
}

function step(position: Position, byte: number | undefined): Position {
  if (position === LINE_START && byte === DOT) return AFTER_DOT
  if (position === AFTER_DOT && byte === CR) return AFTER_DOT_CR
  if (position === AFTER_CR && byte === LF) return LINE_START
  return byte === CR ? AFTER_CR : MIDDLE
}

/** Position after the chunk's last byte, where the bytes from `at` on hold no CRLF and dot. */
function tailPosition(chunk: Buffer, at: number): Position {
  const end = chunk.length
  if (chunk[end - 1] === CR) return AFTER_CR
  if (end - at >= 2 && chunk[end - 1] === LF && chunk[end - 2] === CR) return LINE_START
  return MIDDLE
}
