/** Where the receipt of a command goes: to standard output, and into a file. */
import type { DrainFlags } from '../config/drain-flags.ts'
import { MaildrainError, describeError } from '../errors.ts'
import { ReceiptFile } from '../observe/receipt.ts'

export class ReceiptOutput<Receipt extends { readonly sessions: number }> {
  readonly #flags: Pick<DrainFlags, 'json' | 'quiet'>
  readonly #file: ReceiptFile | undefined
  readonly #format: (receipt: Receipt) => string

  /** @throws ConfigError when the file cannot be written, before anything has been done */
  constructor(
    flags: Pick<DrainFlags, 'json' | 'quiet' | 'receipt'>,
    format: (receipt: Receipt) => string,
  ) {
    this.#flags = flags
    this.#file = flags.receipt === undefined ? undefined : new ReceiptFile(flags.receipt)
    this.#format = format
  }

  write(receipt: Receipt): void {
    this.#file?.write(receipt)
    this.#print(receipt)
  }

  /** What was done until then is worth knowing, also when it ended badly. */
  writeFailed(receipt: Receipt, error: unknown): void {
    const code = error instanceof MaildrainError ? error.code : 'MAILDRAIN_INTERNAL'
    this.#file?.write({ ...receipt, error: { code, message: describeError(error) } })
    if (receipt.sessions > 0) this.#print(receipt)
  }

  #print(receipt: Receipt): void {
    const { json, quiet } = this.#flags
    if (json) process.stdout.write(`${JSON.stringify(receipt)}\n`)
    else if (!quiet) process.stdout.write(`${this.#format(receipt)}\n`)
  }
}
