/**
 * The gate of one session (G1, G2): which message-numbers may be deleted, and whether QUIT may be sent at all. A number
 * that nobody answered for is neither.
 */

/** What QUIT removes on this host: only what was DELEd, or also what was RETRed (EXPIRE 0, Gmail); unknown counts as the latter. */
export type QuitRemoves = 'deleted' | 'read' | 'unknown'

type NumberState = 'reading' | 'durable' | 'staying' | 'unresolved'

export class Gate {
  readonly #states = new Map<number, NumberState>()
  #pending = 0
  #unresolved = 0
  #staying = 0

  /** RETR is about to be issued for this number. */
  reading(n: number): void {
    if (this.#states.has(n)) return
    this.#states.set(n, 'reading')
    this.#pending += 1
  }

  /** The RETR was taken back before it was sent: as if it had never been issued. */
  withdrawn(n: number): void {
    if (this.#close(n)) this.#states.delete(n)
  }

  /** Its records and its ledger entry are committed at the destination. */
  durable(n: number): void {
    if (this.#close(n)) this.#states.set(n, 'durable')
  }

  /** Durable as well, and to stay on the server for now. */
  staying(n: number): void {
    if (!this.#close(n)) return
    this.#states.set(n, 'staying')
    this.#staying += 1
  }

  /** It was read, or may have been, and is not durable: kept, short, refused, failed. */
  unresolved(n: number): void {
    if (!this.#close(n)) return
    this.#states.set(n, 'unresolved')
    this.#unresolved += 1
  }

  /** Numbers that nobody has answered for yet. */
  get pending(): number {
    return this.#pending
  }

  get read(): number {
    return this.#states.size
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
    for (const [n, state] of this.#states) if (state === 'durable') numbers.push(n)
    return numbers.sort((a, b) => a - b)
  }

  /**
   * May QUIT be sent? Where it removes what was read, only when every number read is durable and none of them is to stay;
   * without deletion all are.
   */
  mayQuit(removes: QuitRemoves, deletion: boolean): boolean {
    if (this.#pending > 0) return false
    if (removes === 'deleted') return true
    return deletion ? this.#unresolved + this.#staying === 0 : this.#states.size === 0
  }

  #close(n: number): boolean {
    if (this.#states.get(n) !== 'reading') return false
    this.#pending -= 1
    return true
  }
}
