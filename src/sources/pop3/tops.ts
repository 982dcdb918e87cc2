/**
 * Header blocks by TOP n 0, many in flight, each bound to its number by an echo as messages are (G9). What TOP gives is not
 * to be trusted beyond the first empty line: Stalwart sends the whole message, Maillennium cuts at 64 KiB, hMailServer does
 * not stuff dots.
 */
import { Pop3ReplyError } from '../../errors.ts'
import type { Pop3Client } from '../../pop3/index.ts'
import type { ByteBudget } from '../source.ts'
import { Echo, type Numbered } from './echo.ts'
import { headerBlock } from '../../header-block.ts'
import type { Host } from './host.ts'

/** A longer header block counts as none. */
const MAX_BLOCK_BYTES = 64 * 1024
/** What a TOP is reckoned with beside the RETRs in flight: header blocks of real mail are some 4 KiB. */
export const USUAL_OCTETS = 8 * 1024
/** TOPs that are handed to the client at once. */
const MOST = 128

export interface TopsOptions<Item extends Numbered> {
  /** In its reading phase. */
  readonly client: Pop3Client
  readonly host: Host
  readonly budget: ByteBudget
  readonly signal: AbortSignal
  /** As for an echo. */
  readonly ask: (item: Item) => Promise<boolean | undefined>
  /** Replies came apart at this item, or the session ended: Courier closes the connection when it cannot read a file. */
  readonly blame: (item: Item) => void
}

export interface Top<Item extends Numbered> {
  readonly item: Item
  /** With the empty line; undefined when none came. */
  readonly block: Buffer | undefined
  /** False: refused, too long, or not bound to its number. Then nothing follows from it, nor from its absence. */
  readonly usable: boolean
  /** Why there is no reply. */
  readonly refused: Pop3ReplyError | undefined
  /** That came, body or not. */
  readonly octets: number
}

export class Tops<Item extends Numbered> {
  readonly #options: TopsOptions<Item>
  /** Items that `read` takes at once. */
  readonly most: number

  constructor(options: TopsOptions<Item>) {
    this.#options = options
    const { capacity } = options.budget
    this.most = Math.max(1, Math.min(MOST, Math.floor(capacity / 4 / MAX_BLOCK_BYTES)))
  }

  /**
   * In the order of the items, `most` at the most. Takes credit and gives it back before it resolves: the blocks are to be
   * done with at once.
   * @throws Pop3ProtocolError MAILDRAIN_POP3_DESYNC when a reply may be that to another command; what ends the session
   */
  async read(items: readonly Item[]): Promise<readonly Top<Item>[]> {
    const { budget, signal } = this.#options
    const credit = items.length * MAX_BLOCK_BYTES
    while (!budget.tryTake(credit)) await budget.wait(signal)
    try {
      return await (this.#options.host.echoes ? this.#inFlight(items) : this.#oneByOne(items))
    } finally {
      budget.release(credit)
    }
  }

  /** Without an echo a reply is known by nothing but its place. */
  async #oneByOne(items: readonly Item[]): Promise<readonly Top<Item>[]> {
    const tops: Top<Item>[] = []
    for (const item of items)
      await this.#top(item, (top) => {
        tops.push(top)
      })
    return tops
  }

  #inFlight(items: readonly Item[]): Promise<readonly Top<Item>[]> {
    const { host, ask, blame } = this.#options
    return new Promise((resolve, reject) => {
      const echo = new Echo<Item>({ host, ask, blame, fail: reject })
      const all = items.map((item) => this.#bound(item, echo))
      echo.pause()
      Promise.all(all).then(resolve, reject)
    })
  }

  /** Settles when its echo was answered, not when the bytes have come. */
  #bound(item: Item, echo: Echo<Item>): Promise<Top<Item>> {
    return new Promise((resolve, reject) => {
      let ticket = 0
      const handled = this.#top(item, (top) => {
        const release = () => resolve(top)
        const discard = () => resolve({ ...top, block: undefined, usable: false })
        if (top.refused !== undefined) resolve(top)
        else echo.hold({ ticket, item, release, discard })
      })
      handled.catch(reject)
      ticket = echo.issued(item, handled)
    })
  }

  async #top(item: Item, came: (top: Top<Item>) => void): Promise<void> {
    const chunks: Buffer[] = []
    let octets = 0
    const onData = (chunk: Buffer): void => {
      const room = MAX_BLOCK_BYTES - octets
      if (room > 0) chunks.push(Buffer.from(chunk.subarray(0, room)))
      octets += chunk.length
    }
    try {
      await this.#options.client.top(item.n, 0, { octets: USUAL_OCTETS, onData })
    } catch (error) {
      if (!(error instanceof Pop3ReplyError)) {
        this.#options.blame(item)
        throw error
      }
      came({ item, block: undefined, usable: false, refused: error, octets })
      return
    }
    const block = headerBlock(Buffer.concat(chunks))
    const usable = block !== undefined || octets <= MAX_BLOCK_BYTES
    came({ item, block, usable, refused: undefined, octets })
  }
}
