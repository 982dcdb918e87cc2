/**
 * A log on a disk with a cache: what was appended is read back by whoever comes next, as long as the power is on; only
 * what was synced survives a power cut. Of the rest any part may be there: whole frames, a torn one, nothing.
 */
import { createHash } from 'node:crypto'
import type { Random } from '../../../src/testing/random.ts'

/** Length and checksum of a frame. */
const HEADER = 12

export class DiskLog {
  #bytes = Buffer.alloc(0)
  #synced = 0

  append(frame: unknown): void {
    const body = Buffer.from(JSON.stringify(frame))
    const head = Buffer.alloc(HEADER)
    head.writeUInt32BE(body.length)
    checksum(body).copy(head, 4)
    this.#bytes = Buffer.concat([this.#bytes, head, body])
  }

  sync(): void {
    this.#synced = this.#bytes.length
  }

  /** Sectors of what was not synced are lost by chance, and read as zeros where later ones were kept. */
  powerCut(random: Random): void {
    const tail = this.#bytes.subarray(this.#synced)
    const kept = tail.length === 0 ? 0 : random.below(Math.min(tail.length, 65_535) + 1)
    const torn = Buffer.from(tail.subarray(0, kept))
    if (random.chance(50)) torn.fill(0, 0, random.below(kept + 1))
    this.#bytes = Buffer.concat([this.#bytes.subarray(0, this.#synced), torn])
    this.#synced = this.#bytes.length
  }

  /** Frames up to the first that is not whole; what is behind it is cut off, as a write-ahead log does. */
  read(): unknown[] {
    const frames: unknown[] = []
    let at = 0
    while (at + HEADER <= this.#bytes.length) {
      const length = this.#bytes.readUInt32BE(at)
      const body = this.#bytes.subarray(at + HEADER, at + HEADER + length)
      const sum = this.#bytes.subarray(at + 4, at + HEADER)
      if (body.length < length || length === 0 || !checksum(body).equals(sum)) break
      frames.push(JSON.parse(body.toString()))
      at += HEADER + length
    }
    this.#bytes = this.#bytes.subarray(0, at)
    this.#synced = Math.min(this.#synced, at)
    return frames
  }
}

const checksum = (body: Buffer): Buffer => createHash('sha256').update(body).digest().subarray(0, 8)
