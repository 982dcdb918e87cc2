/**
 * The gate of one session (G1, G2): which message-numbers may be deleted, and whether QUIT may be sent at all. A number
 * that nobody answered for is neither.
 */

/** What QUIT removes on this host: only what was DELEd, or also what was RETRed (EXPIRE 0, Gmail); unknown counts as the latter. */
export type QuitRemoves = 'deleted' | 'read' | 'unknown'

/** Of a number; 0: nobody has read it. */
const READING = 1
const DURABLE = 2
const STAYING = 3
const UNRESOLVED = 4

export class Gate {
  /** By number: an octet each, as long as the session lasts. */
  #states = new Uint8Array(256)
  #read = 0
  #pending = 0
  #unresolved = 0
  #staying = 0

  /** RETR is about to be issued for this number. */
  reading(n: number): void {
    if (n >= this.#states.length) this.#grow(n)
    if (this.#states[n] !== 0) return
    this.#states[n] = READING
    this.#read += 1
    this.#pending += 1
  }

  /** The RETR was taken back before it was sent: as if it had never been issued. */
  withdrawn(n: number): void {
    if (!this.#close(n)) return
    this.#states[n] = 0
    this.#read -= 1
  }

  /** Its records and its ledger entry are committed at the destination. */
  durable(n: number): void {
    if (this.#close(n)) this.#states[n] = DURABLE
  }

  /** Durable as well, and to stay on the server for now. */
  staying(n: number): void {
    if (!this.#close(n)) return
    this.#states[n] = STAYING
    this.#staying += 1
  }

  /** It was read, or may have been, and is not durable: kept, short, refused, failed. */
  unresolved(n: number): void {
    if (!this.#close(n)) return
    this.#states[n] = UNRESOLVED
    this.#unresolved += 1
  }

  /** Numbers that nobody has answered for yet. */
  get pending(): number {
    return this.#pending
  }

  get read(): number {
    return this.#read
  }

  /** Numbers that are durable and stay. */
  get stays(): number {
    return this.#staying
  }

  get spoilt(): boolean {
    return this.#unresolved > 0
  }

  /** Numbers whose deletion loses nothing, ascending. */
  deletable(): number[] {
    const numbers: number[] = []
    for (const [n, state] of this.#states.entries()) if (state === DURABLE) numbers.push(n)
    return numbers
  }

  /**
   * May QUIT be sent? Where it removes what was read, only when every number read is durable and none of them is to stay;
   * without deletion all are.
   */
  mayQuit(removes: QuitRemoves, deletion: boolean): boolean {
    if (this.#pending > 0) return false
    if (removes === 'deleted') return true
    return deletion ? this.#unresolved + this.#staying === 0 : this.#read === 0
  }

  #close(n: number): boolean {
    if (this.#states[n] !== READING) return false
    this.#pending -= 1
    return true
  }

  #grow(n: number): void {
    const longer = new Uint8Array(Math.max(n + 1, 2 * this.#states.length))
    longer.set(this.#states)
    this.#states = longer
  }
}
