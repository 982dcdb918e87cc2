/**
 * Key and unique-id of the messages of one session, by number. As octets one behind the other: strings that live as long as a
 * session, among the garbage of parsing, cost 700 octets of heap a message and not 100.
 */

/** For the length of a unique-id: there is none. */
const NONE = 0xffff

export interface KeyedMessage {
  readonly key: string
  readonly uidl: string | null
}

export class SessionKeys {
  /** Where the message with this number begins, plus one; 0 where there is none. */
  #starts = new Uint32Array(256)
  #octets: Buffer = Buffer.alloc(16 * 1024)
  #end = 0

  set(n: number, { key, uidl }: KeyedMessage): void {
    const size = 1 + key.length + 2 + (uidl?.length ?? 0)
    while (this.#end + size > this.#octets.length) this.#octets = grown(this.#octets)
    while (n >= this.#starts.length) {
      const longer = new Uint32Array(2 * this.#starts.length)
      longer.set(this.#starts)
      this.#starts = longer
    }
    this.#starts[n] = this.#end + 1
    this.#octets.writeUInt8(key.length, this.#end)
    this.#octets.write(key, this.#end + 1, 'latin1')
    this.#octets.writeUInt16LE(uidl?.length ?? NONE, this.#end + 1 + key.length)
    if (uidl !== null) this.#octets.write(uidl, this.#end + 3 + key.length, 'latin1')
    this.#end += size
  }

  get(n: number): KeyedMessage | undefined {
    const start = this.#starts[n] ?? 0
    if (start === 0) return undefined
    const at = start + this.#octets.readUInt8(start - 1)
    const length = this.#octets.readUInt16LE(at)
    return {
      key: this.#octets.toString('latin1', start, at),
      uidl: length === NONE ? null : this.#octets.toString('latin1', at + 2, at + 2 + length),
    }
  }

  *values(): Iterable<KeyedMessage> {
    for (let n = 0; n < this.#starts.length; n += 1) {
      const message = this.get(n)
      if (message !== undefined) yield message
    }
  }
}

function grown(octets: Buffer): Buffer {
  const longer = Buffer.alloc(2 * octets.length)
  octets.copy(longer)
  return longer
}
