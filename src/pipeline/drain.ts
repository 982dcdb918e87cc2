/** A drain from end to end: one reading of the mailbox until nothing unseen is left, and a receipt of it. */
import type { Duplex } from 'node:stream'
import { Drainer, type DrainerOptions } from './drainer.ts'
import type { Receipt } from './receipt.ts'

export interface DrainOptions extends DrainerOptions {
  /** Called once at the end, also when the drain fails: what it did so far. */
  readonly onReceipt?: (receipt: Receipt) => void
}

/**
 * Drains the source into the sink and resolves with the receipt once nothing unseen is left.
 * @throws MaildrainError; nothing is deleted that is not durable, whatever is thrown. MAILDRAIN_STOPPED when `signal` was
 * aborted: not before the server has answered what was sent to it, or the grace was over
 */
export async function drain(options: DrainOptions): Promise<Receipt> {
  const drainer = new Drainer(options)
  const started = drainer.clock.monotonic()
  let chain: Duplex | undefined
  try {
    // Made first: its parser threads load while the sink is opened.
    chain = drainer.chain(true)
    await drainer.open()
    const receipt = await drainer.read(chain, started)
    options.onReceipt?.(receipt)
    return receipt
  } catch (error) {
    options.onReceipt?.(drainer.receipt(started))
    throw error
  } finally {
    chain?.destroy()
    await drainer.close()
  }
}
