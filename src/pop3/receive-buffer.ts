/**
 * Lines out of chunks: keeps the unfinished rest of one line and nothing else, and refuses a line without an end, which
 * would fill the memory.
 */
import { Pop3ProtocolError } from '../errors.ts'

const CR = 0x0d
const LF = 0x0a

export class LineBuffer {
  readonly #maxBytes: number
  #rest: Buffer[] = []
  #restBytes = 0

  /** @param maxBytes of a line with its end */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** Bytes of the unfinished line. */
  get pending(): number {
    return this.#restBytes
  }

  /** The unfinished line, for a look at what the other side speaks. */
  peek(): Buffer {
    return Buffer.concat(this.#rest)
  }

  /**
   * Takes bytes from `start` on. Lines end with CRLF or, as some UNIX servers send them, LF; the end is not part of the
   * line.
   * @param onLine gets each complete line and its octets, its end included, and says whether to go on
   * @returns the offset after the line after which not to go on; else the chunk's length
   * @throws Pop3ProtocolError MAILDRAIN_POP3_LIMIT
   */
  feed(chunk: Buffer, start: number, onLine: (line: Buffer, octets: number) => boolean): number {
    let at = start
    while (at < chunk.length) {
      const found = chunk.indexOf(LF, at)
      const end = found < 0 ? chunk.length : found
      if (this.#restBytes + end - at > this.#maxBytes) throw tooLong(this.#maxBytes)
      if (found < 0) {
        this.#rest.push(chunk.subarray(at))
        this.#restBytes += end - at
        return end
      }
      const line = this.#complete(chunk.subarray(at, end))
      at = end + 1
      if (!onLine(withoutCr(line), line.length + 1)) return at
    }
    return at
  }

  /** Forgets the unfinished line. */
  clear(): void {
    this.#rest = []
    this.#restBytes = 0
  }

  #complete(last: Buffer): Buffer {
    if (this.#restBytes === 0) return last
    const line = Buffer.concat([...this.#rest, last])
    this.clear()
    return line
  }
}

function withoutCr(line: Buffer): Buffer {
  return line[line.length - 1] === CR ? line.subarray(0, -1) : line
}

const tooLong = (maxBytes: number): Pop3ProtocolError =>
  new Pop3ProtocolError(
    'MAILDRAIN_POP3_LIMIT',
    `the POP3 server sent a line of more than ${maxBytes} bytes: check that host and port are those of a POP3 server, or raise maxLineBytes`,
  )
