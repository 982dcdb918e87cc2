/** Which octets of a POP3 server belong to the reply to which line of the client, as they pass in clear. */

/** A line of the client; the greeting is the reply to number 0, which is empty. */
export interface ClientLine {
  /** Without its line end. */
  readonly text: string
  readonly number: number
}

const ALWAYS_MULTI_LINE = new Set(['CAPA', 'RETR', 'TOP'])
const MULTI_LINE_ALONE = new Set(['LIST', 'UIDL', 'AUTH'])
const LF = 10

function isMultiLine(text: string): boolean {
  const [verb = '', ...rest] = text.toUpperCase().trim().split(' ')
  return ALWAYS_MULTI_LINE.has(verb) || (MULTI_LINE_ALONE.has(verb) && rest.length === 0)
}

export class ReplyTracker {
  #waiting: ClientLine[] = [{ text: '', number: 0 }]
  #sent = 0
  #unfinished = ''
  /** Of the server's line that is not whole yet; four octets tell `+OK` and the terminator. */
  #begun = ''
  #inContent = false
  /** Has any octet of the reply come to which the next one belongs? */
  #inReply = false

  /** Takes what the client has sent; a response to a SASL challenge is a line like any other. */
  client(chunk: Buffer): void {
    const lines = (this.#unfinished + chunk.toString('latin1')).split('\n')
    this.#unfinished = lines.pop() ?? ''
    for (const line of lines)
      this.#waiting.push({ text: line.replace(/\r$/, ''), number: (this.#sent += 1) })
  }

  /**
   * Takes what the server has sent.
   * @param onEdge called with the offset of each reply that begins or ends in the chunk; false: nothing beyond is looked at
   */
  server(
    chunk: Buffer,
    onEdge: (edge: 'begin' | 'end', line: ClientLine, offset: number) => boolean,
  ): void {
    for (let at = 0; at < chunk.length;) {
      const line = this.#waiting[0]
      // Nobody asked for it.
      if (line === undefined) return
      if (!this.#inReply) {
        this.#inReply = true
        if (!onEdge('begin', line, at)) return
      }
      const lf = chunk.indexOf(LF, at)
      const end = lf === -1 ? chunk.length : lf + 1
      this.#begun = (this.#begun + chunk.toString('latin1', at, Math.min(end, at + 4))).slice(0, 4)
      at = end
      if (lf === -1 || !this.#endsReply(line)) continue
      this.#waiting.shift()
      this.#inReply = false
      if (!onEdge('end', line, at)) return
    }
  }

  /** At the end of a line of the server. */
  #endsReply(line: ClientLine): boolean {
    const begun = this.#begun
    this.#begun = ''
    const more = this.#inContent
      ? begun !== '.\r\n'
      : begun.startsWith('+OK') && isMultiLine(line.text)
    this.#inContent = more
    return !more
  }
}
